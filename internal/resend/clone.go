package resend

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/event"
	"cellular/internal/facts"
	"cellular/internal/ownership"
	"cellular/internal/tenantdata"
	"cellular/internal/wait"
)

// clone puts an event's item into the data table of its tenant's cell, unless the cell has begun to give the tenant away:
// then the answer is Moving, since the item could arrive behind the move that cleans up. If an item is there by now, it
// is Sent for the same event and Conflict for another one.
func (h *Home) clone(ctx context.Context, to target, a Assessed) (Verdict, error) {
	wrote, err := h.ifOwned(ctx, to.owner, a.Event.TenantID, to.epoch, types.TransactWriteItem{Put: &types.Put{
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

// tries bounds how often a write is tried while other transactions are at the same items: every event that the cell
// applies for the tenant looks at the fence too. The waits between add up to 5 s.
const tries = 10

// ifOwned makes one conditional write in a transaction with the condition that the cell still applies events of the
// tenant's epoch: what is written then is there for a move that begins later to copy.
func (h *Home) ifOwned(ctx context.Context, cell facts.Cell, tenantID string, epoch int64, write types.TransactWriteItem) (outcome, error) {
	return h.transact(ctx, write, ownership.MayApply(cell.ResultsTable, tenantID, epoch))
}

// transact makes a conditional write, under further conditions that mean that the cell owns the tenant.
func (h *Home) transact(ctx context.Context, write types.TransactWriteItem, owned ...types.TransactWriteItem) (outcome, error) {
	input := &dynamodb.TransactWriteItemsInput{TransactItems: append([]types.TransactWriteItem{write}, owned...)}
	for try := 1; ; try++ {
		_, err := h.Tables.TransactWriteItems(ctx, input)
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok {
			return written, err
		}
		codes := reasons(canceled)
		switch {
		case codes[1] == "ConditionalCheckFailed":
			return notOwned, nil
		case codes[0] == "ConditionalCheckFailed":
			return refused, nil
		case codes[0] != "TransactionConflict" && codes[1] != "TransactionConflict", try == tries:
			return written, err
		}
		if err := wait.For(ctx, 10*time.Millisecond<<(try-1)); err != nil {
			return written, err
		}
	}
}

// reasons are the codes of the operations of a transaction, of which there are two at most.
func reasons(canceled *types.TransactionCanceledException) (codes [2]string) {
	for i, r := range canceled.CancellationReasons[:min(2, len(canceled.CancellationReasons))] {
		codes[i] = aws.ToString(r.Code)
	}
	return codes
}
