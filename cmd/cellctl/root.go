package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/terminal"
)

// app is one run of cellctl: what it reads and writes, its global flags, and how it reaches AWS.
type app struct {
	stdin          io.Reader
	stdout, stderr *terminal.Writer
	terminal       func(stream any) bool // whether a stream is a terminal
	dial           func(context.Context, options) (*clients, error)

	options options

	act *act // what the command does; nil for one that only looks

	removedLetters int // letters of removed tenants that were deleted where they were met
}

func (a *app) run(ctx context.Context, args []string) error {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := explainCredentials(root.ExecuteContext(ctx))
	if n := a.removedLetters; n > 0 {
		a.note("%s of tenants that were removed %s there still, and %s deleted.", counted(n, "message"), plural(n, "was", "were"), plural(n, "is", "are"))
	}
	return err
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "cellctl",
		Short: "Operate a Cellular deployment",
		Long: `cellctl operates a Cellular deployment: it shows what the cells are doing, places tenants in them, moves them
between cells, and sends again what has failed.

It finds the deployment by the name of its stack, with the credentials that the AWS CLI would use. Data goes to
stdout, all else to stderr; --output json prints one document, of names that stay.

` + exitCodes,
		Example: `  export CELLCTL_STACK=prod
  cellctl cells list
  cellctl tenants show acme --output json`,
		Args:              cli.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.options.validate() },
		SilenceErrors:     true,
		SilenceUsage:      true,
	}
	a.options.register(root)
	root.AddCommand(newCells(a), newAlarms(a), newTenants(a), newEvents(a), newMoves(a), newDLQ(a), newReplay(a), newRestore(a), newDoctor(a), newProbe(a), newAudit(a), newIAMPolicy(a), newVersion(a), newCompletion())
	cli.Prepare(root)
	// Not cobra's own flag: its template links text/template, for which the linker keeps every method there is, 17 MB of them.
	version := root.Flags().Bool("version", false, "print which cellctl this is")
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if *version {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), thisBuild())
			return err
		}
		return cli.Help(cmd, args)
	}
	return root
}
