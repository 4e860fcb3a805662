package edge

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ownership"
	"cellular/internal/model/transact"
)

// DynamoDB is the part of the client that the router needs to reach a cell.
type DynamoDB interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// Tables are the cells as their tables. A table's name is a prefix and the cell's id, so a cell is reached without
// ever having been listed anywhere.
type Tables struct {
	Client        DynamoDB
	DataPrefix    string
	ResultsPrefix string
}

// Write implements Cells with one conditional write.
func (t Tables) Write(ctx context.Context, cellID string, e event.Event) (*event.Event, error) {
	_, err := t.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                           aws.String(t.DataPrefix + cellID),
		Item:                                e.Item(),
		ConditionExpression:                 aws.String("attribute_not_exists(" + event.AttrKey + ")"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failure := transact.Classify(err); failure.Failed(0) {
		existing, err := event.FromItem(failure.Item(0))
		if err != nil {
			return nil, fmt.Errorf("read the event that cell %s already has: %w: %w", cellID, ErrMalformed, err)
		}
		return &existing, nil
	}
	if err != nil {
		return nil, fmt.Errorf("write event into cell %s: %w", cellID, err)
	}
	return nil, nil
}

// Read implements Cells. An event that has an outcome has an item in the results table; one that has none yet is in the
// data table only, and one that was diverted is in both. The reads are consistent, so that a client can read what it was
// just told.
func (t Tables) Read(ctx context.Context, cellID, tenantID, eventID string) (Record, error) {
	key := event.Key(tenantID, eventID)
	outcome, err := t.get(ctx, t.ResultsPrefix+cellID, key,
		event.AttrType, event.AttrStatus, event.AttrAppliedAt, event.AttrResult, event.AttrReason, event.AttrFailedBy)
	if err != nil {
		return Record{}, fmt.Errorf("read outcome in cell %s: %w", cellID, err)
	}
	var record, ahead Record // ahead has failed unless its last attempt, which is under way, succeeds
	if outcome != nil {
		record, err = recordOfOutcome(key, outcome)
		if err == nil && record.Status == event.Failed && event.UnderWay(outcome, time.Now()) {
			record, ahead = Record{}, record
		}
		if err != nil || record.conclusive() {
			return record, err
		}
	}
	accepted, err := t.get(ctx, t.DataPrefix+cellID, key, event.AttrType, event.AttrAcceptedAt)
	if err != nil {
		return Record{}, fmt.Errorf("read event in cell %s: %w", cellID, err)
	}
	if accepted == nil {
		if ahead.Status != "" {
			return ahead, nil
		}
		return record, nil
	}
	r := item.Read(accepted)
	record.Type, record.AcceptedAt = r.String(event.AttrType), r.String(event.AttrAcceptedAt)
	if record.Status == "" {
		record.Status = event.Accepted
	}
	if err := r.Err(); err != nil {
		return Record{}, fmt.Errorf("%w: event item %q: %w", ErrMalformed, key, err)
	}
	return record, nil
}

// recordOfOutcome reads an item of a results table. A message that nobody could read may have left no type.
func recordOfOutcome(key string, attributes map[string]types.AttributeValue) (Record, error) {
	r := item.Read(attributes)
	record := Record{
		Type:   r.OptionalString(event.AttrType),
		Status: event.Status(r.Checked(event.AttrStatus, event.IsWord, event.WordPattern)),
		Reason: r.OptionalString(event.AttrReason),
	}
	if !record.Status.Known() {
		// A later version has noted something that is none of the outcomes so far. What is known for certain is that the event
		// was accepted, which is what a reader is told of one that is under way between cells, too.
		record.Status = event.Diverted
	}
	if at := r.String(event.AttrAppliedAt); record.Status != event.Diverted {
		record.AppliedAt = at
	}
	if result := r.OptionalString(event.AttrResult); result != "" {
		record.Result = r.JSON(event.AttrResult)
	}
	if err := r.Err(); err != nil {
		return Record{}, fmt.Errorf("%w: result item %q: %w", ErrMalformed, key, err)
	}
	return record, nil
}

// Peer implements Cells with a read of the tenant's fence in the cell. Most tenants have never moved and have none.
func (t Tables) Peer(ctx context.Context, cellID, tenantID string) (string, error) {
	fence, err := t.get(ctx, t.ResultsPrefix+cellID, ownership.Key(tenantID),
		ownership.AttrTenant, ownership.AttrFloor, ownership.AttrState, ownership.AttrPeer, ownership.AttrUpdatedAt)
	if err != nil {
		return "", fmt.Errorf("read fence in cell %s: %w", cellID, err)
	}
	if fence == nil {
		return "", nil
	}
	f, err := ownership.FromItem(fence)
	if err != nil {
		return "", fmt.Errorf("read fence in cell %s: %w: %w", cellID, ErrMalformed, err)
	}
	return f.Peer, nil
}

// get reads the named attributes of an item, or nil where there is no such item. It asks for no more than those: an
// event's payload, which a status does not need, can be hundreds of kilobytes.
func (t Tables) get(ctx context.Context, table, key string, attributes ...string) (map[string]types.AttributeValue, error) {
	// Placeholders, because "type" and "status" are reserved words.
	names := map[string]string{"#key": event.AttrKey}
	projection := "#key"
	for i, attribute := range attributes {
		placeholder := fmt.Sprintf("#a%d", i)
		names[placeholder] = attribute
		projection += ", " + placeholder
	}
	out, err := t.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:                &table,
		Key:                      map[string]types.AttributeValue{event.AttrKey: item.Text(key)},
		ConsistentRead:           aws.Bool(true),
		ProjectionExpression:     &projection,
		ExpressionAttributeNames: names,
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}
