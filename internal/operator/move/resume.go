package move

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// resumeEvery is how often each of the moves that wait for the end of their redirect phase is looked at: so late are the
// events that still reach an old cell. It is not more often, for there may be hundreds.
const resumeEvery = 5 * time.Second

// Resumption carries on the moves of several tenants.
type Resumption struct {
	Tenants []string // each once
	// Epochs has the epochs of the moves that Open has returned, by tenant. A tenant may lack one.
	Epochs map[string]int64
	// Parallel is how many tenants are worked on at a time, at least 1. Those that only wait do not count.
	Parallel int
	// Until is Redirect to leave each move where the new cell serves the tenant, or "" to carry it to its end.
	Until Phase
	// Waiting is called once for each tenant whose move another process is at work on, with the error that says so.
	Waiting func(error)
	// Explain is called with each error that ends the work on a tenant, when it does. What it returns is what Resumed has.
	// Both are called by several at a time.
	Explain func(tenantID string, err error) error
}

// Resumed is how far the move of a tenant came, and why not further.
type Resumed struct {
	TenantID string
	Move     Move // zero where there is none
	Err      error
}

// Resume carries moves on, a step of each at a time: while one waits for routers to forget its old cell, the others go on.
// One that fails does not keep the others. A move that another process is at work on is waited for, taken over should that
// die, given up if it does not get on for othersPatience, and done if that has finished it.
//
// It returns what came of each tenant, in their order. Where the context ends, those are left out whose turn had not come.
func (m *Mover) Resume(ctx context.Context, r Resumption) []Resumed {
	began := m.Now()
	all := make([]*resuming, len(r.Tenants))
	for i, tenantID := range r.Tenants {
		all[i] = &resuming{Mover: m, Resumption: &r, began: began, Resumed: Resumed{TenantID: tenantID}}
	}
	for open := all; len(open) > 0 && ctx.Err() == nil; {
		var group errgroup.Group
		group.SetLimit(max(r.Parallel, 1))
		for _, t := range open {
			group.Go(func() error {
				t.advance(ctx)
				return nil
			})
		}
		_ = group.Wait() // no function of the group returns an error
		var waiting []*resuming
		for _, t := range open {
			if !t.over() {
				waiting = append(waiting, t)
			}
		}
		open = waiting
		if len(open) > 0 {
			_ = m.Sleep(ctx, resumeEvery) // the loop looks at the context
		}
	}
	var results []Resumed
	for _, t := range all {
		if t.begun {
			results = append(results, t.Resumed)
		}
	}
	return results
}

// resuming is one tenant of a Resumption.
type resuming struct {
	*Mover
	*Resumption
	Resumed
	began  time.Time // when the Resumption did
	begun  bool      // the tenant's turn has come
	other  watch     // of another process that is, or was, at work on the move
	waited bool      // Waiting was called
}

// advance carries the move on by a step, and keeps what came of it.
func (t *resuming) advance(ctx context.Context) {
	move, err := t.step(ctx)
	if t.waits(move, err) {
		err = nil
	} else if ended, ok := t.endedByAnother(ctx, err); ok {
		move, err = ended, nil
	}
	if err != nil {
		err = t.Explain(t.TenantID, err)
	}
	t.begun, t.Move, t.Err = true, move, err
}

// step carries the move on as far as it goes without waiting for routers.
func (t *resuming) step(ctx context.Context) (Move, error) {
	move, err := t.Run(ctx, t.TenantID, Redirect)
	if err != nil || move.Phase != Redirect || t.Now().Before(move.RedirectEnds(t.Quarantine)) {
		return move, err
	}
	return t.Run(ctx, t.TenantID, "")
}

// waits reports whether an error means no more than that another process is at work on the move, and gets on with it. That
// may also be dead, which shows in a while.
func (t *resuming) waits(move Move, err error) bool {
	if !errors.Is(err, ErrHeld) && !errors.Is(err, ErrTakenOver) || t.other.stuckFor(t.Now(), move, t.Quarantine) > othersPatience {
		return false
	}
	if !t.waited {
		t.waited = true
		t.Waiting(err)
	}
	return true
}

// endedByAnother returns the tenant's last move if that is why it was not carried on: another process has finished it since
// the Resumption began, or since the index of moves showed it.
func (t *resuming) endedByAnother(ctx context.Context, err error) (Move, bool) {
	if !errors.Is(err, ErrNoMove) {
		return Move{}, false
	}
	moves, err := t.History(ctx, t.TenantID)
	if err != nil || len(moves) == 0 {
		return Move{}, false
	}
	last := moves[0]
	return last, last.Phase.Ended() && (last.Epoch == t.Epochs[t.TenantID] || last.FinishedAt.After(t.began))
}

// over reports whether nothing is left to do about the move.
func (t *resuming) over() bool {
	return t.Err != nil || t.Move.Phase.Ended() || t.Until == Redirect && t.Move.Phase.Flipped()
}
