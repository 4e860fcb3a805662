package move

import (
	"context"
	"time"

	"cellular/internal/model/ledger"
	"cellular/internal/operator/record"
)

const (
	// lateBy is how long before a look at the events, by the time at which it says to have been accepted, an event may be that the
	// look did not find: the clocks differ, the router's invocation takes its time, and the index too.
	lateBy = 3 * clockMargin

	// A look that takes longer than shortLook is followed by one at what came meanwhile, up to maxLooks: what the last one leaves
	// is what the tenant waits for.
	shortLook = clockMargin
	maxLooks  = 6
)

// clone copies what cannot change any more, events and outcomes that are final, while the old cell still works for the
// tenant. It is most of what there is to copy, and not a moment of the tenant's time. It records what it leaves to copy: since
// when the events are that it may not have seen, and the keys of those that were not processed.
func (r *run) clone(ctx context.Context) error {
	// An earlier move may have put events into the old cell a moment ago that are older than any that come now.
	if err := r.Sleep(ctx, r.IndexSettle); err != nil {
		return err
	}
	var open []string
	since := time.Unix(0, 0)
	for look := 1; ; look++ {
		began := r.Now()
		left, err := r.cloneSince(ctx, since, open, look == 1)
		if err != nil {
			return err
		}
		since, open = began.Add(-lateBy), left
		if look == maxLooks || r.Now().Sub(began) <= shortLook {
			break
		}
	}
	r.move.CopySince, r.move.OpenKeys = since, len(open)
	if len(open) > MaxOpenKeys {
		r.move.CopySince, r.move.OpenKeys = time.Time{}, 0
		return r.enter(ctx, Fence)
	}
	if err := r.recordOpen(ctx, open); err != nil {
		return err
	}
	return r.enter(ctx, Fence, ledger.NoteClone(r.to.ResultsTable, r.move.TenantID, r.move.Epoch, r.Now().Add(record.KeepEnded)))
}

// cloneSince clones what is final of the events that were accepted since a time, and of those with the given keys. It returns the
// keys of the others. The first look is at outcomes whose event the old cell does not have, too.
func (r *run) cloneSince(ctx context.Context, since time.Time, keys []string, first bool) ([]string, error) {
	var open openKeys
	var same sharedPair
	page := func(keys []string) error {
		var p plan
		err := r.settleOutcomes(ctx, keys, &same, func(from, to side) plan {
			p = planEvents(keys, from, to, r.move.Epoch, r.Now(), true)
			return p
		})
		open.add(p.open)
		return err
	}
	err := r.together(ctx, page, func(ctx context.Context, page func(keys []string) error) error {
		if err := r.pagesOf(ctx, keys, page); err != nil {
			return err
		}
		if err := r.eventsSince(ctx, r.from, since, page); err != nil || !first {
			return err
		}
		return r.results(ctx, r.from, outcomesOnly(page))
	})
	if err != nil {
		return nil, err
	}
	return open.sorted(), same.check("outcomes")
}
