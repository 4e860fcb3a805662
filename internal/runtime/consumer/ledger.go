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
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// The first operations of the transaction that applies an event.
const (
	ledgerAt = iota
	fenceAt
)

// commit writes the effect and the ledger's entry, both or neither, if the cell may apply events of this epoch; if it may
// not, the event is diverted.
//
// The check of the fence makes transactions conflict that run at the same moment, where two events of a tenant have the same copy.
// The one that loses tries again.
func (c *Consumer) commit(ctx context.Context, e event.Event, effect app.Effect) (result, error) {
	if err := c.convert(ctx, e.TenantID); err != nil {
		return "", fmt.Errorf("apply: %w", err)
	}
	outcome := ledger.Of(e, ledger.Processed, c.Now(), c.ResultTTL)
	outcome.Result = effect.Result
	items := make([]types.TransactWriteItem, 0, fenceAt+1+len(effect.Writes))
	items = append(items, ledger.Record(c.ResultsTable, outcome), ledger.MayApply(c.ResultsTable, e))
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

// recordFailed writes that the event was given up on, or will have been by then, if by is not zero. It reports true, and
// writes nothing, if the event is settled after all, and errFenced if the fence would keep the cell from applying it. A
// message that cannot be read has no epoch; it is taken as older than any, so that it overwrites nothing that was diverted or
// is known to have failed, and meets no fence. Where a tenant of its name was removed, it may be that tenant's: nothing is
// written unless the cell has such an event.
func (c *Consumer) recordFailed(ctx context.Context, d delivery, out outcome, by time.Time) (settled bool, err error) {
	if err := c.convert(ctx, d.tenantID); err != nil {
		return false, fmt.Errorf("record the failure: %w", err)
	}
	e := event.Event{TenantID: d.tenantID, ID: d.eventID}
	var fence types.TransactWriteItem
	if d.err == nil {
		e = d.message.Event
		fence = ledger.MayApply(c.ResultsTable, e)
	} else {
		var unknown bool
		if fence, unknown, err = c.leftByRemoved(ctx, d.tenantID, d.eventID); err != nil || unknown {
			return false, err
		}
	}
	failed := ledger.Of(e, ledger.Failed, c.Now(), c.ResultTTL)
	failed.Reason, failed.ReasonText, failed.FailedBy = string(out.reason), out.text(), by
	err = c.transact(ctx, []types.TransactWriteItem{ledgerAt: ledger.Record(c.ResultsTable, failed), fenceAt: fence})
	switch {
	case transact.ConditionFailed(err, ledgerAt):
		return true, nil
	case transact.ConditionFailed(err, fenceAt) && d.err != nil:
		return c.recordFailed(ctx, d, out, by) // its tenant was removed a moment ago
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
	fence, err := c.fenceOf(ctx, tenantID, eventID)
	if err != nil {
		return types.TransactWriteItem{}, false, err
	}
	since := ledger.NotRemovedSince(c.ResultsTable, tenantID, eventID, fence)
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

// fetchPayload reads a payload that did not travel. The item that is under the event's key may be of another acceptance of the
// id, whose payload is none of this event's.
func (c *Consumer) fetchPayload(ctx context.Context, e event.Event) (json.RawMessage, error) {
	item, err := c.stored(ctx, e.Key())
	if err != nil {
		return nil, err
	}
	if item == nil && e.Expired(c.Now()) {
		return nil, &classifiedError{Expired, fmt.Errorf("the event expired at %s, and is not in the data table", event.FormatTime(e.ExpiresAt))}
	}
	// Neither is permanent: the item may be on its way back, for example from a backup.
	absent := errors.New("the event is not in the data table")
	if item == nil {
		return nil, absent
	}
	stored, err := event.FromItem(item)
	switch {
	case err != nil:
		return nil, &classifiedError{Malformed, err}
	case stored.After(e):
		return nil, &classifiedError{Expired, fmt.Errorf("the event expired at %s, and its id was used again", event.FormatTime(e.ExpiresAt))}
	case e.After(stored):
		return nil, absent
	}
	return stored.Payload, nil
}
