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
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

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
		Example: `  cellctl local up
  cellctl local demo`,
		Args:              noArgs,
		RunE:              help,
		PersistentPreRunE: noDeployment,
	}
	cmd.AddCommand(newLocalUp(), newLocalDemo(), newLocalSetup())
	return cmd
}

// noDeployment refuses the global flags that say which deployment a command is about: those of local make their own.
func noDeployment(cmd *cobra.Command, _ []string) error {
	for _, name := range []string{"stack", "region", "profile", "output"} {
		if cmd.Flags().Changed(name) {
			return wrongUsage(cmd, "--%s has no meaning here", name)
		}
	}
	return nil
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
			if port < 0 || port > 65535 {
				return usageError{fmt.Errorf("--port is %d, want 0 (any free port) to 65535; see '%s --help'", port, cmd.CommandPath())}
			}
			return runLocal(cmd.Context(), local.Options{Dir: dir, Port: port, Logs: cmd.OutOrStdout(), Progress: progressTo(cmd.ErrOrStderr())}, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "directory of the local cloud's state and logs (default .local of the project)")
	cmd.Flags().IntVar(&port, "port", 0, "port of the router (default any free one)")
	return cmd
}

// runLocal runs the system, with the sample's tenants in their cells, until the context ends.
func runLocal(ctx context.Context, o local.Options, stderr io.Writer) (err error) {
	examples, err := loadExamples("")
	if err != nil {
		return err
	}
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
	if err := demo.Place(ctx, cloud, outputs, examples.Tenants); err != nil {
		return err
	}
	env, err := cloud.WriteEnv()
	if err != nil {
		return err
	}
	describe(stderr, cloud, outputs, examples.Tenants, env)
	<-ctx.Done()
	fmt.Fprintln(stderr, "\ntaking everything down ...")
	return nil
}

// loadExamples reads the sample input of a directory; "" is the project's.
func loadExamples(dir string) (demo.Examples, error) {
	if dir == "" {
		root, err := functions.ModuleRoot()
		if err != nil {
			return demo.Examples{}, err
		}
		dir = filepath.Join(root, "examples")
	}
	return demo.Load(dir)
}

// describe tells how to use a cloud. env is the file that points a shell to it.
func describe(w io.Writer, cloud *local.Cloud, outputs local.Outputs, placements []demo.Placement, env string) {
	fmt.Fprintf(w, "\nThe router answers at %s, the AWS APIs at %s.\n\n", outputs.URL, *cloud.AWS.BaseEndpoint)
	tenants := map[string][]string{}
	for _, p := range placements {
		tenants[p.CellID] = append(tenants[p.CellID], p.TenantID)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "CELL\tWAVE\tTIER\tDATA TABLE\tRESULTS TABLE\tTENANTS")
	for _, id := range slices.Sorted(maps.Keys(outputs.Cells)) {
		c := outputs.Cells[id]
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\t%s\n", id, c.Wave, c.Tier, c.DataTable, c.ResultsTable, strings.Join(tenants[id], " "))
	}
	tw.Flush()
	fmt.Fprintf(w, `
Send an event, and read what became of it:

  curl -i %[1]s/v1/events -H 'Content-Type: application/json' -d \
    '{"tenant_id":"%[2]s","id":"first","type":"order.placed","payload":{"order_id":"1","customer":"Ada","currency":"EUR","lines":[{"sku":"A","quantity":2,"unit_price":1999}]}}'
  curl -i '%[1]s/v1/events/first?tenant_id=%[2]s'

Operate it from another terminal:

  . %[4]s
  %[5]s cells list

The functions' logs follow, and stand in %[3]s. Ctrl-C takes everything down.

`, outputs.URL, placements[0].TenantID, filepath.Join(cloud.Dir, "logs"), env, os.Args[0])
}

func newLocalDemo() *cobra.Command {
	var o demo.Options
	var dir string
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Bring the system up, send the sample events, check the invariants, take it down",
		Long:    "Exits with 1 and the reason if an event is lost, applied twice or in the wrong cell, or if an invariant does not hold.",
		Example: "  cellctl local demo",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			examples, err := loadExamples(dir)
			if err != nil {
				return err
			}
			o.Examples = examples
			o.Out = cmd.OutOrStdout()
			o.Live = isTerminal(o.Out)
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Dir, "dir", "", "directory of the local cloud's state and logs (default .local of the project)")
	cmd.Flags().StringVar(&dir, "examples", "", "directory of the sample input (default examples of the project)")
	return cmd
}

func newLocalSetup() *cobra.Command {
	return &cobra.Command{
		Use:     "setup",
		Short:   "Install what the local cloud needs, and start nothing",
		Long:    "What is installed is kept in .build and .local of the project, so that the other commands start at once.",
		Example: "  cellctl local setup",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return local.Setup(cmd.Context(), local.Options{Progress: progressTo(cmd.ErrOrStderr())})
		},
	}
}

func progressTo(w io.Writer) func(string) {
	return func(line string) { fmt.Fprintln(w, line) }
}
