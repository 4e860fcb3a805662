// Package cli has what the command lines of all commands share: how arguments are checked, how a mistake in them reads, and
// what a command exits with.
package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cellular/internal/operator/terminal"
)

// The exit codes of every command. A command may have more.
const (
	ExitFailure     = 1   // the command ran and failed
	ExitUsage       = 2   // the command line was wrong, or the operator did not confirm; nothing was done
	ExitInterrupted = 130 // SIGINT or SIGTERM; what was started has been taken down
)

// usageError is a mistake in the command line, or an operator who did not confirm.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Usagef returns an error for which a command exits with ExitUsage.
func Usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// WrongUsage returns the error of a mistake in a command's arguments or flags. It names the command's help.
func WrongUsage(cmd *cobra.Command, format string, args ...any) error {
	return Usagef("%w; see '%s --help'", fmt.Errorf(format, args...), cmd.CommandPath())
}

// ExitCode says on stderr what went wrong with the command of a name, and returns the code to exit with.
func ExitCode(name string, err error, interrupted bool, stderr io.Writer) int {
	to := terminal.NewWriter(stderr)
	switch {
	case interrupted:
		fmt.Fprintf(to, "%s: interrupted\n", name)
		return ExitInterrupted
	case err == nil:
		return 0
	}
	fmt.Fprintf(to, "%s: %v\n", name, err)
	if errors.As(err, new(usageError)) {
		return ExitUsage
	}
	return ExitFailure
}
