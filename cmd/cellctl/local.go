package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cellular/functions"
	"cellular/local"
	"cellular/local/demo"
)

func newLocal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "local",
		Short: "Run the system on this machine, without an AWS account",
		Long: `The local cloud runs the real program, the real Pulumi engine and the real function binaries on 127.0.0.1.
It needs Linux, Go and Python 3; what else it needs it installs into .build and .local of the project.
With AWS_ENDPOINT_URL set, that endpoint is used as the emulator and none is started.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLocalUp(), newLocalDemo(), newLocalSetup())
	return cmd
}

func newLocalUp() *cobra.Command {
	var dir string
	var port int
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring the system up and leave it running; Ctrl-C takes it down",
		Example: `  cellctl local up
  cellctl local up --port 8080`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLocal(cmd.Context(), local.Options{Dir: dir, Port: port, Logs: cmd.OutOrStdout(), Progress: progressTo(cmd.ErrOrStderr())}, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "directory of the local cloud's state and logs (default .local of the project)")
	cmd.Flags().IntVar(&port, "port", 0, "port of the router (default any free one)")
	return cmd
}

// runLocal runs the system until the context ends.
func runLocal(ctx context.Context, o local.Options, stderr io.Writer) (err error) {
	cloud, err := local.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cloud.Close()) }()
	fmt.Fprintln(stderr, "bringing the stack up ...")
	outputs, _, err := cloud.Up(ctx, nil)
	if err != nil {
		return err
	}
	describe(stderr, cloud, outputs)
	<-ctx.Done()
	fmt.Fprintln(stderr, "\ntaking everything down ...")
	return nil
}

func describe(w io.Writer, cloud *local.Cloud, outputs local.Outputs) {
	fmt.Fprintf(w, `
The router answers at %[1]s. No tenant is placed yet; to place one and send it an event:

  export AWS_ENDPOINT_URL=%[2]s AWS_REGION=%[3]s AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
  aws dynamodb put-item --table-name %[4]s --item \
    '{"tenant_id":{"S":"acme"},"cell_id":{"S":"alpha"},"epoch":{"N":"1"},"state":{"S":"active"},"tier":{"S":"standard"},"updated_at":{"S":"2026-01-01T00:00:00.000Z"}}'
  curl -i %[1]s/v1/events -H 'Content-Type: application/json' \
    -d '{"tenant_id":"acme","type":"order.placed","payload":{"order_id":"1","customer":"Ada","currency":"EUR","lines":[{"sku":"A","quantity":1,"unit_price":100}]}}'

`, outputs.URL, *cloud.AWS.BaseEndpoint, cloud.AWS.Region, outputs.MappingTable)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "CELL\tWAVE\tTIER\tDATA TABLE\tRESULTS TABLE")
	for _, id := range slices.Sorted(maps.Keys(outputs.Cells)) {
		c := outputs.Cells[id]
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\n", id, c.Wave, c.Tier, c.DataTable, c.ResultsTable)
	}
	tw.Flush()
	fmt.Fprintf(w, "\nThe functions' logs follow, and stand in %s. Ctrl-C takes everything down.\n\n", filepath.Join(cloud.Dir, "logs"))
}

func newLocalDemo() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Bring the system up, send the sample events, check the invariants, take it down",
		Long:    "Exits with 1 and the reason if an event is lost, applied twice or in the wrong cell, or if an invariant does not hold.",
		Example: "  cellctl local demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Examples == "" {
				root, err := functions.ModuleRoot()
				if err != nil {
					return err
				}
				o.Examples = filepath.Join(root, "examples")
			}
			o.Out = cmd.OutOrStdout()
			o.Live = isTerminal(o.Out)
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Dir, "dir", "", "directory of the local cloud's state and logs (default .local of the project)")
	cmd.Flags().StringVar(&o.Examples, "examples", "", "directory of the sample input (default examples of the project)")
	return cmd
}

func newLocalSetup() *cobra.Command {
	return &cobra.Command{
		Use:   "setup",
		Short: "Install what the local cloud needs, and start nothing",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return local.Setup(cmd.Context(), local.Options{Progress: progressTo(cmd.ErrOrStderr())})
		},
	}
}

func progressTo(w io.Writer) func(string) {
	return func(line string) { fmt.Fprintln(w, line) }
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
