package resend

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/transact"
	"cellular/internal/operator/tenantdata"
)

// clone puts an event's item into the data table of its tenant's cell, unless the cell has begun to give the tenant away:
// then the answer is Moving, since the item could arrive behind the move that cleans up. An item of an earlier acceptance has
// expired, and is replaced. If another one is there by now, the verdict is Conflict for another event, and what extend has to say
// for the same one.
func (h *Home) clone(ctx context.Context, to target, a Assessed) (Verdict, error) {
	if !a.stored.ExpiresAt.IsZero() {
		a.clone[event.AttrExpiresAt] = item.Number(latest(a.stored.ExpiresAt, h.until(to)).Unix())
	}
	wrote, err := h.ifOwned(ctx, to.owner, a.Event.TenantID, a.Event.ID, to.epoch, types.TransactWriteItem{Put: &types.Put{
		TableName:                aws.String(to.owner.DataTable),
		Item:                     a.clone,
		ConditionExpression:      aws.String("attribute_not_exists(#key) OR #expires <= :begun"),
		ExpressionAttributeNames: map[string]string{"#key": event.AttrKey, "#expires": event.AttrExpiresAt},
		ExpressionAttributeValues: tenantdata.Item{
			":begun": item.Number(a.stored.AcceptedAt.Add(event.ClockMargin).Unix()), // see event.Event.Follows
		},
	}})
	switch {
	case err != nil:
		return "", err
	case wrote == notOwned:
		return Moving, nil
	case wrote == written:
		return Sent, nil
	}
	there, err := h.stored(ctx, to, a.Event.Key())
	switch {
	case err != nil:
		return "", err
	case there.After(a.stored):
		return Superseded, nil
	case there.Key() == a.Event.Key() && !event.SameContent(there.Type, there.Payload, a.Event.Type, a.Event.Payload):
		return Conflict, nil
	}
	return h.extend(ctx, to, there)
}

// stored reads the event that the data table of a tenant's cell has under a key; the zero event for none.
func (h *Home) stored(ctx context.Context, to target, key string) (event.Event, error) {
	there, err := tenantdata.Read(ctx, h.Tables, to.owner.DataTable, []string{key})
	if err != nil {
		return event.Event{}, err
	}
	e, err := event.FromItem(there[key])
	if err != nil {
		return event.Event{}, nil
	}
	return e, nil
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
