package removal

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// giveBack gives the tenant back as it was. The mapping gets the removal's epoch, and what the sealed cell has diverted is
// sent again under that one, by which the cell's ledger tells that the diversion is over.
//
// The fence comes first, with the mapping, and its copies after it. What was diverted is sent when all of them are seen to be
// lowered: a copy that is not diverts events yet, and nobody would look for those again.
func (r *run) giveBack(ctx context.Context) error {
	home := ledger.Fence{TenantID: r.removal.TenantID, Floor: r.removal.OldFloor, State: ledger.Owner, UpdatedAt: now(r.Options)}
	condition, names, values := r.unchangedCell()
	names["#epoch"], values[":epoch"] = mapping.AttrEpoch, item.Number(r.removal.Epoch)
	*condition += " AND #epoch <= :epoch"
	writes := []writeItem{
		r.at().Guard(),
		{Update: &types.Update{
			TableName: aws.String(r.ControlPlane.MappingTable), Key: mappingKey(r.removal.TenantID),
			UpdateExpression: aws.String("SET #epoch = :epoch"), ConditionExpression: condition,
			ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}},
	}
	if !r.lost() {
		writes = append(writes, ledger.SetFence(r.cell.ResultsTable, home))
	}
	if !mapping.IsProbeTenant(r.removal.TenantID) {
		writes = append(writes, residence.Settle(r.ControlPlane.MoveTable, r.removal.TenantID, r.removal.CellID, r.removal.Epoch, now(r.Options)))
	}
	if err := r.transact(ctx, writes); err != nil {
		return err
	}
	if r.lost() {
		return r.enter(ctx, CalledOff, r.unmark())
	}
	if err := r.bring(ctx, r.cell, home); err != nil {
		return err
	}
	// All events are looked at: the index of those that wait may lag.
	err := tenantdata.EventKeys(ctx, r.DynamoDB, r.cell.DataTable, r.removal.TenantID, time.Time{}, func(keys []string) error {
		if err := r.sendAgain(ctx, keys); err != nil {
			return err
		}
		return r.touch(ctx)
	})
	if err != nil {
		return err
	}
	return r.enter(ctx, CalledOff, r.unmark())
}

// unchangedCell is what calling off needs of the mapping: the tenant is still in the cell, and no other removal has begun.
// Nothing was deleted, so it does no harm if a program that knows no mark has resumed the tenant meanwhile, or put a mapping
// back without the mark: what was accepted since is there, and what the sealed cell has diverted of it is sent again.
func (r *run) unchangedCell() (condition *string, names map[string]string, values Item) {
	return aws.String("(attribute_not_exists(#removing) OR #removing = :removal) AND #cell = :cell AND attribute_not_exists(#moving)"),
		map[string]string{"#removing": mapping.AttrRemoving, "#cell": mapping.AttrCellID, "#moving": mapping.AttrMovingTo},
		Item{":removal": item.Number(r.removal.Epoch), ":cell": item.Text(r.removal.CellID)}
}

// unmark takes the removal out of the mapping. The tenant has been in its state since the time that the mapping says.
func (r *run) unmark() writeItem {
	condition, names, values := r.unchangedCell()
	return writeItem{Update: &types.Update{
		TableName: aws.String(r.ControlPlane.MappingTable), Key: mappingKey(r.removal.TenantID),
		UpdateExpression: aws.String("REMOVE #removing"), ConditionExpression: condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}
}

// sendAgain sends those of the events that were diverted to the cell's own queue, and then notes that they wait no more. A remover that dies in
// between does it again; the ledger makes it one effect. An event whose data has expired is not sent, and the life of the others is
// extended for as long as their messages can be on their way.
func (r *run) sendAgain(ctx context.Context, keys []string) error {
	outcomes, err := tenantdata.Read(ctx, r.DynamoDB, r.cell.ResultsTable, keys)
	if err != nil {
		return err
	}
	data, err := tenantdata.Read(ctx, r.DynamoDB, r.cell.DataTable, keys)
	if err != nil {
		return err
	}
	var events []event.Event
	for _, key := range keys {
		outcome := ledger.Peek(outcomes[key])
		if !outcome.Waits() || data[key] == nil && outcome.Ended(r.Now()) {
			continue
		}
		e, err := event.FromItem(data[key])
		if err != nil {
			return fmt.Errorf("%w: event %q waits to be sent again, and cannot be read: %w", ErrStuck, key, err)
		}
		if outcome.Before(e) || e.Expired(r.Now()) {
			continue
		}
		if err := r.extend(ctx, e); err != nil {
			return err
		}
		e.Epoch = r.removal.Epoch
		events = append(events, e)
	}
	if len(events) == 0 {
		return nil
	}
	if err := r.guarded(ctx); err != nil {
		return err
	}
	if err := resend.Events(ctx, r.Queue, r.cell.QueueURL, r.cell.Settings.InlinePayloadBytes, events); err != nil {
		return err
	}
	for _, e := range events {
		if err := r.waitsNoMore(ctx, outcomes[e.Key()]); err != nil {
			return err
		}
	}
	return nil
}

// extend lets an event's item live until a message that is sent now is gone. Where the item has expired a moment ago, its message is
// a late delivery at worst.
func (r *run) extend(ctx context.Context, e event.Event) error {
	until := event.Expiry(r.Now(), resend.WayAhead(r.cell)+event.ClockMargin)
	if e.ExpiresAt.IsZero() || !e.ExpiresAt.Before(until) {
		return nil
	}
	err := r.retrier().Write(ctx, r.DynamoDB, r.at().Guard(), resend.Extend(r.cell.DataTable, e, until, r.Now()))
	switch failure := transact.Classify(err); {
	case failure.Failed(0):
		return ErrTakenOver
	case failure.Kind == transact.Condition:
		return nil
	}
	return err
}

// waitsNoMore notes that a diverted event has been sent again, unless it has been applied by now.
func (r *run) waitsNoMore(ctx context.Context, outcome ledger.Item) error {
	err := r.retrier().Write(ctx, r.DynamoDB, r.at().Guard(), ledger.MarkSent(r.cell.ResultsTable, outcome, r.removal.Epoch))
	switch failure := transact.Classify(err); {
	case failure.Failed(0):
		return ErrTakenOver
	case failure.Kind == transact.Condition:
		return nil
	}
	return err
}
