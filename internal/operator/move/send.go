package move

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/residence"
)

// sendWaiting sends on all diverted events of the tenant that wait in a cell.
func (r *run) sendWaiting(ctx context.Context, source, target manifest.Cell, epoch int64) error {
	return r.waiting(ctx, source, func(keys []string) error { return r.send(ctx, keys, source, target, epoch) })
}

// send sends those of the events that are diverted in the source, and not sent yet, to the target, which may be the same cell: first the event is in
// the target's data table, then it is sent, then it waits no more. A mover that dies in between does it again; the
// target's ledger makes it one effect.
func (r *run) send(ctx context.Context, keys []string, source, target manifest.Cell, epoch int64) error {
	from, err := r.readSide(ctx, source, keys)
	if err != nil {
		return err
	}
	to, err := r.readSide(ctx, target, keys)
	if err != nil {
		return err
	}
	// What waits was accepted, and is applied as long as its item is there, expired or not.
	present(keys, time.Time{}, &from, &to)
	var clones, clear []types.TransactWriteItem
	var conflicts []string
	var events []event.Event
	removed := int64(-1) // until it is known
	for _, key := range keys {
		outcome := from.results[key]
		data, there := from.data[key], to.data[key]
		if ended := from.endedResults[key]; ledger.Peek(ended).Unsent(epoch) {
			clear = append(clear, ledger.MarkSent(source.ResultsTable, ended, epoch))
			continue
		}
		if ledger.Peek(outcome).Unsent(epoch) && data == nil && there == nil && lapsed(outcome, r.Now()) {
			clear = append(clear, ledger.MarkSent(source.ResultsTable, outcome, epoch))
			continue
		}
		if !ledger.Peek(outcome).Unsent(epoch) {
			continue
		}
		switch {
		case data == nil && there == nil:
			if removed < 0 {
				if removed, err = r.removedEpoch(ctx); err != nil {
					return err
				}
			}
			if divertedAt := ledger.Peek(outcome).Epoch; divertedAt > 0 && divertedAt <= removed {
				clear = append(clear, ledger.DeleteDiverted(source.ResultsTable, key, removed))
				continue
			}
			return fmt.Errorf("%w: event %q was diverted in cell %s, and is in the data table of neither cell", ErrStuck, key, source.ID)
		case data == nil:
		case there == nil:
			clones = append(clones, putClone(target, data, source.ID))
		case !sameContent(data, there):
			conflicts = append(conflicts, key)
			continue
		}
		clear = append(clear, ledger.MarkSent(source.ResultsTable, outcome, epoch))
		if statusOf(to.results[key]) == ledger.Processed {
			continue
		}
		if there != nil {
			data = there // the target's item decides when the id may be used again: no outcome must say that the event lives for longer
		}
		e, err := event.FromItem(data)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrStuck, err)
		}
		e.Epoch = epoch
		events = append(events, e)
	}
	if err := r.write(ctx, clones); err != nil {
		return err
	}
	if err := r.guarded(ctx); err != nil {
		return err
	}
	if err := resend.Events(ctx, r.Queue, target.QueueURL, target.Settings.InlinePayloadBytes, events); err != nil {
		return err
	}
	// An event that the target, being the source, has applied by now waits no more already.
	if _, err := r.writeEach(ctx, clear); err != nil {
		return err
	}
	r.count(Counts{Sent: len(events)})
	return r.putAside(ctx, conflicts, from)
}

// guarded is the guard alone. A message cannot be a part of a transaction; a mover that has been taken over does not get
// as far as to send one, unless it is frozen right here, and then the fences and the ledgers take care of what it sends.
func (r *run) guarded(ctx context.Context) error {
	defer r.inTurn()()
	return r.transact(ctx, r.guard())
}

// removedEpoch is the epoch up to which an earlier tenant of the name was removed, 0 for none. One that is not below the
// epoch that the tenant had before the move says nothing of the tenant: a cellctl of a version without records has placed it.
func (r *run) removedEpoch(ctx context.Context) (int64, error) {
	known, err := residence.Get(ctx, r.DynamoDB, r.ControlPlane.MoveTable, r.move.TenantID)
	if err != nil || known.RemovedEpoch >= r.move.OldEpoch {
		return 0, err
	}
	return known.RemovedEpoch, nil
}

// putAside puts events into the consumer DLQ of the cell that has accepted them, where an operator decides. They stay in
// that cell when everything else is forgotten.
func (r *run) putAside(ctx context.Context, keys []string, from side) error {
	for _, key := range keys {
		e, err := event.FromItem(from.data[key])
		if err != nil {
			return fmt.Errorf("%w: %w", ErrStuck, err)
		}
		e.Epoch = r.move.Epoch
		err = resend.Events(ctx, r.Queue, from.cell.ConsumerDLQURL, from.cell.Settings.InlinePayloadBytes, []event.Event{e})
		if err != nil {
			return fmt.Errorf("put event %q aside: %w", key, err)
		}
		outcome := ledger.Of(e, ledger.Failed, r.Now(), ledger.Memory(from.cell))
		outcome.Reason = ledger.ReasonConflict
		made, err := r.writeEach(ctx, []types.TransactWriteItem{ledger.PutUnlessThere(from.cell.ResultsTable, outcome, ledger.Diverted)})
		if err != nil {
			return err
		}
		r.count(Counts{Conflicts: made})
	}
	return nil
}
