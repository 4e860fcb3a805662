package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cellular/internal/operator/terminal"
)

// The exit codes.
const (
	exitFailure     = 1   // the command ran and failed
	exitUsage       = 2   // the command line was wrong; nothing was done
	exitInterrupted = 130 // SIGINT or SIGTERM; what was started has been taken down
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "localcloud",
		Short: "Run the system on this machine, without an AWS account",
		Long: `localcloud runs the real program, the real Pulumi engine and the real function binaries on 127.0.0.1.
It needs Linux, Go and Python 3; what else it needs it installs into .build and .local of the project.
With AWS_ENDPOINT_URL set, that endpoint is used as the emulator and none is started.

Exit codes: 0 done, 1 failed, 2 wrong command line (nothing was done), 130 interrupted.`,
		Example: `  localcloud demo
  localcloud up --port 8080`,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return wrongUsage(cmd, "%w", err) })
	root.AddCommand(newDemo(), newUp(), newSetup())
	return root
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func wrongUsage(cmd *cobra.Command, format string, args ...any) error {
	return usageError{fmt.Errorf("%w; see '%s --help'", fmt.Errorf(format, args...), cmd.CommandPath())}
}

// noArgs refuses arguments, and so unknown subcommands, as wrong usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return wrongUsage(cmd, "unknown argument %q", args[0])
	}
	return nil
}

// exitCode says on stderr what went wrong, and returns the code to exit with.
func exitCode(err error, interrupted bool, to io.Writer) int {
	stderr := terminal.NewWriter(to)
	switch {
	case interrupted:
		fmt.Fprintln(stderr, "localcloud: interrupted")
		return exitInterrupted
	case err == nil:
		return 0
	}
	fmt.Fprintf(stderr, "localcloud: %v\n", err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailure
}
