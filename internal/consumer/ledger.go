package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/event"
)

// unlessProcessed is the condition of every write to the ledger: the event has not been applied. An event that was
// given up on may be: that is what a redrive from the dead letter queue does.
const unlessProcessed = "attribute_not_exists(#key) OR #status = :failed"

var (
	unlessProcessedNames  = map[string]string{"#key": event.AttrKey, "#status": event.AttrStatus}
	unlessProcessedValues = map[string]types.AttributeValue{":failed": text(string(event.Failed))}
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// entry is the part of a ledger entry that every outcome has.
func (c *Consumer) entry(tenantID, eventID string, status event.Status) map[string]types.AttributeValue {
	now := time.Now()
	return map[string]types.AttributeValue{
		event.AttrKey:       text(event.Key(tenantID, eventID)),
		event.AttrTenantID:  text(tenantID),
		event.AttrID:        text(eventID),
		event.AttrStatus:    text(string(status)),
		event.AttrAppliedAt: text(event.FormatTime(now)),
		event.AttrExpiresAt: number(now.Add(c.ResultTTL).Unix()),
	}
}

// commit writes the effect and the ledger's entry, both or neither. While other transactions are at the same items, or
// the table throttles, it tries again until ctx ends.
//
// Each call carries a request token of its own, which the SDK makes: it covers the SDK's retries of that call. A token
// derived from the event would cover nothing more, because the ledger outlives the ten minutes of a token, and would
// fail a redelivery, whose entry has another time.
func (c *Consumer) commit(ctx context.Context, e event.Event, effect Effect) (result, error) {
	entry := c.entry(e.TenantID, e.ID, event.Processed)
	entry[event.AttrType] = text(e.Type)
	entry[event.AttrEpoch] = number(e.Epoch)
	if effect.Result != nil {
		entry[event.AttrResult] = text(string(effect.Result))
	}
	items := []types.TransactWriteItem{{Put: &types.Put{
		TableName:                 aws.String(c.ResultsTable),
		Item:                      entry,
		ConditionExpression:       aws.String(unlessProcessed),
		ExpressionAttributeNames:  unlessProcessedNames,
		ExpressionAttributeValues: unlessProcessedValues,
	}}}
	items = append(items, effect.Writes...)

	for try := 0; ; try++ {
		_, err := c.Tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
		switch {
		case err == nil:
			return applied, nil
		case alreadyApplied(err):
			return duplicate, nil
		case !contended(err):
			return "", fmt.Errorf("apply: %w", err)
		}
		if !sleep(ctx, contentionDelay(try)) {
			return "", fmt.Errorf("apply: no success in %d tries: %w", try+1, err)
		}
	}
}

// alreadyApplied reports whether the ledger's entry, the first write of the transaction, did not meet its condition.
func alreadyApplied(err error) bool {
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	return ok && len(canceled.CancellationReasons) > 0 &&
		aws.ToString(canceled.CancellationReasons[0].Code) == "ConditionalCheckFailed"
}

// contended reports whether a transaction failed for no other reason than other traffic on its tables.
func contended(err error) bool {
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, reason := range canceled.CancellationReasons {
			switch aws.ToString(reason.Code) {
			case "None", "", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			default:
				return false
			}
		}
		return len(canceled.CancellationReasons) > 0
	}
	_, inProgress := errors.AsType[*types.TransactionInProgressException](err)
	_, throttled := errors.AsType[*types.ThrottlingException](err)
	_, throughput := errors.AsType[*types.ProvisionedThroughputExceededException](err)
	_, limit := errors.AsType[*types.RequestLimitExceeded](err)
	return inProgress || throttled || throughput || limit
}

// recordFailed writes that the event was given up on. It reports true, and writes nothing, if the event has been
// applied after all.
func (c *Consumer) recordFailed(ctx context.Context, d delivery, reason Reason) (processed bool, err error) {
	entry := c.entry(d.tenantID, d.eventID, event.Failed)
	entry[event.AttrReason] = text(string(reason))
	if d.err == nil {
		entry[event.AttrType] = text(d.message.Type)
		entry[event.AttrEpoch] = number(d.message.Epoch)
	}
	_, err = c.Tables.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                 aws.String(c.ResultsTable),
		Item:                      entry,
		ConditionExpression:       aws.String(unlessProcessed),
		ExpressionAttributeNames:  unlessProcessedNames,
		ExpressionAttributeValues: unlessProcessedValues,
	})
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("record the failure: %w", err)
	}
	return false, nil
}

// fetchPayload reads a payload that did not travel. The read is consistent: the event may be milliseconds old.
func (c *Consumer) fetchPayload(ctx context.Context, e event.Event) (json.RawMessage, error) {
	out, err := c.Tables.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(c.DataTable),
		Key:            map[string]types.AttributeValue{event.AttrKey: text(e.Key())},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	if len(out.Item) == 0 {
		// Not permanent: the item may be on its way back, for example from a backup.
		return nil, errors.New("the event is not in the data table")
	}
	stored, err := event.FromItem(out.Item)
	if err != nil {
		return nil, &classifiedError{Malformed, err}
	}
	return stored.Payload, nil
}
