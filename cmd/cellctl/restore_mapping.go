package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/restore"
)

func newRestoreMapping(a *app) *cobra.Command {
	var r restoreRequest
	cmd := &cobra.Command{
		Use:   "mapping",
		Short: "Put back mappings of tenants that are missing, as they were at a time",
		Long: `mapping puts back the mappings that the mapping table had at --at and lacks now, each of a tenant that no other cell holds
anything of and no move concerns. A mapping that is there stays as it is; where it is to another cell now, the table says so.
A tenant comes back active, or suspended if it was, under an epoch that its cell applies.

A tenant that was removed since does not come back, unless --revive names it: then suspended, and under an epoch above all
that it ever had. 'cellctl restore cell CELL --revive TENANT' then brings back what the cell had of it. Where a later tenant has
the name, nothing is revived. A tenant whose removal is under way gets the mapping that the removal needs to go on.

The tenants, except those that are revived, are not counted in their cells: run 'cellctl doctor --fix' afterwards.

The scratch table costs its storage, and is deleted in the end. A dry run makes it as well. An interrupted command is
finished by the same command.

Exit codes: 0 done, also where nothing was missing, 1 failed, 2 wrong command line, 3 AWS does not restore the table to that
time, or the tenant of --tenant has a mapping, 130 interrupted.`,
		Example: `  cellctl restore mapping --at 2026-07-01T12:00:00Z --dry-run --keep
  cellctl restore mapping --at 2026-07-01T12:00:00Z --tenant acme
  cellctl restore mapping --at 2026-07-01T12:00:00Z --tenant acme --revive acme`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.parse(cmd, time.Now()); err != nil {
				return err
			}
			return a.restoreMapping(cmd.Context(), &r)
		},
	}
	r.register(a, cmd)
	return a.changes(cmd)
}

func (a *app) restoreMapping(ctx context.Context, r *restoreRequest) error {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if err := s.checkMissing(ctx, r); err != nil {
		return err
	}
	cells, err := s.Cells(ctx)
	if err != nil {
		return err
	}
	var report restore.MappingReport
	restorer := s.restorer()
	err = a.fromScratch(ctx, restorer, r, []string{s.ControlPlane.MappingTable}, func(scratch []restore.Scratch) error {
		return a.readWith(r, scratch[0].Items, func(o restore.Options) (view, error) {
			report, err = restorer.Mappings(ctx, scratch[0], cells, o)
			return viewOfRestoredMappings(r, report), err
		})
	})
	if err == nil {
		a.explainRestoredMappings(r, report)
	}
	return err
}

// checkMissing refuses tenants whose mappings are there, before AWS makes tables for hours.
func (s *session) checkMissing(ctx context.Context, r *restoreRequest) error {
	for _, tenant := range append([]string{r.tenant}, r.revive...) {
		if tenant == "" {
			continue
		}
		m, err := s.restorer().CheckMapping(ctx, tenant)
		switch {
		case err == nil:
		case !errors.Is(err, restore.ErrMapped):
			return err
		case slices.Contains(r.revive, tenant):
			return refused("tenant %q has a mapping, to cell %s: nothing is revived beside it; if it is the revived one already, go on with 'cellctl restore cell %[2]s --at %[3]s --tenant %[1]s --revive %[1]s'",
				tenant, m.CellID, r.stamp())
		default:
			return refused("tenant %q has a mapping, to cell %s: nothing is missing", tenant, m.CellID)
		}
	}
	return nil
}

func (a *app) explainRestoredMappings(r *restoreRequest, report restore.MappingReport) {
	if n := report.LeftAlone[restore.Removed]; n > 0 {
		a.note("%s removed since: --revive TENANT brings one back whose removal was a mistake.", counted(n, "tenant")+plural(n, " was", " were"))
	}
	switch {
	case report.PutBack == 0:
		a.note("No mapping is missing that can be put back.")
		return
	case r.dryRun:
		a.note("A dry run: nothing was put back.")
		return
	}
	if report.Revived < report.PutBack {
		a.note("The cells may count wrong now: 'cellctl doctor --fix' corrects it. 'cellctl restore cell CELL --at %s' puts back what a cell lacks of a tenant.", r.stamp())
	}
	for _, t := range report.Tenants {
		if t.Reason == "" && slices.Contains(r.revive, t.TenantID) {
			a.note("Tenant %[1]s is back, suspended and empty. 'cellctl restore cell %[2]s --at %[3]s --tenant %[1]s --revive %[1]s' puts back what the cell had of it, and 'cellctl tenants resume %[1]s' lets it send.",
				t.TenantID, t.Cell, r.stamp())
		}
	}
}

// restoredMappingsView is what became of the mappings.
type restoredMappingsView struct {
	At       string       `json:"at"`
	DryRun   bool         `json:"dry_run"`
	Mappings partView     `json:"mappings"`
	Tenants  []placedView `json:"tenants"` // the first hundred that were missing
}

type placedView struct {
	TenantID string          `json:"tenant_id"`
	Cell     *string         `json:"cell"`  // of the mapping; or the other cell that the tenant was left alone for
	Epoch    *int64          `json:"epoch"` // null, as the state is, where the tenant was left alone
	State    *mapping.State  `json:"state"`
	Reason   *restore.Reason `json:"reason"` // null where it was not left alone
}

func viewOfRestoredMappings(r *restoreRequest, report restore.MappingReport) restoredMappingsView {
	v := restoredMappingsView{At: event.FormatTime(r.time), DryRun: r.dryRun, Mappings: viewOfPart(report.Part), Tenants: []placedView{}}
	for _, t := range report.Tenants {
		p := placedView{TenantID: t.TenantID, Cell: orNull(t.Cell), Epoch: &t.Epoch, State: &t.State}
		if t.Reason != "" {
			p.Epoch, p.State, p.Reason = nil, nil, &t.Reason
		}
		v.Tenants = append(v.Tenants, p)
	}
	return v
}

func (v restoredMappingsView) text(s *sheet) {
	tellParts(s, v.DryRun, []namedPart{{"mappings", v.Mappings}})
	if len(v.Tenants) == 0 {
		return
	}
	s.blank()
	s.row("TENANT", "CELL", "EPOCH", "STATE", "LEFT ALONE BECAUSE")
	for _, t := range v.Tenants {
		if t.Reason != nil {
			s.row(t.TenantID, orDash(t.Cell), "-", "-", *t.Reason)
			continue
		}
		s.row(t.TenantID, orDash(t.Cell), *t.Epoch, status(string(*t.State)), "-")
	}
}
