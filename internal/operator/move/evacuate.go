package move

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cellular/internal/model/mapping"
)

// Evacuation is what takes all tenants out of a cell. The cell should be draining, or new ones may come meanwhile.
type Evacuation struct {
	Cell string
	// Parallel is how many tenants are worked on at a time, at least 1. Tenants that are served by their new cell and
	// wait for the end of their quarantine do not count.
	Parallel int
	// Page returns tenants of the cell behind the one with the id after, and the id to go on with; "" at the end. Those that an
	// open move has brought into the cell may be among them: they are left alone until that is over.
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
	Total  int // tenants that were found so far
	Served int // tenants that are served by their new cell; those whose moves have ended among them
	Ended  int // tenants whose moves have ended
	// Others is how many tenants other processes are at work on at present, which this one waits for.
	Others int
	// Failed is why a tenant did not come out, by tenant. At the end of an evacuation it has those that are in the cell or,
	// unless it was to stop when every tenant is served, whose moves are not over: whoever has finished one meanwhile.
	Failed map[string]error
}

// Evacuate moves all tenants out of a cell. It carries on the moves that are under way out of it, so that a second
// Evacuate goes on where a first one has died. A tenant that fails does not keep the others.
//
// Any number of them can be at work on a cell at a time. Each waits for the tenants that another process is at work on,
// takes over where that dies, and takes for done what that has done. It returns once it finds nobody left to move.
//
// Its error says that some failed, which Failed names, or is Page's or the context's.
func (m *Mover) Evacuate(ctx context.Context, e Evacuation) (EvacuationProgress, error) {
	v := &evacuation{
		Mover: m, Evacuation: e, progress: EvacuationProgress{Failed: map[string]error{}},
		began: m.Now(), stages: map[string]stage{}, others: map[string]*watch{},
	}
	err := v.passes(ctx)
	if err == nil {
		v.reread(ctx)
	}
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
	began time.Time

	mu        sync.Mutex
	progress  EvacuationProgress
	stages    map[string]stage  // of the tenants that were found so far
	others    map[string]*watch // of the tenants that other processes are, or were, at work on
	flipped   []Move            // moves that are handed on, for finish
	allHanded bool              // no more will be
}

// stage is how far a tenant has come.
type stage int

const (
	stageFound stage = iota + 1
	stageServed
	stageEnded
)

// maxEvacuationPasses bounds how often the cell's tenants are listed until there is no new one. The second time there is
// none unless the index lagged or a move was backed out, since the cell takes no tenants.
const maxEvacuationPasses = 4

// passes evacuates the cell until it finds nobody left to begin with.
func (v *evacuation) passes(ctx context.Context) error {
	for n := range maxEvacuationPasses {
		if n > 0 {
			if err := v.Sleep(ctx, v.IndexSettle); err != nil {
				return err
			}
		}
		begun := 0
		v.allHanded = false
		var both errgroup.Group
		both.Go(func() (err error) {
			defer v.noMoreFlips()
			begun, err = v.flipAll(ctx)
			return err
		})
		both.Go(func() error { return v.finish(ctx) })
		if err := both.Wait(); err != nil || n > 0 && begun == 0 {
			return err
		}
	}
	return nil
}

// reread looks once more at the tenants that failed: another process may have brought them out.
func (v *evacuation) reread(ctx context.Context) {
	for tenantID := range v.snapshot().Failed {
		at, err := v.look(ctx, tenantID)
		switch {
		case err != nil: // the failure stands
		case at.out():
			v.came(tenantID, stageEnded)
		case at.served() && v.Until == Redirect:
			v.came(tenantID, stageServed)
		}
	}
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

// came notes how far a tenant has come. One that comes back to the cell is found once more.
func (v *evacuation) came(tenantID string, to stage) {
	v.change(func(p *EvacuationProgress) {
		from := v.stages[tenantID]
		v.stages[tenantID] = to
		delete(p.Failed, tenantID)
		count := func(n *int, at stage) {
			if to >= at {
				*n++
			}
			if from >= at {
				*n--
			}
		}
		count(&p.Total, stageFound)
		count(&p.Served, stageServed)
		count(&p.Ended, stageEnded)
	})
}

// flipAll brings every tenant to where its new cell serves it, and hands its move on. begun is how many it was about.
func (v *evacuation) flipAll(ctx context.Context) (begun int, err error) {
	var group errgroup.Group
	group.SetLimit(max(v.Parallel, 1))
	defer func() { _ = group.Wait() }()
	listed := map[string]bool{}
	begin := func(tenantID string) error {
		if listed[tenantID] || ctx.Err() != nil {
			return ctx.Err()
		}
		listed[tenantID] = true
		if again, err := v.toBegin(ctx, tenantID); err != nil || !again {
			return err
		}
		begun++
		v.came(tenantID, stageFound)
		group.Go(func() error {
			move, err := v.bring(ctx, tenantID)
			if err != nil {
				v.fail(tenantID, err)
				return nil
			}
			v.came(tenantID, stageServed)
			v.hand(tenantID, move)
			return nil
		})
		return nil
	}

	// The index of moves has those that are beyond the flip, which the cell's tenants are not listed for any more.
	open, err := v.Open(ctx)
	if err != nil {
		return begun, err
	}
	for _, move := range open {
		if move.From != v.Cell || move.Phase == GiveBack {
			continue
		}
		if err := begin(move.TenantID); err != nil {
			return begun, err
		}
	}
	for after := ""; ; {
		tenants, next, err := v.Page(ctx, after)
		if err != nil {
			return begun, err
		}
		for _, tenant := range tenants {
			if tenant.MovingTo == v.Cell {
				continue
			}
			if err := begin(tenant.TenantID); err != nil {
				return begun, err
			}
		}
		if next == "" {
			return begun, nil
		}
		after = next
	}
}

// toBegin reports whether a tenant that the indexes show is to be brought out: one that was not found before, is in the
// cell once more, or failed and is in another process's hands now.
func (v *evacuation) toBegin(ctx context.Context, tenantID string) (bool, error) {
	v.mu.Lock()
	known, failed := v.stages[tenantID] != 0, v.progress.Failed[tenantID] != nil
	v.mu.Unlock()
	if !known {
		return true, nil
	}
	at, err := v.look(ctx, tenantID)
	if failed {
		return err == nil && at.open && at.move.From == v.Cell && v.held(at.move), nil
	}
	return at.home, err
}

// hand gives a move that has been flipped to finish, if there is anything left to do about it. A move that is over, or none,
// is done.
func (v *evacuation) hand(tenantID string, move Move) {
	if move.TenantID == "" || move.Phase.Ended() {
		v.came(tenantID, stageEnded)
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
			carried, err := v.carry(ctx, move.TenantID)
			if err != nil {
				v.othersDone(move.TenantID)
				if errors.Is(err, errMovedBack) {
					v.came(move.TenantID, stageFound)
				}
				v.fail(move.TenantID, err)
				return nil
			}
			v.hand(move.TenantID, carried)
			return nil
		})
	}
	_ = group.Wait()
}

// over reports whether a move's quarantine is.
func (v *evacuation) over(move Move) bool {
	ends := move.RedirectEnds(v.Quarantine)
	return move.Phase != Redirect || !ends.IsZero() && !v.Now().Before(ends)
}
