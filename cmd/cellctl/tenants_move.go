package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"cellular/internal/operator/fleet"
	"cellular/internal/operator/move"
)

type moveRequest struct {
	to              string // "" for a move that is under way
	resume, backOut bool
	abandon         string // the cell that the move is ended without; "" for none
	noWait          bool
}

func newTenantsMove(a *app) *cobra.Command {
	var r moveRequest
	cmd := &cobra.Command{
		Use:   "move TENANT --to CELL",
		Short: "Move a tenant to another cell while its events keep coming",
		Long: `move takes TENANT to the CELL that --to names, of whatever tier, which the tenant then has. No event is lost, applied
twice or refused, and TENANT need not do anything; see 'cellctl moves --help' for the phases.

It takes a little longer than the router's hard TTL: for so long some of its processes may still write to the old cell,
and what they write is sent on. With --no-wait the command returns as soon as the new cell serves TENANT; what reaches
the old cell from then on waits until the move is carried on.

Whatever ends the command, Ctrl-C or a crash of the host, the move stays as it is and can be carried on with --resume, or,
until the old cell begins to forget, be backed out with --back-out. A process that seems to be at work on the move is
waited for, up to 20 seconds, until it is taken to be dead; one of this host that has ended is not waited for.

If one of the two cells has lost its results table, the move goes neither on nor back. Restored under its own name, the
table is all that the move needs: --resume. If it is gone for good, --abandon CELL ends the move without that cell: the
tenant is in the other one then, under an epoch of its own, with every event that is still in a data table of the two.
It prints what is lost, and asks for TENANT to be typed. A tenant that is not being moved, and whose cell is not there any
more, is placed again by 'cellctl tenants assign TENANT --lost CELL'.`,
		Example: `  cellctl tenants move acme --to c02
  cellctl tenants move acme --to c02 --no-wait --output json | jq -r .redirect_until
  cellctl tenants move acme --resume
  cellctl tenants move acme --back-out
  cellctl tenants move acme --abandon c02`,
		Args:              oneTenant,
		ValidArgsFunction: first(a.completeTenants()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needsOne(cmd, "to", "resume", "back-out", "abandon"); err != nil {
				return err
			}
			return a.moveTenant(cmd, args[0], r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.to, "to", "", "the cell that the tenant goes to")
	flags.BoolVar(&r.resume, "resume", false, "carry on the tenant's move that is under way")
	flags.BoolVar(&r.backOut, "back-out", false, "take the tenant back to the cell that its move took it from")
	flags.BoolVar(&r.noWait, "no-wait", false, noWaitUsage)
	flags.StringVar(&r.abandon, "abandon", "", "end the tenant's move without this cell, whose results table is gone for good")
	_ = cmd.RegisterFlagCompletionFunc("to", a.completeCells())
	_ = cmd.RegisterFlagCompletionFunc("abandon", a.completeCells())
	return a.changes(cmd)
}

func (a *app) moveTenant(cmd *cobra.Command, tenant string, r moveRequest) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if r.abandon != "" {
		if err := a.confirmAbandon(cmd, s, tenant, r.abandon); err != nil {
			return err
		}
	}
	n := a.narrate(s, true)
	m, err := s.moveTenant(ctx, n, tenant, r)
	n.end()
	if err != nil {
		return err
	}
	if err := a.print(s.viewOfMove(m)); err != nil {
		return err
	}
	s.left(n, m)
	return nil
}

func (s *session) moveTenant(ctx context.Context, n *narrator, tenant string, r moveRequest) (move.Move, error) {
	mover := s.observedMover(n.observe)
	carry := mover.Run
	switch {
	case r.backOut:
		carry = mover.BackOut
	case r.abandon != "":
		carry = func(ctx context.Context, tenant string, until move.Phase) (move.Move, error) {
			return mover.Abandon(ctx, tenant, r.abandon, until)
		}
	case !r.resume:
		if _, err := mover.Start(ctx, tenant, r.to); err != nil {
			return move.Move{}, s.explainStart(ctx, err, tenant, r.to)
		}
	}
	m, err := patiently(ctx, n, func() (move.Move, error) { return carry(ctx, tenant, until(r.noWait)) })
	return m, s.explainRun(ctx, n, err, tenant)
}

// confirmAbandon says what is lost if a move is ended without a cell, and asks. A move that is being ended so already is
// carried on without a question.
func (a *app) confirmAbandon(cmd *cobra.Command, s *session, tenant, cell string) error {
	ctx := cmd.Context()
	found, err := s.mover().Abandonable(ctx, tenant, cell)
	m := found.Move
	lack := (*move.LackError)(nil)
	switch {
	case errors.Is(err, move.ErrNoMove):
		if m, failed := s.placement.Get(ctx, tenant); failed == nil && m.CellID == cell {
			if _, failed := s.Cell(ctx, cell); errors.Is(failed, fleet.ErrUnknownCell) {
				return s.cellLost(ctx, m)
			}
		}
		return s.explainNoMove(ctx, err, tenant)
	case errors.Is(err, move.ErrNotOfMove):
		return refused("cell %s has nothing to do with the move of tenant %q, from cell %s to %s; nothing was done", cell, tenant, m.From, m.To)
	case errors.Is(err, move.ErrAbandoning):
		return refused("the move of tenant %q is being ended without cell %s already: 'cellctl tenants move %[1]s --resume' carries that on", tenant, m.Abandoned)
	case errors.Is(err, move.ErrNotLost):
		return refused("cell %s has its results table, so that nothing of tenant %q is lost there, and nothing was done: %s", cell, tenant, s.ways(ctx, m))
	case errors.As(err, &lack):
		return refused("the move of tenant %q cannot end in cell %s: %v; %s", tenant, found.Home, lack, s.mend(m, lack.Lacks))
	case err != nil:
		return err
	case m.Phase == move.Abandon:
		return nil
	}
	a.note("The move of tenant %s from cell %s to %s, in phase %s, is ended without cell %s. The tenant is in cell %s then.",
		tenant, m.From, m.To, m.Phase, found.Lost, found.Home)
	if len(found.Losses) == 0 {
		a.note("Nothing of the tenant is lost.")
	}
	for _, loss := range found.Losses {
		a.note("Lost for good: %s.", loss)
	}
	a.note("If the results table can still be restored under its own name, do that instead, and carry the move on: nothing is lost then.")
	return a.confirmName(cmd, "This cannot be undone.", tenant)
}
