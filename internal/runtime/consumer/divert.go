package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// divert notes that an event, which the fence kept from being applied, waits to be sent to its tenant's cell. From then
// on the message is done: the entry is what stands for the event, and whoever moves the tenant finds it in the index of
// what waits. It has to be durable before the message goes, and it is not written where the event has been applied, or has
// been tried and given up on under a newer epoch.
//
// MustDivert is in the transaction because the fence was read by another one. In between, a move may have been backed
// out: the fence is gone, and so is whoever would have sent on what waits. An entry that is written then waits for
// nobody, and the event is lost behind a message that was answered. With the condition, an event can only be diverted
// while there is a fence, and whoever takes the fence away sees every entry that was written under it.
func (c *Consumer) divert(ctx context.Context, e event.Event) (result, error) {
	if err := c.convert(ctx, e.TenantID); err != nil {
		return "", fmt.Errorf("divert: %w", err)
	}
	err := c.transact(ctx, []types.TransactWriteItem{
		ledgerAt: ledger.Record(c.ResultsTable, ledger.Of(e, ledger.Diverted, c.Now(), c.ResultTTL)),
		fenceAt:  ledger.MustDivert(c.ResultsTable, e),
	})
	switch {
	case err == nil:
		return diverted, nil
	case transact.ConditionFailed(err, ledgerAt):
		return duplicate, nil
	case transact.ConditionFailed(err, fenceAt):
		gone, err := c.ofRemoved(ctx, e)
		if err != nil {
			return "", fmt.Errorf("divert: %w", err)
		}
		if gone {
			return removed, nil
		}
		return "", errors.New("divert: the fence went away in the meantime; the next delivery may apply the event")
	}
	return "", fmt.Errorf("divert: %w", err)
}

// ofRemoved reports whether an event belongs to a tenant that was removed. That never changes again: the fence's number
// only grows, so a look at it is as good as a condition.
func (c *Consumer) ofRemoved(ctx context.Context, e event.Event) (bool, error) {
	fence, err := c.fenceOf(ctx, e.TenantID, e.ID)
	if err != nil {
		return false, fmt.Errorf("read the fence: %w", err)
	}
	return fence.Removed(e.Epoch), nil
}
