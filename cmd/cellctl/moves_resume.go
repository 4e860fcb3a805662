package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/operator/move"
)

type resumption struct {
	tenants  []string         // none for all moves under way
	epochs   map[string]int64 // of all moves under way, by tenant
	parallel int
	noWait   bool
}

func newMovesResume(a *app) *cobra.Command {
	var r resumption
	var all bool
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
			return parallelism(cmd, r.parallel)
		},
		ValidArgsFunction: a.completeTenants(),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.tenants = slices.Compact(slices.Sorted(slices.Values(args)))
			return a.resumeMoves(cmd.Context(), r)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "carry on every move that is under way")
	addParallel(cmd, &r.parallel)
	cmd.Flags().BoolVar(&r.noWait, "no-wait", false, noWaitUsage)
	return cmd
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

func (a *app) resumeMoves(ctx context.Context, r resumption) error {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if len(r.tenants) == 0 {
		open, err := s.mover().Open(ctx)
		if err != nil {
			return err
		}
		r.epochs = map[string]int64{}
		for _, m := range open {
			r.tenants = append(r.tenants, m.TenantID)
			r.epochs[m.TenantID] = m.Epoch
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

// resumeEvery is how often each of the moves that wait for the end of their redirect phase is looked at: so late are the
// events that still reach an old cell. It is not more often, for there may be hundreds.
const resumeEvery = 5 * time.Second

// resume carries moves on, a step of each at a time: while one waits for routers to forget its old cell, the others go on.
func (s *session) resume(ctx context.Context, n *narrator, r resumption) resumedView {
	mover, began := s.observedMover(n.observe), time.Now()
	results := make(map[string]carriedView, len(r.tenants))
	var mu sync.Mutex
	others := make(map[string]*otherMover, len(r.tenants))
	for _, tenant := range r.tenants {
		others[tenant] = &otherMover{}
	}
	for open := r.tenants; len(open) > 0 && ctx.Err() == nil; {
		var group errgroup.Group
		group.SetLimit(r.parallel)
		for _, tenant := range open {
			group.Go(func() error {
				m, err := s.step(ctx, mover, tenant)
				if others[tenant].waits(n, s.quarantine(), m, err) {
					err = nil
				} else if ended, ok := s.endedByAnother(ctx, tenant, err, r.epochs[tenant], began); ok {
					m, err = ended, nil
				}
				err = s.explainRun(ctx, n, err, tenant)
				mu.Lock()
				defer mu.Unlock()
				results[tenant] = carried(tenant, m, err)
				return nil
			})
		}
		_ = group.Wait() // no function of the group returns an error
		var waiting []string
		for _, tenant := range open {
			if result := results[tenant]; result.Error == nil && !result.move.Phase.Ended() && !(r.noWait && result.move.Phase.Flipped()) {
				waiting = append(waiting, tenant)
			}
		}
		open = waiting
		if len(open) > 0 {
			pause(ctx, resumeEvery)
		}
	}
	v := resumedView{Moves: []carriedView{}}
	for _, tenant := range r.tenants {
		if result, ok := results[tenant]; ok { // or the context ended before its turn
			v.Moves = append(v.Moves, result)
		}
	}
	return v
}

// otherMover is another process that is, or was, at work on a move that is to be carried on.
type otherMover struct {
	move.Watch
	told bool
}

// waits reports whether an error means no more than that the other process is at work on the move, and gets on with it. It
// may also be dead, which shows in a while.
func (o *otherMover) waits(n *narrator, quarantine time.Duration, m move.Move, err error) bool {
	if !errors.Is(err, move.ErrHeld) && !errors.Is(err, move.ErrTakenOver) || o.StuckFor(time.Now(), m, quarantine) > move.OthersPatience {
		return false
	}
	if !o.told {
		o.told = true
		n.say("waiting for another process: %v", err)
	}
	return true
}

// endedByAnother returns the tenant's last move if that is why it was not carried on: another process has finished it since
// the command began, or since the index of moves showed it under the epoch.
func (s *session) endedByAnother(ctx context.Context, tenant string, err error, epoch int64, began time.Time) (move.Move, bool) {
	if !errors.Is(err, move.ErrNoMove) {
		return move.Move{}, false
	}
	moves, err := s.mover().History(ctx, tenant)
	if err != nil || len(moves) == 0 {
		return move.Move{}, false
	}
	last := moves[0]
	return last, last.Phase.Ended() && (last.Epoch == epoch || last.FinishedAt.After(began))
}

// step carries a move on as far as it goes without waiting for routers.
func (s *session) step(ctx context.Context, mover *move.Mover, tenant string) (move.Move, error) {
	m, err := mover.Run(ctx, tenant, move.Redirect)
	if err != nil || m.Phase != move.Redirect || time.Now().Before(s.redirectUntil(m)) {
		return m, err
	}
	return mover.Run(ctx, tenant, "")
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
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
