package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cellctl",
		Short: "Operate a Cellular deployment",
		Long: `cellctl operates a Cellular deployment.

Exit codes: 0 done, 1 failed, 2 wrong command line, 130 interrupted.`,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())}
	})
	root.AddCommand(newLocal())
	return root
}

// noArgs refuses arguments, and so unknown subcommands, as wrong usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s: unknown argument %q; see '%s --help'", cmd.CommandPath(), args[0], cmd.CommandPath())}
	}
	return nil
}
