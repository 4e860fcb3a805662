package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/operator/restore"
)

// defaultRestoreRate is how many items are put back per second at most, where nothing else is asked for: a small share of
// what an on-demand table takes at once (4,000 writes per second, of which a transaction makes two for each item).
const defaultRestoreRate = 200.0

func newRestore(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Put back what was deleted or lost, from point-in-time recovery",
		Long: `restore puts back what a script, a mistake or a loss has taken out of a cell or out of the mapping table. DynamoDB makes
scratch tables, which have what the tables had at a time; what is missing is put back from them, and what is there is never
overwritten.

Restore the mapping of a tenant first, then the cell.

What belongs to a tenant that was removed with 'cellctl tenants remove' does not come back, and never reaches a later tenant
of the name. --revive names a tenant whose removal was a mistake.`,
		Example: `  cellctl restore mapping --at 2026-07-01T12:00:00Z --tenant acme
  cellctl restore cell c01 --at 2026-07-01T12:00:00Z --tenant acme`,
		Args: cli.NoArgs,
		RunE: cli.Help,
	}
	cmd.AddCommand(newRestoreCell(a), newRestoreMapping(a))
	return cmd
}

// restoreRequest is what both commands are asked.
type restoreRequest struct {
	at     string
	tenant string
	revive []string
	rate   float64
	dryRun bool
	keep   bool

	time time.Time // that at means
}

func (r *restoreRequest) register(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&r.at, "at", "", "the time whose content comes back, in whole seconds (required)")
	flags.StringVar(&r.tenant, "tenant", "", "restore this tenant only")
	flags.StringArrayVar(&r.revive, "revive", nil, "bring this tenant back although it was removed since; may be given more than once")
	flags.Float64Var(&r.rate, "rate", defaultRestoreRate, "how many items are put back per second at most")
	flags.BoolVar(&r.dryRun, "dry-run", false, "make the scratch tables, say what would be put back, and put nothing back")
	flags.BoolVar(&r.keep, "keep", false, "keep the scratch tables: the same command finds them")
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants())
	_ = cmd.RegisterFlagCompletionFunc("at", cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("revive", cobra.NoFileCompletions)
}

func (r *restoreRequest) parse(cmd *cobra.Command, now time.Time) error {
	if r.at == "" {
		return cli.WrongUsage(cmd, "--at is missing")
	}
	at, err := time.Parse(time.RFC3339, r.at)
	if err != nil {
		return cli.WrongUsage(cmd, "--at is %q, want a time such as 2026-07-01T12:00:00Z", r.at)
	}
	r.time = at.UTC().Truncate(time.Second)
	if r.time.After(now) {
		return cli.WrongUsage(cmd, "--at is %s, which is still to come", r.at)
	}
	if r.rate <= 0 {
		return cli.WrongUsage(cmd, "--rate is %v, want more than 0", r.rate)
	}
	for _, tenant := range r.revive {
		if err := checkTenant(cmd, tenant); err != nil || tenant == "" {
			return cli.WrongUsage(cmd, "--revive is %q, want the form %s", tenant, event.TenantIDPattern)
		}
		if r.tenant != "" && tenant != r.tenant {
			return cli.WrongUsage(cmd, "--tenant restores %s only, and --revive names %s", r.tenant, tenant)
		}
	}
	return checkTenant(cmd, r.tenant)
}

// stamp is the time as the commands print it, and as --at takes it.
func (r *restoreRequest) stamp() string { return r.time.Format(time.RFC3339) }

// fromScratch makes scratch tables, has them read, and deletes them, unless they are to be kept. Where it fails it leaves
// them, and says so: they may have taken hours.
func (a *app) fromScratch(
	ctx context.Context, restorer *restore.Restorer, r *restoreRequest, tables []string, read func([]restore.Scratch) error,
) error {
	a.note("Looking for scratch tables with what there was at %s. Where there are none, AWS takes minutes to make them, and hours for a large table.", r.stamp())
	p := a.progress("scratch tables that are ready:", int64(len(tables)))
	scratch, err := restorer.Prepare(ctx, r.time, func(all []restore.Scratch) { p.at(ready(all)) }, tables...)
	if err == nil {
		p.all()
	}
	p.end()
	if err == nil {
		err = read(scratch)
	}
	names := namesOf(scratch)
	if len(names) == 0 {
		return err
	}
	if err != nil || r.keep {
		a.note("Kept, at the price of any table: %s. The same command goes on with what is there; without --keep it deletes it in the end.", strings.Join(names, ", "))
		return err
	}
	a.note("Deleting what this command made: %s.", strings.Join(names, ", "))
	if err := restorer.Discard(ctx, scratch); err != nil {
		return fmt.Errorf("everything is restored, but %w", err)
	}
	return nil
}

func ready(all []restore.Scratch) int64 {
	n := int64(0)
	for _, s := range all {
		if s.Ready {
			n++
		}
	}
	return n
}

// namesOf are the names of the scratch tables that are there.
func namesOf(scratch []restore.Scratch) []string {
	names := []string{}
	for _, s := range scratch {
		if s.There {
			names = append(names, s.Name)
		}
	}
	return names
}

func (s *session) restorer() *restore.Restorer {
	return &restore.Restorer{DynamoDB: s.dynamo, Tables: s.recovery, Moves: s.mover(), Removals: s.remover(), ControlPlane: s.ControlPlane, Now: time.Now}
}

// readWith runs a part that puts items back, with a bar of a number of items, 0 where it is not known, and prints what
// became of them, also where it fails on its way.
func (a *app) readWith(r *restoreRequest, total int64, run func(restore.Options) (view, error)) error {
	if r.tenant != "" {
		total = 0
	}
	p := a.progress("items looked at:", total)
	v, err := run(restore.Options{Tenant: r.tenant, Revive: r.revive, Rate: r.rate, DryRun: r.dryRun, Progress: func(looked int64) {
		p.total = max(p.total, min(total, looked)) // a count that is too low is none
		p.at(looked)
	}})
	p.end()
	if errors.Is(err, context.Canceled) {
		return err
	}
	return errors.Join(err, a.print(v))
}
