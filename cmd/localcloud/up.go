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

	"cellular/cmd/internal/cli"
	"cellular/local"
	"cellular/local/demo"
)

func newUp() *cobra.Command {
	var dir string
	var port int
	var raw bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Bring the system up and leave it running; Ctrl-C takes it down",
		Long: `Prints the log while the system runs, one line for each step of an event: when the router took it, the producer published
it, and the consumer applied it or failed. Alarms that fire or end have a line, too. A warning or an error that
repeats is shown five times, and then counted: "... and 214 more in 10 s". How much the functions log is
cellular:functions: logLevel in Pulumi.local.yaml.

The lines as they are written, with their metrics, are in the logs of --dir, and --json prints those.
Colours are for terminals, unless NO_COLOR is set.`,
		Example: `  localcloud up
  localcloud up --port 8080
  localcloud up --json 2>/dev/null | grep '"outcome":"ejected"'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if port < 0 || port > 65535 {
				return cli.WrongUsage(cmd, "--port is %d, want 0 (any free port) to 65535", port)
			}
			logs, end := logsTo(cmd.OutOrStdout(), raw)
			defer end()
			return runUp(cmd.Context(), local.Options{Dir: dir, Port: port, Logs: logs, Schedules: true, Progress: progressTo(cmd.ErrOrStderr())}, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "directory of the local cloud's state and logs (default .local of the project)")
	cmd.Flags().IntVar(&port, "port", 0, "port of the router (default any free one)")
	cmd.Flags().BoolVar(&raw, "json", false, "print the log's lines as they are written, behind the name of their part")
	return cmd
}

// runUp runs the system, with the sample's tenants in their cells, until the context ends.
func runUp(ctx context.Context, o local.Options, stderr io.Writer) (err error) {
	examples, err := loadExamples("")
	if err != nil {
		return err
	}
	cloud, err := local.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		closed := cloud.Close()
		if closed == nil {
			fmt.Fprintln(stderr, "everything is down")
		}
		err = errors.Join(err, closed)
	}()
	fmt.Fprintln(stderr, "bringing the stack up ...")
	outputs, _, err := cloud.Up(ctx, nil)
	if err != nil {
		return err
	}
	if err := demo.Place(ctx, cloud, outputs, examples.Tenants); err != nil {
		return err
	}
	env, err := cloud.WriteEnv(ctx)
	if err != nil {
		return err
	}
	dashboards, err := cloud.ServeDashboards()
	if err != nil {
		return err
	}
	describe(stderr, cloud, outputs, examples.Tenants, env)
	fmt.Fprintf(stderr, "The dashboards are at %s.\n\n", dashboards)
	<-ctx.Done()
	fmt.Fprintln(stderr, "\ntaking everything down ...")
	return nil
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

Operate it, or change it, from another terminal:

  . %[4]s
  %[5]s cells list
  pulumi up -s %[6]s

What happens to events follows. All that the functions write is in %[3]s. Ctrl-C takes everything down.

`, outputs.URL, placements[0].TenantID, filepath.Join(cloud.Dir, "logs"), env, filepath.Join(filepath.Dir(os.Args[0]), "cellctl"), local.StackName)
}
