package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/local"
)

func newSetup() *cobra.Command {
	return &cobra.Command{
		Use:     "setup",
		Short:   "Install what the local cloud needs, and start nothing",
		Long:    "What is installed is kept in .build and .local of the project, so that the other commands start at once.",
		Example: "  localcloud setup",
		Args:    cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return local.Setup(cmd.Context(), local.Options{Progress: progressTo(cmd.ErrOrStderr())})
		},
	}
}

func progressTo(w io.Writer) func(string) {
	return func(line string) { fmt.Fprintln(w, line) }
}
