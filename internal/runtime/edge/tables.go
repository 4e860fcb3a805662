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
	DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
}

// Tables are the cells as their tables. A table's name is a prefix and the cell's id, so a cell is reached without
// ever having been listed anywhere.
type Tables struct {
	Client        DynamoDB
	DataPrefix    string
	ResultsPrefix string
	Now           func() time.Time // nil means time.Now
}

// maxExpired bounds how many expired events of one id a write deletes. What is there after the first was written a moment ago.
const maxExpired = 2

// Write implements Cells with one conditional write, and two more where an expired event of the id is there still: it deletes
// that and puts the new one, because the table's stream tells only what is put on absence as an insert. Whoever dies between the
// two leaves nothing, and the client's retry puts the event. Another router may come first with either; the event that it has
// written decides then, as any that is there.
//
// The event's own stamp decides what has expired: so it is never before the end of what it replaces.
func (t Tables) Write(ctx context.Context, cellID string, e event.Event) (*event.Event, error) {
	for range maxExpired + 1 {
		existing, err := t.put(ctx, cellID, e)
		if err != nil || existing == nil || !existing.Expired(e.AcceptedAt) {
			return existing, err
		}
		if err := t.deleteExpired(ctx, cellID, *existing); err != nil {
			return nil, fmt.Errorf("delete expired event in cell %s: %w", cellID, err)
		}
	}
	return nil, fmt.Errorf("write event into cell %s: other routers keep writing events that expired before %s", cellID, event.FormatTime(e.AcceptedAt))
}

// deleteExpired deletes an event that was read, if it is there as it was read. An operator may have extended it since.
func (t Tables) deleteExpired(ctx context.Context, cellID string, read event.Event) error {
	_, err := t.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName:                aws.String(t.DataPrefix + cellID),
		Key:                      map[string]types.AttributeValue{event.AttrKey: item.Text(read.Key())},
		ConditionExpression:      aws.String("#accepted = :accepted AND #expires = :expires"),
		ExpressionAttributeNames: map[string]string{"#accepted": event.AttrAcceptedAt, "#expires": event.AttrExpiresAt},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":accepted": item.Text(event.FormatTime(read.AcceptedAt)), ":expires": item.Number(read.ExpiresAt.Unix()),
		},
	})
	if transact.Classify(err).Failed(0) {
		return nil
	}
	return err
}

// put writes an event where there is none of its id, and returns the one that is there otherwise.
func (t Tables) put(ctx context.Context, cellID string, e event.Event) (*event.Event, error) {
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
//
// The event is read, too, where the acceptance that the outcome is of may have ended: the id may have been accepted once more. What
// has expired is absent, in both tables, whether DynamoDB has deleted it or not.
func (t Tables) Read(ctx context.Context, cellID, tenantID, eventID string) (Record, error) {
	now := t.now()
	key := event.Key(tenantID, eventID)
	o, there, err := t.outcome(ctx, cellID, key, now)
	if err != nil {
		return Record{}, err
	}
	if there && o.Settled(now) && !o.Ended(now) {
		return recordOf(o), nil
	}
	e, accepted, err := t.event(ctx, cellID, key, now)
	switch {
	case err != nil || !there && !accepted:
		return Record{}, err
	case !accepted: // what is written ahead of a last attempt is all that is known
		record := recordOf(o)
		record.ended = o.Settled(now) && o.Ended(now)
		return record, nil
	case !there || o.Before(e):
		return acceptedRecord(e), nil
	case o.Settled(now):
		return recordOf(o), nil
	}
	record := acceptedRecord(e)
	if o.Status == ledger.Diverted {
		record.Status = ledger.Diverted
	}
	return record, nil
}

func (t Tables) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// outcome reads an outcome, and reports false where there is none or it has expired.
func (t Tables) outcome(ctx context.Context, cellID, key string, now time.Time) (o ledger.Outcome, there bool, err error) {
	stored, err := t.get(ctx, t.ResultsPrefix+cellID, key, ledger.Shown()...)
	if err != nil {
		return ledger.Outcome{}, false, fmt.Errorf("read outcome in cell %s: %w", cellID, err)
	}
	if stored == nil || ledger.Expired(stored, now) {
		return ledger.Outcome{}, false, nil
	}
	if o, err = ledger.Decode(stored); err != nil {
		return ledger.Outcome{}, false, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return o, true, nil
}

// event reads what a status needs of an event, and reports false where there is none or it has expired.
func (t Tables) event(ctx context.Context, cellID, key string, now time.Time) (e event.Event, there bool, err error) {
	stored, err := t.get(ctx, t.DataPrefix+cellID, key, event.AttrType, event.AttrAcceptedAt, event.AttrExpiresAt)
	if err != nil {
		return event.Event{}, false, fmt.Errorf("read event in cell %s: %w", cellID, err)
	}
	if stored == nil {
		return event.Event{}, false, nil
	}
	r := item.Read(stored)
	e = event.Event{Type: r.String(event.AttrType), AcceptedAt: r.Time(event.AttrAcceptedAt, event.TimeLayout)}
	if stored[event.AttrExpiresAt] != nil {
		e.ExpiresAt = time.Unix(r.Int(event.AttrExpiresAt, 1), 0).UTC()
	}
	if err := r.Err(); err != nil {
		return event.Event{}, false, fmt.Errorf("%w: event item %q: %w", ErrMalformed, key, err)
	}
	return e, !e.Expired(now), nil
}

// acceptedRecord is what an event without an outcome tells a client.
func acceptedRecord(e event.Event) Record {
	return Record{
		Type: e.Type, Status: ledger.Accepted, AcceptedAt: event.FormatTime(e.AcceptedAt),
		acceptance: acceptance{e.AcceptedAt, e.ExpiresAt},
	}
}

// recordOf is what an outcome tells a client.
func recordOf(o ledger.Outcome) Record {
	record := Record{
		Type: o.Type, Status: o.Status, Reason: o.Reason, Result: o.Result,
		acceptance: acceptance{o.AcceptedAt, o.EventExpiresAt},
	}
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
