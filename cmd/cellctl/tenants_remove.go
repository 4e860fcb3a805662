package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/record"
	"cellular/internal/operator/removal"
)

// removalRequest is a tenant's removal as it was asked for.
type removalRequest struct {
	tenant  string
	export  string // file; "" for none
	forget  bool
	wait    bool
	backOut bool
	lost    string // the tenant's cell, which is lost; "" for none
}

func newTenantsRemove(a *app) *cobra.Command {
	var r removalRequest
	cmd := &cobra.Command{
		Use:   "remove TENANT",
		Short: "Take a suspended tenant out of the deployment, with all that its cells hold of it",
		Long: `remove deletes all that the cells hold of TENANT, its dead letters, and then TENANT's mapping.

It refuses
- until the tenant has been suspended for so long that no router can still send anything for it; --wait waits, once
  everything else is checked and you have been asked, and then checks again,
- while events of it are neither processed nor given up on,
- while a cell holds anything of it, unless --export has it written to a file first, or --forget gives it up.

From its first step on, nothing else changes TENANT: it is not resumed, moved or placed. Whatever ends the command, the
removal stays where it is: the same command goes on with it, and --back-out calls it off, unless it has begun to delete.
'cellctl moves list' shows the removals under way.

The file is lines of JSON, the items in DynamoDB's own notation. Nothing is deleted that is not in it. A removal that was
cut short goes on with the same file, if that is complete and has all that is there; it is read back first. Where it is
not, keep it and name another one: what is deleted already may be in no other copy, and the new file has only the rest.

A tenant whose cell is not there any more, and does not come back, is removed with --lost CELL, which names that cell. What
it held cannot be looked at then; what other cells hold of TENANT is deleted as ever.

A later tenant of the same name has nothing in common with TENANT: what is still in flight for TENANT reaches nobody.`,
		Example: `  cellctl tenants suspend acme
  cellctl tenants remove acme --wait --export acme.jsonl
  cellctl tenants remove acme --forget
  cellctl tenants remove acme --back-out`,
		Args:              oneTenant,
		ValidArgsFunction: first(a.completeTenants()),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.tenant = args[0]
			if r.export != "" && r.forget {
				return cli.WrongUsage(cmd, "--export and --forget exclude each other: the one keeps what the other gives up")
			}
			if r.backOut && (r.export != "" || r.forget || r.wait) {
				return cli.WrongUsage(cmd, "--back-out calls the removal off, and takes no other flag but --lost")
			}
			return a.removeTenant(cmd, r)
		},
	}
	cmd.Flags().StringVar(&r.export, "export", "", "write what the cells hold of the tenant to this file, which must not exist unless this removal wrote it, and then delete it")
	cmd.Flags().BoolVar(&r.forget, "forget", false, "delete what the cells hold of the tenant, and keep no copy")
	cmd.Flags().BoolVar(&r.wait, "wait", false, "wait until the tenant has been suspended for long enough")
	lostFlag(cmd, &r.lost)
	cmd.Flags().BoolVar(&r.backOut, "back-out", false, "call off the tenant's removal that is under way")
	_ = cmd.MarkFlagFilename("export", "jsonl")
	return a.changes(cmd)
}

func (a *app) removeTenant(cmd *cobra.Command, r removalRequest) (err error) {
	ctx := cmd.Context()
	var last removal.Removal // as it was last observed
	maybeBegun := false
	defer func() {
		if err != nil && ctx.Err() != nil {
			a.noteInterrupted(r.tenant, last, maybeBegun)
		}
	}()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	p := a.progress("deleted items:", 0)
	if r.lost != "" {
		unseen, err := s.checkAbandoned(ctx, r.lost)
		if err != nil {
			return err
		}
		if unseen != "" {
			a.note("%s", unseen)
		}
	}
	remover := s.observedRemover(r.lost, func(now removal.Removal) {
		last = now
		if n := now.Counts.Items(); n > 0 && !now.Phase.Ended() {
			p.at(int64(n))
		}
	})
	open, err := remover.Get(ctx, r.tenant)
	last = open
	begins := errors.Is(err, removal.ErrNone)
	switch {
	case begins && r.backOut:
		return refused("no removal of tenant %q is under way", r.tenant)
	case begins:
		err = a.checkRemovable(cmd, s, remover, r)
	case err == nil && r.lost != "" && r.lost != open.CellID:
		err = refused("tenant %q is being removed from cell %s, not from cell %s: nothing was done", r.tenant, open.CellID, r.lost)
	case err == nil && !r.backOut:
		a.note("A removal of tenant %s from cell %s is under way since %s, in phase %s; this goes on with it.",
			r.tenant, open.CellID, event.FormatTime(open.StartedAt), open.Phase)
		err = a.confirmRest(cmd, s, remover, open, r)
	}
	if err != nil {
		return err
	}
	maybeBegun = begins
	done, err := a.finishRemoval(ctx, s, remover, r, open)
	p.end()
	if err != nil {
		return explainRemoval(explainCopy(err, r.export, done.Phase), done)
	}
	if done.Phase == removal.CalledOff {
		a.note("The removal of tenant %s is called off. It is suspended in cell %s; 'cellctl tenants resume %[1]s' lets it send again.", r.tenant, done.CellID)
		return nil
	}
	a.reportRemoved(done)
	return nil
}

// finishRemoval goes on with the open removal to its end, or begins one where that is the zero value. The file of the copy is there
// before anything else is done.
func (a *app) finishRemoval(ctx context.Context, s *session, remover *removal.Remover, r removalRequest, open removal.Removal) (done removal.Removal, err error) {
	fate := removal.Fate{GiveUp: r.forget}
	var e *export
	if r.export != "" {
		if e, err = a.newExport(s, r, open); err != nil {
			return removal.Removal{}, err
		}
		defer e.discard()
		fate.Copy = e.write
	}
	if open.TenantID == "" {
		m, err := s.placement.Get(ctx, r.tenant)
		if err != nil {
			return removal.Removal{}, err
		}
		begun, err := remover.Start(ctx, r.tenant)
		if err != nil {
			return removal.Removal{}, s.explainNotBegun(ctx, err, m)
		}
		if e != nil {
			e.removal = begun.Epoch
		}
	}
	done, err = record.Await(ctx, removal.ErrHeld, func(m removal.Removal) time.Time { return m.UpdatedAt }, sayWaiting(a.note), func() (removal.Removal, error) {
		if r.backOut {
			return remover.CallOff(ctx, r.tenant)
		}
		return remover.Run(ctx, r.tenant, fate)
	})
	if errors.Is(err, record.ErrAlive) {
		err = refused("%s is alive and at work on the removal of tenant %q; leave it to that process, or end it and try again", done.Holder, r.tenant)
	}
	return done, err
}

// checkRemovable refuses what stands against a removal, asks, and waits where that is wanted. What may have changed
// meanwhile is then checked again. Nothing is done yet.
func (a *app) checkRemovable(cmd *cobra.Command, s *session, remover *removal.Remover, r removalRequest) error {
	ctx := cmd.Context()
	from, warning, err := s.obstacles(ctx, remover, r)
	if err != nil {
		return err
	}
	if err := a.confirmName(cmd, warning, r.tenant); err != nil || !time.Now().Before(from) {
		return err
	}
	if err := a.waitUntil(ctx, "waiting until no router knows the tenant as active: second", from); err != nil {
		return err
	}
	r.wait = false
	_, again, err := s.obstacles(ctx, remover, r)
	if err != nil || again == warning {
		return err
	}
	return a.confirmName(cmd, again, r.tenant)
}

// obstacles refuses what stands against a removal. It answers with the time from which on the removal may begin, and what
// the operator is to be warned of.
func (s *session) obstacles(ctx context.Context, remover *removal.Remover, r removalRequest) (from time.Time, warning string, err error) {
	m, err := s.placement.Get(ctx, r.tenant)
	if err != nil {
		return from, "", s.explainUnknownTenant(ctx, err, r.tenant)
	}
	o, err := remover.Check(ctx, m, r.wait, r.export != "" || r.forget)
	switch {
	case errors.Is(err, removal.ErrTooSoon):
		err = refused("tenant %q has been suspended for %s, and a router may still know it as active; try again after %s, or add --wait",
			m.TenantID, short(time.Since(m.UpdatedAt)), event.FormatTime(o.From))
	case errors.Is(err, removal.ErrOtherCell):
		err = refused("tenant %q is in cell %s, not in cell %s: nothing was done", r.tenant, m.CellID, r.lost)
	case errors.Is(err, removal.ErrCellLost):
		err = s.cellLost(ctx, m)
	case errors.Is(err, removal.ErrUnsettled):
		err = refused("tenant %[2]q has %[1]s that the cell has neither processed nor given up on; wait, or redrive the DLQs of cell %[3]s, then try again",
			counted(o.Unsettled, "event"), m.TenantID, m.CellID)
	case errors.Is(err, removal.ErrHolds):
		err = refused("%s data of tenant %q; add --export FILE to keep a copy, or --forget to give it up", hold(o.Holding), r.tenant)
	default:
		err = s.explainNotBegun(ctx, err, m)
	}
	if err != nil {
		return o.From, "", err
	}
	return o.From, r.warning(s, o.Holding), r.checkExport()
}

// confirmRest refuses a file that is there and is no copy of the removal, and asks before a removal goes on that has deleted
// nothing yet.
func (a *app) confirmRest(cmd *cobra.Command, s *session, remover *removal.Remover, open removal.Removal, r removalRequest) error {
	if err := r.checkExportOf(open); err != nil {
		return err
	}
	if open.Phase.Deleting() || open.Phase == removal.GiveBack {
		return nil
	}
	holding, err := remover.Holding(cmd.Context(), r.tenant)
	if err != nil {
		return err
	}
	return a.confirmName(cmd, r.warning(s, holding), r.tenant)
}

// explainNotBegun says of a removal that cannot begin what to do first.
func (s *session) explainNotBegun(ctx context.Context, err error, m mapping.Mapping) error {
	switch {
	case errors.Is(err, removal.ErrProbe):
		return refused("cell %s is probed with tenant %q: that one is not removed", m.CellID, m.TenantID)
	case errors.Is(err, removal.ErrNotSuspended):
		return refused("tenant %q is %s; 'cellctl tenants suspend %s' first", m.TenantID, m.State, m.TenantID)
	case errors.Is(err, removal.ErrMoving):
		return s.explainMoving(ctx, move.ErrMoving, m.TenantID)
	case errors.Is(err, removal.ErrTooSoon), errors.Is(err, removal.ErrUnderWay):
		return refused("%v; somebody has changed it meanwhile, try again", err)
	}
	return err
}

// waitUntil waits, and tells how far it is.
func (a *app) waitUntil(ctx context.Context, what string, until time.Time) error {
	began := time.Now()
	p := a.progress(what, int64(until.Sub(began)/time.Second))
	defer p.end()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Now().Before(until) {
		p.at(int64(time.Since(began) / time.Second))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.at(p.total)
	return nil
}

func (r removalRequest) warning(s *session, holding []manifest.Cell) string {
	warning := r.warningOf(s, holding)
	if r.lost != "" {
		warning = fmt.Sprintf("Cell %s is not there: what it held of tenant %s is lost, and in no copy. ", r.lost, r.tenant) + warning
	}
	return warning
}

func (r removalRequest) warningOf(s *session, holding []manifest.Cell) string {
	switch {
	case len(holding) == 0:
		return fmt.Sprintf("This removes tenant %s from stack %s, and deletes its dead letters. No cell holds anything else of it.", r.tenant, s.Stack)
	case r.export != "":
		return fmt.Sprintf("This removes tenant %s from stack %s, and deletes what %s of it once it is written to %s, and its dead letters.",
			r.tenant, s.Stack, hold(holding), r.export)
	}
	return fmt.Sprintf("This removes tenant %s from stack %s, and deletes all that %s of it, and its dead letters. There will be no copy but in backups.",
		r.tenant, s.Stack, hold(holding))
}
