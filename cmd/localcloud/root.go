package main

import (
	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
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
		Args:          cli.NoArgs,
		RunE:          cli.Help,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newDemo(), newUp(), newSetup())
	cli.Prepare(root)
	return root
}
