package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"cellular/cmd/internal/cli"
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

// exitRefused is cellctl's own exit code: there is no such thing, or its state forbids the command.
const exitRefused = 3

const exitCodes = `Exit codes: 0 done, 1 failed, 2 wrong command line or not confirmed (nothing was done),
3 not found or refused by the state that things are in, 130 interrupted.`

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
	removal.ErrProbe, removal.ErrNone, removal.ErrHeld, removal.ErrTakenOver, removal.ErrNotCopied,
	replay.ErrTooOld,
	restore.ErrUnavailable,
}

// exitCode says on stderr what went wrong, and returns the code to exit with.
func exitCode(err error, interrupted bool, stderr io.Writer) int {
	code := cli.ExitCode("cellctl", err, interrupted, stderr)
	if code != cli.ExitFailure {
		return code
	}
	if endpoint := goneEndpoint(err); endpoint != "" {
		fmt.Fprintf(terminal.NewWriter(stderr), "Nothing answers at %s, which %s names. If that was a local cloud, it has been taken down: 'make local' starts one, and the file that it then names points this shell to it.\n",
			endpoint, envEndpoint)
	}
	switch {
	case errors.Is(err, placement.ErrInvalid):
		return cli.ExitUsage
	case isRefusal(err):
		return exitRefused
	}
	return code
}

// goneEndpoint is the endpoint in the place of AWS at which nothing answers, for the one that an error is about; else "".
func goneEndpoint(err error) string {
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return ""
	}
	return os.Getenv(envEndpoint)
}

// isRefusal reports whether an error says that there is no such thing, or that its state forbids the command.
func isRefusal(err error) bool {
	return slices.ContainsFunc(refusals, func(known error) bool { return errors.Is(err, known) })
}
