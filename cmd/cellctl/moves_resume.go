package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/operator/move"
)

func newMovesResume(a *app) *cobra.Command {
	var r move.Resumption
	var all, noWait bool
	cmd := &cobra.Command{
		Use:   "resume TENANT...",
		Short: "Carry on moves that were left",
		Long: `resume carries on the moves of TENANT..., one or more, or with --all every move under way, to their ends: those that a
process left when its host died, and those begun with --no-wait. A move on the way back goes on back.

A removal of a tenant is not among them: 'cellctl tenants remove' goes on with it.

A move that fails does not keep the others. One that another process is at work on is waited for, and taken over should that
process die, so that the command may run several times at once. The last lines say of each move how far it came.`,
		Example: `  cellctl moves resume --all
  cellctl moves resume acme globex`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return cli.WrongUsage(cmd, "name the tenants whose moves go on, or all with --all")
			}
			for _, tenant := range args {
				if err := oneTenant(cmd, []string{tenant}); err != nil {
					return err
				}
			}
			return parallelism(cmd, r.Parallel)
		},
		ValidArgsFunction: a.completeTenants(),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Tenants, r.Until = slices.Compact(slices.Sorted(slices.Values(args))), until(noWait)
			return a.resumeMoves(cmd.Context(), r)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "carry on every move that is under way")
	addParallel(cmd, &r.Parallel)
	cmd.Flags().BoolVar(&noWait, "no-wait", false, noWaitUsage)
	return a.changes(cmd)
}

// Tenants worked on at a time. Each of them takes a few requests at a time, and the writes of a tenant's copy are bound to
// its own items; the most is what one process's connections and one table's new partitions bear.
const (
	defaultParallel = 4
	mostParallel    = 64
)

func addParallel(cmd *cobra.Command, parallel *int) {
	cmd.Flags().IntVar(parallel, "parallel", defaultParallel, fmt.Sprintf("how many tenants are worked on at a time, up to %d; those that only wait do not count", mostParallel))
}

func parallelism(cmd *cobra.Command, parallel int) error {
	if parallel < 1 || parallel > mostParallel {
		return cli.WrongUsage(cmd, "--parallel is %d, want 1 to %d", parallel, mostParallel)
	}
	return nil
}

// resumeMoves carries moves on; without tenants, all that are under way.
func (a *app) resumeMoves(ctx context.Context, r move.Resumption) error {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if len(r.Tenants) == 0 {
		open, err := s.mover().Open(ctx)
		if err != nil {
			return err
		}
		r.Epochs = map[string]int64{}
		for _, m := range open {
			r.Tenants = append(r.Tenants, m.TenantID)
			r.Epochs[m.TenantID] = m.Epoch
		}
		removals, err := s.remover().Open(ctx)
		if err != nil {
			return err
		}
		for _, m := range removals {
			a.note("Tenant %s is being removed from cell %s, phase %s, which this leaves alone: %s.", m.TenantID, m.CellID, m.Phase, removalWays(m))
		}
	}
	n := a.narrate(s, false)
	v := s.resume(ctx, n, r)
	n.end()
	if ctx.Err() != nil {
		a.note("The moves are safe where they are; the same command carries them on.")
		return ctx.Err()
	}
	if err := a.print(v); err != nil {
		return err
	}
	return v.outcome(a, s)
}

// resume carries moves on, and says of each that fails what to do.
func (s *session) resume(ctx context.Context, n *narrator, r move.Resumption) resumedView {
	r.Waiting = func(err error) { n.say("waiting for another process: %v", err) }
	r.Explain = func(tenant string, err error) error { return s.explainRun(ctx, n, err, tenant) }
	v := resumedView{Moves: []carriedView{}}
	for _, m := range s.observedMover(n.observe).Resume(ctx, r) {
		v.Moves = append(v.Moves, carried(m.TenantID, m.Move, m.Err))
	}
	return v
}

type resumedView struct {
	Moves []carriedView `json:"moves"`
}

// text has nothing where no move is under way: a note says so.
func (v resumedView) text(s *sheet) {
	if len(v.Moves) > 0 {
		carriedTable(s, v.Moves)
	}
}

// outcome says what is left to be done, and returns the command's error.
func (v resumedView) outcome(a *app, s *session) error {
	failed, forbidden, left := 0, 0, 0
	var unfinished []move.Move
	for _, m := range v.Moves {
		switch {
		case m.Error != nil:
			failed++
			if isRefusal(m.err) {
				forbidden++
			}
		case !m.move.Phase.Ended():
			left++
			unfinished = append(unfinished, m.move)
		}
	}
	if len(v.Moves) == 0 {
		a.note("No move is under way.")
	}
	if left > 0 {
		a.note("%s left where the new cell serves the tenant; after %s 'cellctl moves resume --all' finishes all of them at once.",
			counted(left, "move"), event.FormatTime(move.FinishableAt(unfinished, s.quarantine())))
	}
	if forbidden > 0 && forbidden == len(v.Moves) {
		return refused("%d of %d moves cannot be carried on; the lines above say why", failed, len(v.Moves))
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d moves were not carried on; the lines above say why", failed, len(v.Moves))
	}
	return nil
}
