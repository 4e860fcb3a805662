package move

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/ledger"
	"cellular/internal/operator/tenantdata"
)

// maxPasses bounds how often all events are looked at until a pass finds nothing to do. No router writes to the old cell
// any more, so the second pass should be the last; each further one is for what its indexes have shown late.
const maxPasses = 6

// verify looks at everything in the old cell until there is nothing left to do, and compares.
func (r *run) verify(ctx context.Context) error {
	var last found
	for range maxPasses {
		var err error
		if last, err = r.sweep(ctx); err != nil {
			return err
		}
		if !last.nothing() {
			if err := r.Sleep(ctx, r.IndexSettle); err != nil {
				return err
			}
			continue
		}
		if err := errors.Join(last.same.check("events"), last.outcomes.check("outcomes")); err != nil {
			return err
		}
		if err := r.sameState(ctx); err != nil {
			return err
		}
		r.move.Counts.Expired, r.move.Counts.Unreadable = last.expired, last.unreadable
		r.move.Counts.SameEvents, r.move.Counts.SameOutcomes = last.same.from.comparison(), last.outcomes.from.comparison()
		err = r.enter(ctx, Forget, r.mustBeFenced()...)
		if errors.Is(err, errChanged) {
			return errors.Join(r.checkFences(ctx), fmt.Errorf("%w: the tenant's fences are not those of the move", ErrStuck))
		}
		return err
	}
	return fmt.Errorf("%w: in %d passes over the old cell there was always something new, in the last one %s; carry the move on to try again",
		ErrStuck, maxPasses, last)
}

// sameState checks that the business logic's items in the old cell are those that were copied. One that has shown in the
// index only since then is missing in the new cell, which has worked on without it.
func (r *run) sameState(ctx context.Context) error {
	var state digest
	err := r.state(ctx, r.from, func(keys []string) error {
		items, err := tenantdata.Read(ctx, r.DynamoDB, r.from.ResultsTable, keys)
		if err != nil {
			return err
		}
		for _, item := range items {
			state.add(item)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if got, want := state.comparison(), r.move.Counts.SameState; got != want {
		return fmt.Errorf("%w: the business logic's items in the old cell are not those that were copied (%d of them, %d were copied); "+
			"back the move out", ErrStuck, got.Items, want.Items)
	}
	return nil
}

// forget deletes in the old cell what it sees in the new one, and ends the move.
func (r *run) forget(ctx context.Context) error {
	for range maxPasses {
		if _, err := r.sweep(ctx); err != nil {
			return err
		}
		deleted, err := r.deleteIn(ctx, true)
		if err != nil {
			return err
		}
		if deleted == 0 {
			return r.finish(ctx, Done, r.from)
		}
	}
	return fmt.Errorf("%w: after %d passes the old cell still has something to forget; carry the move on to try again", ErrStuck, maxPasses)
}

// deleteIn deletes the tenant's items in the cell that it leaves, which is the move's old one, or on a way back that has
// come no further than this, its new one. It deletes an event only where it has just seen it in the other cell.
//
// What it reports as deleted is without the notes that a late delivery of a message leaves once its event is forgotten:
// those may go on appearing, and are for nobody.
func (r *run) deleteIn(ctx context.Context, old bool) (deleted int, err error) {
	leaves, stays := r.from, r.to
	if !old {
		leaves, stays = r.to, r.from
	}
	page := func(keys []string) error {
		gone, err := r.readSide(ctx, leaves, keys)
		if err != nil {
			return err
		}
		kept, err := r.readSide(ctx, stays, keys)
		if err != nil {
			return err
		}
		present(keys, r.Now(), &gone, &kept)
		var writes []types.TransactWriteItem
		for _, key := range keys {
			w := deletions(key, gone, kept, func(data, outcome Item) bool {
				if !old {
					return true // in the new cell, before the flip, it is a mere copy
				}
				return outcome == nil && ledger.Forgotten(data, gone.cell, r.Now()) || outcome != nil && !ledger.Peek(outcome).Unsent(r.move.Epoch)
			})
			w = append(w, forgetEnded(key, gone)...)
			if gone.data[key] != nil || gone.endedData[key] != nil || statusOf(gone.results[key]) != ledger.Diverted {
				deleted += len(w)
			}
			writes = append(writes, w...)
		}
		n, err := r.writeEach(ctx, writes)
		r.move.Counts.Forgotten += n
		return err
	}
	if err := r.events(ctx, leaves, page); err != nil {
		return deleted, err
	}
	return deleted, r.results(ctx, leaves, page)
}

// deletions are the writes that forget what a cell has under a key, if all of it is in the other cell. Done says whether an
// event that the cell has not applied, and that does not wait, needs nothing more.
func deletions(key string, leaves, stays side, done func(data, outcome Item) bool) []types.TransactWriteItem {
	data, outcome := leaves.data[key], leaves.results[key]
	if ledger.IsState(key) {
		if outcome == nil {
			return nil
		}
		return []types.TransactWriteItem{remove(leaves.cell.ResultsTable, key)}
	}
	if data != nil && (stays.data[key] == nil || !sameContent(data, stays.data[key])) {
		return nil
	}
	status := statusOf(outcome)
	note := outcome != nil // whether what the ledger says is to be forgotten, too
	switch status {
	case ledger.Processed, ledger.Failed:
		if stays.results[key] == nil {
			return nil
		}
	case ledger.Diverted:
		// What waits is found by its note, and sent with what the other cell has.
		note = !ledger.Peek(outcome).Waiting && done(data, outcome)
	default:
		if !done(data, outcome) {
			return nil
		}
	}
	var writes []types.TransactWriteItem
	if data != nil {
		writes = append(writes, remove(leaves.cell.DataTable, key))
	}
	if note {
		writes = append(writes, ledger.DeleteOutcome(leaves.cell.ResultsTable, key, status))
	}
	return writes
}
