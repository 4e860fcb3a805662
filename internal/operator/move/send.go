package move

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
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
	var clones, clear []types.TransactWriteItem
	var conflicts []string
	var events []event.Event
	removed := int64(-1) // until it is known
	for _, key := range keys {
		outcome := from.results[key]
		if !unsent(outcome, epoch) {
			continue
		}
		data, there := from.data[key], to.data[key]
		switch {
		case data == nil && there == nil:
			if removed < 0 {
				if removed, err = r.removedEpoch(ctx); err != nil {
					return err
				}
			}
			if divertedAt := epochOf(outcome); divertedAt > 0 && divertedAt <= removed {
				clear = append(clear, forget(source, key, removed))
				continue
			}
			return fmt.Errorf("%w: event %q was diverted in cell %s, and is in the data table of neither cell", ErrStuck, key, source.ID)
		case data == nil:
			data = there
		case there == nil:
			clones = append(clones, putClone(target, data, source.ID))
		case !sameContent(data, there):
			conflicts = append(conflicts, key)
			continue
		}
		clear = append(clear, markSent(source, key, epoch))
		if statusOf(to.results[key]) == event.Processed {
			continue
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
	r.move.Counts.Sent += len(events)
	return r.putAside(ctx, conflicts, from)
}

// guarded is the guard alone. A message cannot be a part of a transaction; a mover that has been taken over does not get
// as far as to send one, unless it is frozen right here, and then the fences and the ledgers take care of what it sends.
func (r *run) guarded(ctx context.Context) error { return r.transact(ctx, r.guard()) }

// markSent notes that a diverted event has been sent on under an epoch. It waits no more, and its entry stands for all
// deliveries under older epochs: one that comes late is a duplicate, and does not have the event wait again.
func markSent(cell manifest.Cell, key string, epoch int64) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName:           aws.String(cell.ResultsTable),
		Key:                 Item{event.AttrKey: item.Text(key)},
		UpdateExpression:    aws.String("SET #epoch = :before REMOVE #waiting"),
		ConditionExpression: aws.String("#status = :diverted AND #epoch <= :before"),
		ExpressionAttributeNames: map[string]string{
			"#waiting": event.AttrWaiting, "#status": event.AttrStatus, "#epoch": event.AttrEpoch,
		},
		ExpressionAttributeValues: Item{":before": item.Number(epoch - 1), ":diverted": item.Text(string(event.Diverted))},
	}}
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

// forget deletes the note of a diverted event of a tenant that was removed up to an epoch. A consumer of a version that does
// not know what was removed makes such notes, of messages that come late.
func forget(cell manifest.Cell, key string, removed int64) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName:                 aws.String(cell.ResultsTable),
		Key:                       Item{event.AttrKey: item.Text(key)},
		ConditionExpression:       aws.String("#status = :diverted AND #epoch <= :removed"),
		ExpressionAttributeNames:  map[string]string{"#status": event.AttrStatus, "#epoch": event.AttrEpoch},
		ExpressionAttributeValues: Item{":removed": item.Number(removed), ":diverted": item.Text(string(event.Diverted))},
	}}
}

// reasonConflict is the reason of an event that the old cell accepted from a router with an old mapping, while the new
// one accepted another event under the same id.
const reasonConflict = event.ReasonConflict

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
		made, err := r.writeEach(ctx, []types.TransactWriteItem{{Put: &types.Put{
			TableName: aws.String(from.cell.ResultsTable),
			Item: Item{
				event.AttrKey: item.Text(key), event.AttrTenantID: item.Text(e.TenantID), event.AttrID: item.Text(e.ID), event.AttrType: item.Text(e.Type),
				event.AttrEpoch: item.Number(e.Epoch), event.AttrStatus: item.Text(string(event.Failed)), event.AttrReason: item.Text(reasonConflict),
				event.AttrAppliedAt: item.Text(event.FormatTime(r.Now())), event.AttrExpiresAt: item.Number(r.Now().Add(resultTTL(from.cell)).Unix()),
			},
			ConditionExpression:       aws.String("attribute_not_exists(#key) OR #status = :diverted"),
			ExpressionAttributeNames:  map[string]string{"#key": event.AttrKey, "#status": event.AttrStatus},
			ExpressionAttributeValues: Item{":diverted": item.Text(string(event.Diverted))},
		}}})
		if err != nil {
			return err
		}
		r.move.Counts.Conflicts += made
	}
	return nil
}
