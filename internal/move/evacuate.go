package move

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cellular/internal/mapping"
)

// Evacuation is what takes all tenants out of a cell. The cell should be draining, or new ones may come meanwhile.
type Evacuation struct {
	Cell string
	// Parallel is how many tenants are worked on at a time, at least 1. Tenants that are served by their new cell and
	// wait for the end of their quarantine do not count.
	Parallel int
	// Page returns tenants of the cell behind the one with the id after, and the id to go on with; "" at the end.
	Page func(ctx context.Context, after string) (tenants []mapping.Mapping, next string, err error)
	// Choose names the cell that a tenant is to go to.
	Choose func(ctx context.Context, m mapping.Mapping) (cellID string, err error)
	// Until is Redirect to stop when every tenant is served by its new cell, or "" to carry every move to its end.
	Until Phase
	// Observe, if not nil, is called when something has changed, never twice at a time.
	Observe func(EvacuationProgress)
}

// EvacuationProgress is how far an evacuation has come.
type EvacuationProgress struct {
	Total  int              // tenants that were found so far
	Served int              // tenants that are served by their new cell; those whose moves have ended among them
	Ended  int              // tenants whose moves have ended
	Failed map[string]error // by tenant
}

// Evacuate moves all tenants out of a cell. It carries on the moves that are under way out of it, so that a second
// Evacuate goes on where a first one has died. A tenant that fails does not keep the others.
//
// Its error says that some failed, which Failed names, or is Page's or the context's.
func (m *Mover) Evacuate(ctx context.Context, e Evacuation) (EvacuationProgress, error) {
	v := &evacuation{Mover: m, Evacuation: e, progress: EvacuationProgress{Failed: map[string]error{}}}
	var both errgroup.Group
	both.Go(func() error {
		defer v.noMoreFlips()
		return v.flipAll(ctx)
	})
	both.Go(func() error { return v.finish(ctx) })
	err := both.Wait()
	progress := v.snapshot()
	switch n := len(progress.Failed); {
	case err == nil && ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && n > 0:
		err = fmt.Errorf("%d of %d tenants did not come out", n, progress.Total)
	}
	if err != nil {
		err = fmt.Errorf("evacuate cell %s: %w", e.Cell, err)
	}
	return progress, err
}

type evacuation struct {
	*Mover
	Evacuation
	mu        sync.Mutex
	progress  EvacuationProgress
	flipped   []Move // moves that are handed on, for finish
	allHanded bool   // no more will be
}

// change changes the progress and tells of it.
func (v *evacuation) change(do func(p *EvacuationProgress)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do(&v.progress)
	if v.Evacuation.Observe != nil {
		v.Evacuation.Observe(v.clone())
	}
}

func (v *evacuation) snapshot() EvacuationProgress {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.clone()
}

func (v *evacuation) clone() EvacuationProgress {
	p := v.progress
	p.Failed = maps.Clone(p.Failed)
	return p
}

func (v *evacuation) fail(tenantID string, err error) {
	v.change(func(p *EvacuationProgress) { p.Failed[tenantID] = err })
}

// flipAll brings every tenant to where its new cell serves it, and hands its move on.
func (v *evacuation) flipAll(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(max(v.Parallel, 1))
	defer func() { _ = group.Wait() }()
	begin := func(tenantID string, do func() (Move, error)) {
		v.change(func(p *EvacuationProgress) { p.Total++ })
		group.Go(func() error {
			move, err := do()
			if err != nil {
				v.fail(tenantID, err)
				return nil
			}
			v.change(func(p *EvacuationProgress) { p.Served++ })
			v.hand(move)
			return nil
		})
	}

	// The index of moves has those that are beyond the flip, which the cell's tenants are not listed for any more.
	open, err := v.Open(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, move := range open {
		if move.From != v.Cell || move.Phase == Restore {
			continue
		}
		known[move.TenantID] = true
		begin(move.TenantID, func() (Move, error) { return v.run(ctx, move.TenantID, Redirect) })
	}
	for after := ""; ; {
		tenants, next, err := v.Page(ctx, after)
		if err != nil {
			return err
		}
		for _, tenant := range tenants {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			switch {
			case known[tenant.TenantID]:
			case tenant.MovingTo == v.Cell:
				begin(tenant.TenantID, func() (Move, error) {
					return Move{}, fmt.Errorf("%w, into this cell: carry it on, and evacuate again", ErrMoving)
				})
			default:
				begin(tenant.TenantID, func() (Move, error) { return v.flip(ctx, tenant) })
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

// flip moves a tenant as far as to be served by its new cell. Where the chosen cell has filled up meanwhile, another one
// is chosen.
func (v *evacuation) flip(ctx context.Context, tenant mapping.Mapping) (Move, error) {
	err := v.retrier().Repeat(ctx, func(ctx context.Context) (again bool, err error) {
		to, err := v.Choose(ctx, tenant)
		if err != nil {
			return false, err
		}
		_, err = v.Start(ctx, tenant.TenantID, to)
		return errors.Is(err, ErrNoPlace), err
	})
	if err != nil && !errors.Is(err, ErrMoving) { // which is by somebody else's hand, or not yet in the index of moves
		return Move{}, err
	}
	return v.run(ctx, tenant.TenantID, Redirect)
}

// run is Run, and waits for a holder that may have died a moment ago.
func (v *evacuation) run(ctx context.Context, tenantID string, until Phase) (Move, error) {
	for end := v.Now().Add(HolderTimeout); ; {
		move, err := v.Run(ctx, tenantID, until)
		if !errors.Is(err, ErrHeld) || v.Now().After(end) {
			return move, err
		}
		if err := v.Sleep(ctx, v.Poll); err != nil {
			return Move{}, err
		}
	}
}

// hand gives a move that has been flipped to finish, if there is anything left to do about it.
func (v *evacuation) hand(move Move) {
	if move.Phase.Ended() {
		v.change(func(p *EvacuationProgress) { p.Ended++ })
		return
	}
	if v.Until != Redirect {
		v.mu.Lock()
		v.flipped = append(v.flipped, move)
		v.mu.Unlock()
	}
}

func (v *evacuation) noMoreFlips() {
	v.mu.Lock()
	v.allHanded = true
	v.mu.Unlock()
}

// handed takes the moves that were handed on since it was last called. It reports whether more may come.
func (v *evacuation) handed() (moves []Move, more bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	moves, v.flipped = v.flipped, nil
	return moves, !v.allHanded
}

// movesPerPoll is how many moves that wait make the time between two looks at them longer by Poll.
const movesPerPoll = 20

// finish carries the moves that it is handed to their ends. Each is looked at in turn, so that any number can wait for
// the end of their quarantine at a time.
func (v *evacuation) finish(ctx context.Context) error {
	for {
		open, more := v.handed()
		if len(open) == 0 && !more {
			return nil
		}
		v.round(ctx, open)
		// Each look at a move costs some requests: the more there are, the less often.
		if err := v.Sleep(ctx, v.Poll+v.Poll*time.Duration(len(open))/movesPerPoll); err != nil {
			return err
		}
	}
}

// round carries each move on by a step, and hands it back.
func (v *evacuation) round(ctx context.Context, open []Move) {
	var group errgroup.Group
	group.SetLimit(max(v.Parallel, 1))
	for _, move := range open {
		group.Go(func() error {
			until := Redirect
			if v.over(move) {
				until = ""
			}
			carried, err := v.run(ctx, move.TenantID, until)
			if err != nil {
				v.fail(move.TenantID, err)
				return nil
			}
			v.hand(carried)
			return nil
		})
	}
	_ = group.Wait()
}

// over reports whether a move's quarantine is.
func (v *evacuation) over(move Move) bool {
	return move.Phase != Redirect || !v.Now().Before(move.FlippedAt.Add(v.Quarantine))
}
