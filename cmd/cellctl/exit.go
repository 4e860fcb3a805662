package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/record"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/restore"
	"cellular/internal/operator/terminal"
)

// The exit codes.
const (
	exitFailure     = 1   // the command ran and failed
	exitUsage       = 2   // the command line was wrong, or the operator did not confirm; nothing was done
	exitRefused     = 3   // there is no such thing, or its state forbids the command
	exitInterrupted = 130 // SIGINT or SIGTERM; what was started has been taken down
)

const exitCodes = `Exit codes: 0 done, 1 failed, 2 wrong command line or not confirmed (nothing was done),
3 not found or refused by the state that things are in, 130 interrupted.`

// usageError is a mistake in the command line, or an operator who did not confirm.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errRefused marks the errors of commands that the state of things forbids. Trying again changes nothing.
var errRefused = errors.New("refused")

// refused returns an error that wraps errRefused and reads as the format alone.
func refused(format string, args ...any) error {
	return refusal{fmt.Errorf(format, args...)}
}

type refusal struct{ error }

func (e refusal) Unwrap() []error { return []error{errRefused, e.error} }

// refusals are the errors of other packages for which a command exits with exitRefused.
var refusals = []error{
	errRefused,
	fleet.ErrNoStack, fleet.ErrUnknownCell,
	mapping.ErrUnknownTenant, mapping.ErrExists,
	placement.ErrRefused, placement.ErrNoRoom,
	move.ErrMoving, move.ErrRemoving, move.ErrSameCell, move.ErrNoPlace, move.ErrProbe,
	record.ErrNewer, move.ErrNoMove, move.ErrHeld, move.ErrTakenOver, move.ErrTooLate, move.ErrBackingOut,
	move.ErrNotOfMove, move.ErrNotLost, move.ErrAbandoning,
	removal.ErrNone, removal.ErrHeld, removal.ErrTakenOver, removal.ErrNotCopied,
	replay.ErrTooOld,
	restore.ErrUnavailable,
}

// exitCode says on stderr what went wrong, and returns the code to exit with.
func exitCode(err error, interrupted bool, to io.Writer) int {
	stderr := terminal.NewWriter(to)
	if interrupted {
		fmt.Fprintln(stderr, "cellctl: interrupted")
		return exitInterrupted
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "cellctl: %v\n", err)
	if endpoint := os.Getenv(envEndpoint); endpoint != "" && errors.Is(err, syscall.ECONNREFUSED) {
		fmt.Fprintf(stderr, "Nothing answers at %s, which %s names. If that was a local cloud, it has been taken down: 'make local' starts one, and the file that it then names points this shell to it.\n",
			endpoint, envEndpoint)
	}
	switch {
	case errors.As(err, new(usageError)), errors.Is(err, placement.ErrInvalid):
		return exitUsage
	case isRefusal(err):
		return exitRefused
	}
	return exitFailure
}

// isRefusal reports whether an error says that there is no such thing, or that its state forbids the command.
func isRefusal(err error) bool {
	return slices.ContainsFunc(refusals, func(known error) bool { return errors.Is(err, known) })
}
