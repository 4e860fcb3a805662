package move

import (
	"context"
	"fmt"
	"sync"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
)

// redirect sends diverted events on to the new cell until no router can write to the old one any more. With once it does
// so a single time and leaves the rest to a later mover.
func (r *run) redirect(ctx context.Context, once bool) error {
	if r.move.FlippedAt.IsZero() {
		// Counted from here and not from before the flip, whose transaction may have taken any time.
		next := r.move
		next.FlippedAt = r.Now()
		if err := r.save(ctx, next); err != nil {
			return err
		}
	}
	end := r.move.FlippedAt.Add(r.Quarantine)
	for {
		over := !r.Now().Before(end) // asked before it is looked for what there is to send
		if err := r.sendAllWaiting(ctx); err != nil {
			return err
		}
		if once {
			return r.save(ctx, r.move)
		}
		if over {
			return r.enter(ctx, Verify)
		}
		if err := r.Sleep(ctx, min(r.Poll, end.Sub(r.Now()))); err != nil {
			return err
		}
		if err := r.touch(ctx); err != nil {
			return err
		}
	}
}

// sendAllWaiting sends what waits in either cell to the new one. In the new one something waits if it came under an older
// epoch: late, from the time before the tenant left that cell once, or through a router that has not noticed that the
// tenant is on its way back.
func (r *run) sendAllWaiting(ctx context.Context) error {
	if err := r.sendWaiting(ctx, r.from, r.to, r.move.Epoch); err != nil {
		return err
	}
	return r.sendWaiting(ctx, r.to, r.to, r.move.Epoch)
}

// found is what a sweep came upon and dealt with.
type found struct {
	missing   int // events and outcomes that the new cell did not have
	unapplied int // events that were to be sent on
	conflicts int
	same      pair // the events that both cells have
	outcomes  pair // the outcomes of the events that the old cell has applied

	expired, unreadable int // see Counts
}

func (f found) nothing() bool { return f.missing+f.unapplied+f.conflicts == 0 }

func (f found) String() string {
	return fmt.Sprintf("%d items that the new cell had not, %d events to be sent on, %d conflicts", f.missing, f.unapplied, f.conflicts)
}

// sweep looks at all events and outcomes of the old cell, sees to it that the new one has them, and sends on what has not
// been applied.
func (r *run) sweep(ctx context.Context) (found, error) {
	var f found
	var mu sync.Mutex // for f
	events := func(keys []string) error {
		p, from, to, err := r.settle(ctx, keys, func(from, to side) plan { return planEvents(keys, from, to, r.move.Epoch, r.Now(), false) })
		if err != nil {
			return err
		}
		mu.Lock()
		f.expired += p.counts.Expired
		f.unreadable += p.counts.Unreadable
		f.missing += p.counts.Events + p.counts.Outcomes
		f.unapplied += len(p.send)
		f.conflicts += len(p.conflicts)
		for _, key := range keys {
			f.same.addEvent(from.data[key], to.data[key])
		}
		mu.Unlock()
		if err := r.send(ctx, p.send, r.from, r.to, r.move.Epoch); err != nil {
			return err
		}
		return r.putAside(ctx, p.conflicts, from)
	}
	outcomes := outcomesOnly(func(keys []string) error {
		p, from, to, err := r.settle(ctx, keys, func(from, to side) plan { return planOutcomes(keys, from, to) })
		mu.Lock()
		defer mu.Unlock()
		f.missing += p.counts.Outcomes
		for _, key := range keys {
			f.outcomes.addOutcome(from.results[key], to.results[key])
		}
		return err
	})
	for _, look := range []struct {
		at func(context.Context, manifest.Cell, func([]string) error) error
		do func(keys []string) error
	}{{r.events, events}, {r.results, outcomes}} {
		err := r.together(ctx, look.do, func(ctx context.Context, do func(keys []string) error) error { return look.at(ctx, r.from, do) })
		if err != nil {
			return found{}, err
		}
	}
	if r.move.BackingOut {
		n, err := r.sweepReturned(ctx)
		if err != nil {
			return found{}, err
		}
		f.unapplied += n
	}
	return f, r.sendAllWaiting(ctx)
}

// sweepReturned looks, on a way back, for events that the cell which the tenant comes back to has accepted before, from
// routers that had not noticed the move away, and has not brought to its consumer yet. Under the new epoch that would
// divert them, and once the move is over nobody would send them on.
func (r *run) sweepReturned(ctx context.Context) (sent int, err error) {
	err = r.events(ctx, r.to, func(keys []string) error {
		var late []string
		_, _, _, err := r.settle(ctx, keys, func(_, to side) plan {
			var p plan
			late = nil
			for _, key := range keys {
				data := to.data[key]
				if data == nil || data[event.AttrClonedFrom] != nil || to.results[key] != nil || ledger.Forgotten(data, to.cell, r.Now()) {
					continue
				}
				e, err := event.FromItem(data)
				if err != nil || e.Epoch >= r.move.Epoch {
					continue
				}
				p.writes = append(p.writes, putDiverted(to.cell, e, r.Now()))
				p.counts.TakenOver++
				late = append(late, key)
			}
			return p
		})
		if err != nil {
			return err
		}
		sent += len(late)
		return r.send(ctx, late, r.to, r.to, r.move.Epoch)
	})
	return sent, err
}

// addOutcome adds the outcome of an event that the old cell has applied. What the new cell has of it was compared when it was copied;
// where that one has applied the event too, as after a restore, there is nothing left to mend.
func (p *pair) addOutcome(from, to Item) {
	switch {
	case statusOf(from) != ledger.Processed:
	case statusOf(to) == ledger.Processed:
		p.add(from, from)
	default:
		p.add(from, nil)
	}
}

// addEvent adds an event that both sides have. The new cell may have accepted it by itself, from a client that sent it
// again: with the same content, and at another time.
func (p *pair) addEvent(from, to Item) {
	if from == nil || to == nil {
		return
	}
	if _, err := event.FromItem(from); err != nil {
		return
	}
	switch {
	case sumOf(from) == sumOf(to):
		p.add(from, to)
	case sameContent(from, to):
		p.add(from, from)
	}
}
