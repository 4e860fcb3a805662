package move

import (
	"context"

	"cellular/internal/event"
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

// sweep looks at all events and outcomes of the old cell, sees to it that the new one has them, and sends on what has not
// been applied. It reports whether it found nothing to do; both are then the same, and it says how many events there are.
func (r *run) sweep(ctx context.Context) (clean bool, same pair, err error) {
	clean = true
	var counts Counts
	err = r.events(ctx, r.from, func(keys []string) error {
		p, from, to, err := r.settle(ctx, keys, func(from, to side) plan { return planEvents(keys, from, to, r.Now(), false) })
		if err != nil {
			return err
		}
		counts.Expired += p.counts.Expired
		counts.Unreadable += p.counts.Unreadable
		if len(p.writes)+len(p.send)+len(p.conflicts) > 0 {
			clean = false
			if err := r.send(ctx, p.send, r.from, r.to, r.move.Epoch); err != nil {
				return err
			}
			return r.putAside(ctx, p.conflicts, from)
		}
		for _, key := range keys {
			same.addEvent(from.data[key], to.data[key])
		}
		return nil
	})
	if err != nil {
		return false, pair{}, err
	}
	err = r.results(ctx, r.from, func(keys []string) error {
		p, _, _, err := r.settle(ctx, keys, func(from, to side) plan { return planOutcomes(keys, from, to) })
		clean = clean && len(p.writes) == 0
		return err
	})
	if err != nil {
		return false, pair{}, err
	}
	r.move.Counts.Expired, r.move.Counts.Unreadable = counts.Expired, counts.Unreadable
	return clean, same, r.sendAllWaiting(ctx)
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
