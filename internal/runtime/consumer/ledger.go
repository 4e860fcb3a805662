package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ownership"
	"cellular/internal/model/transact"
)

// unlessSettled is the condition of every write to the ledger: the event has been neither applied nor diverted. What was
// given up on may be tried again: that is what a redrive from the dead letter queue does. What was diverted may be, too,
// if it has been sent again since: then it carries a newer epoch. A delivery of the epoch that was diverted is a duplicate.
const unlessSettled = "attribute_not_exists(#key) OR #status = :failed OR (#status = :diverted AND #epoch < :epoch)"

// unlessOutdated is the condition of a diversion: unlessSettled, and that the event was not given up on under a newer epoch.
// Such an event was sent to its tenant's cell and tried there, so that a delivery from before is a duplicate. Were it to
// wait, it would wait in a cell that the tenant has come back to, where no move is under way that sends it on.
const unlessOutdated = "attribute_not_exists(#key) OR (#status = :failed AND attribute_not_exists(#epoch)) OR " +
	"(#status = :failed AND #epoch <= :epoch) OR (#status = :diverted AND #epoch < :epoch)"

// ledgerPut writes an entry for an event that was delivered with an epoch, on one of the conditions above.
func (c *Consumer) ledgerPut(entry map[string]types.AttributeValue, epoch int64, condition string) *types.Put {
	return &types.Put{
		TableName:           aws.String(c.ResultsTable),
		Item:                entry,
		ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: map[string]string{
			"#key": event.AttrKey, "#status": event.AttrStatus, "#epoch": event.AttrEpoch,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":failed": item.Text(string(event.Failed)), ":diverted": item.Text(string(event.Diverted)), ":epoch": item.Number(epoch),
		},
	}
}

// entry is the part of a ledger entry that every outcome has.
func (c *Consumer) entry(tenantID, eventID string, status event.Status) map[string]types.AttributeValue {
	now := c.Now()
	return map[string]types.AttributeValue{
		event.AttrKey:       item.Text(event.Key(tenantID, eventID)),
		event.AttrTenantID:  item.Text(tenantID),
		event.AttrID:        item.Text(eventID),
		event.AttrStatus:    item.Text(string(status)),
		event.AttrAppliedAt: item.Text(event.FormatTime(now)),
		event.AttrExpiresAt: item.Number(now.Add(c.ResultTTL).Unix()),
	}
}

// The first operations of the transaction that applies an event.
const (
	ledgerAt = iota
	fenceAt
)

// commit writes the effect and the ledger's entry, both or neither, if the cell may apply events of this epoch; if it may
// not, the event is diverted.
//
// The check of the fence makes transactions of one tenant that run at the same moment conflict. They do anyway where they
// share state, as counters do; the one that loses tries again.
func (c *Consumer) commit(ctx context.Context, e event.Event, effect app.Effect) (result, error) {
	entry := c.entry(e.TenantID, e.ID, event.Processed)
	entry[event.AttrType] = item.Text(e.Type)
	entry[event.AttrEpoch] = item.Number(e.Epoch)
	if effect.Result != nil {
		entry[event.AttrResult] = item.Text(string(effect.Result))
	}
	items := make([]types.TransactWriteItem, 0, fenceAt+1+len(effect.Writes))
	items = append(items,
		types.TransactWriteItem{Put: c.ledgerPut(entry, e.Epoch, unlessSettled)},
		ownership.MayApply(c.ResultsTable, e.TenantID, e.Epoch))
	items = append(items, effect.Writes...)

	err := c.transact(ctx, items)
	switch {
	case err == nil:
		return applied, nil
	case transact.ConditionFailed(err, ledgerAt):
		return duplicate, nil
	case transact.ConditionFailed(err, fenceAt):
		return c.divert(ctx, e)
	case invalidEffect(err):
		return "", app.Permanent(fmt.Errorf("apply: %w", err))
	}
	return "", fmt.Errorf("apply: %w", err)
}

// errFenced is the error for an event that is not this cell's to give up on: its tenant has left.
var errFenced = errors.New("the event's epoch is below the floor of its tenant's fence")

// recordFailed writes that the event was given up on, or will have been by then, if by is not zero. It reports true, and writes nothing, if the event is settled after
// all, and errFenced if the fence would keep the cell from applying it. A message that cannot be read has no epoch; it
// is taken as older than any, so that it overwrites nothing that was diverted, and meets no fence. Where a tenant of its
// name was removed, it may be that tenant's: nothing is written unless the cell has such an event.
func (c *Consumer) recordFailed(ctx context.Context, d delivery, reason Reason, by time.Time) (settled bool, err error) {
	entry := c.entry(d.tenantID, d.eventID, event.Failed)
	entry[event.AttrReason] = item.Text(string(reason))
	if !by.IsZero() {
		entry[event.AttrFailedBy] = item.Text(event.FormatTime(by))
	}
	var epoch int64
	var fence []types.TransactWriteItem
	if d.err == nil {
		epoch = d.message.Epoch
		entry[event.AttrType] = item.Text(d.message.Type)
		entry[event.AttrEpoch] = item.Number(epoch)
		fence = append(fence, ownership.MayApply(c.ResultsTable, d.tenantID, epoch))
	} else {
		removals, unknown, err := c.leftByRemoved(ctx, d.tenantID, d.eventID)
		if err != nil || unknown {
			return false, err
		}
		fence = append(fence, removals)
	}
	err = c.transact(ctx, append([]types.TransactWriteItem{ledgerAt: {Put: c.ledgerPut(entry, epoch, unlessSettled)}}, fence...))
	switch {
	case transact.ConditionFailed(err, ledgerAt):
		return true, nil
	case transact.ConditionFailed(err, fenceAt) && d.err != nil:
		return c.recordFailed(ctx, d, reason, by) // its tenant was removed a moment ago
	case transact.ConditionFailed(err, fenceAt):
		return false, errFenced
	case err != nil:
		return false, fmt.Errorf("record the failure: %w", err)
	}
	return false, nil
}

// leftByRemoved reports whether a tenant was removed from the cell, and no tenant of its name has an event of this id now. The
// operation of a transaction is the condition that none was removed since.
func (c *Consumer) leftByRemoved(ctx context.Context, tenantID, eventID string) (types.TransactWriteItem, bool, error) {
	fence, _, err := ownership.Get(ctx, c.Tables, c.ResultsTable, tenantID)
	if err != nil {
		return types.TransactWriteItem{}, false, err
	}
	since := ownership.NotRemovedSince(c.ResultsTable, tenantID, fence)
	if fence.RemovedBelow == 0 {
		return since, false, nil
	}
	stored, err := c.stored(ctx, event.Key(tenantID, eventID))
	return since, stored == nil, err
}

// stored reads an event's item. The read is consistent: the event may be milliseconds old.
func (c *Consumer) stored(ctx context.Context, key string) (map[string]types.AttributeValue, error) {
	out, err := c.Tables.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(c.DataTable),
		Key:            map[string]types.AttributeValue{event.AttrKey: item.Text(key)},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil || len(out.Item) == 0 {
		return nil, err
	}
	return out.Item, nil
}

// fetchPayload reads a payload that did not travel.
func (c *Consumer) fetchPayload(ctx context.Context, e event.Event) (json.RawMessage, error) {
	item, err := c.stored(ctx, e.Key())
	if err != nil {
		return nil, err
	}
	if item == nil {
		// Not permanent: the item may be on its way back, for example from a backup.
		return nil, errors.New("the event is not in the data table")
	}
	stored, err := event.FromItem(item)
	if err != nil {
		return nil, &classifiedError{Malformed, err}
	}
	return stored.Payload, nil
}
