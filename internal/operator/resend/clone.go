package resend

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/transact"
	"cellular/internal/operator/tenantdata"
)

// clone puts an event's item into the data table of its tenant's cell, unless the cell has begun to give the tenant away:
// then the answer is Moving, since the item could arrive behind the move that cleans up. If an item is there by now, it
// is Sent for the same event and Conflict for another one.
func (h *Home) clone(ctx context.Context, to target, a Assessed) (Verdict, error) {
	wrote, err := h.ifOwned(ctx, to.owner, a.Event.TenantID, a.Event.ID, to.epoch, types.TransactWriteItem{Put: &types.Put{
		TableName:                aws.String(to.owner.DataTable),
		Item:                     a.clone,
		ConditionExpression:      aws.String("attribute_not_exists(#key)"),
		ExpressionAttributeNames: map[string]string{"#key": event.AttrKey},
	}})
	if err != nil {
		return "", err
	}
	switch wrote {
	case notOwned:
		return Moving, nil
	case written:
		return Sent, nil
	}
	key := a.Event.Key()
	there, err := tenantdata.Read(ctx, h.Tables, to.owner.DataTable, []string{key})
	if err != nil {
		return "", err
	}
	if differs(a.Event, there[key]) {
		return Conflict, nil
	}
	return Sent, nil
}

// outcome is what became of a write.
type outcome int

const (
	written  outcome = iota
	refused          // by its own condition
	notOwned         // the cell has begun to give the tenant away
)

// ifOwned makes one conditional write in a transaction with the condition that the cell still applies events of the
// tenant's epoch: what is written then is there for a move to copy, which begins to when all copies of the fence are raised. The
// fence itself is a condition too, because one of the version before has no copies.
func (h *Home) ifOwned(
	ctx context.Context, cell manifest.Cell, tenantID, eventID string, epoch int64, write types.TransactWriteItem,
) (outcome, error) {
	return h.transact(ctx, write,
		ledger.MayApply(cell.ResultsTable, event.Event{TenantID: tenantID, ID: eventID, Epoch: epoch}), ledger.FloorAtMost(cell.ResultsTable, tenantID, epoch))
}

// transact makes a conditional write, under further conditions that mean that the cell owns the tenant.
func (h *Home) transact(ctx context.Context, write types.TransactWriteItem, owned ...types.TransactWriteItem) (outcome, error) {
	err := transact.Retrier{}.Write(ctx, h.Tables, append([]types.TransactWriteItem{write}, owned...)...)
	failure := transact.Classify(err)
	for at := range owned {
		if failure.Failed(at + 1) {
			return notOwned, nil
		}
	}
	if failure.Failed(0) {
		return refused, nil
	}
	return written, err
}
