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
	"cellular/internal/model/ledger"
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
	outcome, err := t.get(ctx, t.ResultsPrefix+cellID, key, ledger.Shown()...)
	if err != nil {
		return Record{}, fmt.Errorf("read outcome in cell %s: %w", cellID, err)
	}
	var record, ahead Record // ahead has failed unless its last attempt, which is under way, succeeds
	if outcome != nil {
		var o ledger.Outcome
		o, err = ledger.Decode(outcome)
		if err != nil {
			return Record{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		record = recordOf(o)
		if o.Status == ledger.Failed && o.UnderWay(time.Now()) {
			record, ahead = Record{}, record
		}
		if record.conclusive() {
			return record, nil
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
		record.Status = ledger.Accepted
	}
	if err := r.Err(); err != nil {
		return Record{}, fmt.Errorf("%w: event item %q: %w", ErrMalformed, key, err)
	}
	return record, nil
}

// recordOf is what an outcome tells a client.
func recordOf(o ledger.Outcome) Record {
	record := Record{Type: o.Type, Status: o.Status, Reason: o.Reason, Result: o.Result}
	if o.Status != ledger.Diverted {
		record.AppliedAt = event.FormatTime(o.AppliedAt)
	}
	return record
}

// Peer implements Cells with a read of the tenant's fence in the cell. Most tenants have never moved and have none.
func (t Tables) Peer(ctx context.Context, cellID, tenantID string) (string, error) {
	fence, err := t.get(ctx, t.ResultsPrefix+cellID, ledger.FenceKey(tenantID), ledger.FenceAttributes()...)
	if err != nil {
		return "", fmt.Errorf("read fence in cell %s: %w", cellID, err)
	}
	if fence == nil {
		return "", nil
	}
	f, err := ledger.FenceFromItem(fence)
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
