package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/restore"
)

func newRestoreCell(a *app) *cobra.Command {
	var r restoreRequest
	cmd := &cobra.Command{
		Use:   "cell CELL",
		Short: "Put back what is missing in a cell, as it was at a time",
		Long: `cell puts back what the tables of CELL had at --at and lack now: first outcomes and business state, then events. It
overwrites nothing. Choose the last moment before the loss: what was applied after --at and is lost too does not come back,
and a replay applies it again.

Only tenants come back that are in the cell now and have been ever since. Business state comes back only where there is none
of that key; suspend the tenant first, or new events make new state. Events come back without being published: the closing
note says how to replay those that had not been applied. Outcomes and events that have expired by now do not come back.

A tenant that was removed since has nothing in common with a later one of its name, which gets nothing back of it. With
--revive TENANT, after 'cellctl restore mapping --revive TENANT', what CELL had of it comes back under the tenant's new epoch.

A cell has point-in-time recovery with 'protect: true', up to about five minutes ago. The scratch tables cost their storage,
and are deleted in the end. A dry run makes them as well. An interrupted command is finished by the same command.

Exit codes: 0 done, also where nothing was missing, 1 failed, 2 wrong command line, 3 no such cell, or AWS does not restore
it to that time, or a tenant of --tenant or --revive is elsewhere, being moved or removed, or not revived, 130 interrupted.`,
		Example: `  cellctl restore cell c01 --at 2026-07-01T12:00:00Z --dry-run --keep
  cellctl restore cell c01 --at 2026-07-01T12:00:00Z --tenant acme`,
		Args:              cli.Named("CELL"),
		ValidArgsFunction: first(a.completeCells()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.parse(cmd, time.Now()); err != nil {
				return err
			}
			return a.restoreCell(cmd.Context(), args[0], &r)
		},
	}
	r.register(a, cmd)
	return a.changes(cmd)
}

func (a *app) restoreCell(ctx context.Context, cellID string, r *restoreRequest) error {
	s, cell, err := a.connectToCell(ctx, cellID)
	if err != nil {
		return err
	}
	for _, tenant := range append([]string{r.tenant}, r.revive...) {
		if err := s.checkAtHome(ctx, cell, tenant, slices.Contains(r.revive, tenant), r); err != nil {
			return err
		}
	}
	var report restore.CellReport
	restorer := s.restorer()
	err = a.fromScratch(ctx, restorer, r, []string{cell.DataTable, cell.ResultsTable}, func(scratch []restore.Scratch) error {
		data, results := scratch[0], scratch[1]
		// The results are read twice: see restore.Restorer.Cell.
		return a.readWith(r, data.Items+2*results.Items, func(o restore.Options) (view, error) {
			report, err = restorer.Cell(ctx, cell, data, results, o)
			return viewOfRestoredCell(cell, r, report), err
		})
	})
	if err == nil {
		a.explainRestoredCell(cell, r, report)
	}
	return err
}

// checkAtHome refuses a tenant of which nothing could be put back, before AWS makes tables for hours.
func (s *session) checkAtHome(ctx context.Context, cell manifest.Cell, tenant string, revive bool, r *restoreRequest) error {
	if tenant == "" {
		return nil
	}
	m, err := s.restorer().Check(ctx, cell, tenant, revive)
	switch {
	case errors.Is(err, restore.ErrRemoved):
		return refused("tenant %q was removed, and has no mapping; 'cellctl restore mapping --at %s --tenant %[1]s --revive %[1]s' brings that back first, if the removal was a mistake",
			tenant, r.stamp())
	case errors.Is(err, mapping.ErrUnknownTenant):
		return refused("tenant %q has no mapping; 'cellctl restore mapping --tenant %[1]s' puts it back", tenant)
	case errors.Is(err, restore.ErrElsewhere):
		return refused("tenant %q is in cell %s now: what cell %s had of it must not come back", tenant, m.CellID, cell.ID)
	case errors.Is(err, move.ErrMoving):
		return s.explainMoving(ctx, move.ErrMoving, tenant)
	case errors.Is(err, removal.ErrUnderWay):
		return s.explainRemoving(ctx, errors.New("a removal is under way"), tenant)
	case errors.Is(err, restore.ErrNotRevived):
		return refused("the mapping of tenant %q was not revived, or has changed since: what was removed is not added to what the tenant is now; leave out --revive", tenant)
	}
	return err
}

// explainRestoredCell tells what the table does not.
func (a *app) explainRestoredCell(cell manifest.Cell, r *restoreRequest, report restore.CellReport) {
	switch {
	case report.PutBack() == 0:
		a.note("Cell %s lacks nothing that can be put back.", cell.ID)
	case r.dryRun:
		a.note("A dry run: nothing was put back.")
	}
	if report.State.PutBack > 0 {
		a.note("Business state comes back as it was at %s: events that were applied since, and whose outcomes are there, are not in it.", r.stamp())
	}
	if n := report.State.LeftAlone[restore.Differs]; n > 0 {
		a.note("%s of business state differ from what they were, and stay as they are.", counted(n, "item"))
	}
	if n := report.LostFences; n > 0 {
		a.note("The cell has lost %s, which do not come back: it applies what arrives late for tenants that have moved away.", counted(n, "fence"))
	}
	if report.LeftAlone(restore.Unmapped) > 0 {
		a.note("For the tenants without a mapping, 'cellctl restore mapping --at %s' comes first.", r.stamp())
	}
	if n := report.LeftAlone(restore.OfRemoved); n > 0 {
		a.note("%s of tenants that were removed since, and no restore brings that back unless --revive names the tenant.", counted(n, "item")+plural(n, " is", " are"))
	}
	if n := report.Again(); n > 0 {
		a.note("%s left alone only for now: run the same command again.", counted(n, "item")+plural(n, " was", " were"))
	}
	if report.Unsettled == 0 {
		return
	}
	tenant := ""
	if r.tenant != "" {
		tenant = " --tenant " + r.tenant
	}
	a.note("%s no outcome, because the cell had not applied %s by %s. To have %[2]s applied: cellctl replay --cell %[4]s --since %[5]s%[6]s",
		counted(report.Unsettled, "event")+plural(report.Unsettled, " has", " have"), plural(report.Unsettled, "it", "them"), r.stamp(),
		cell.ID, report.Oldest.Truncate(time.Second).Format(time.RFC3339), tenant)
	a.note("If the cell applied such an event later, and lost that outcome too, a replay applies it again: restore to a later time first.")
}

// restoredCellView is what became of what a cell had.
type restoredCellView struct {
	Cell           string     `json:"cell"`
	At             string     `json:"at"`
	DryRun         bool       `json:"dry_run"`
	Outcomes       partView   `json:"outcomes"`
	State          partView   `json:"state"`
	Events         partView   `json:"events"`
	Tenants        []awayView `json:"tenants"`   // the first hundred of which something was left alone
	Differing      []string   `json:"differing"` // the first hundred keys of business state
	LostFences     int        `json:"lost_fences"`
	WithoutOutcome int        `json:"without_outcome"`
	Oldest         *string    `json:"oldest_without_outcome"`
}

type awayView struct {
	TenantID string         `json:"tenant_id"`
	Cell     *string        `json:"cell"` // null for none
	Reason   restore.Reason `json:"reason"`
}

func viewOfRestoredCell(cell manifest.Cell, r *restoreRequest, report restore.CellReport) restoredCellView {
	v := restoredCellView{
		Cell: cell.ID, At: event.FormatTime(r.time), DryRun: r.dryRun,
		Outcomes: viewOfPart(report.Outcomes), State: viewOfPart(report.State), Events: viewOfPart(report.Events),
		Tenants: []awayView{}, Differing: append([]string{}, report.Differing...), LostFences: report.LostFences,
		WithoutOutcome: report.Unsettled, Oldest: jsonTime(report.Oldest),
	}
	for _, t := range report.Tenants {
		v.Tenants = append(v.Tenants, awayView{t.TenantID, orNull(t.Cell), t.Reason})
	}
	return v
}

func (v restoredCellView) text(s *sheet) {
	parts := []namedPart{{"outcomes", v.Outcomes}, {"business state", v.State}, {"events", v.Events}}
	tellParts(s, v.DryRun, parts)
	if len(v.Tenants) > 0 {
		s.blank()
		s.row("TENANT", "CELL NOW", "LEFT ALONE BECAUSE")
		for _, t := range v.Tenants {
			s.row(t.TenantID, orDash(t.Cell), t.Reason)
		}
	}
	if len(v.Differing) > 0 {
		s.blank()
		s.row("BUSINESS STATE WITH OTHER CONTENT")
		for _, key := range v.Differing {
			s.row(key)
		}
	}
}
