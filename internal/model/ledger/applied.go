package ledger

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
)

// AttrEventKey (S, TENANT#EVENT) says, beside AttrAppliedAt, which event the cell applied last.
const AttrEventKey = "event_key"

// SetApplied notes when the cell last applied an event. The note is one item of the table, which belongs to no tenant.
func SetApplied(table string, at time.Time, eventKey string) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName:                 aws.String(table),
		Key:                       itemKey(AppliedKey),
		UpdateExpression:          aws.String("SET #at = :at, #event = :event"),
		ExpressionAttributeNames:  map[string]string{"#at": AttrAppliedAt, "#event": AttrEventKey},
		ExpressionAttributeValues: Item{":at": text(event.FormatTime(at)), ":event": text(eventKey)},
	}
}

// GetApplied asks for the note.
func GetApplied(table string) *dynamodb.GetItemInput {
	return &dynamodb.GetItemInput{TableName: aws.String(table), Key: itemKey(AppliedKey), ConsistentRead: aws.Bool(true)}
}

// AppliedFromItem reads the note. Where there is none, the time is zero.
func AppliedFromItem(attributes Item) (time.Time, error) {
	if len(attributes) == 0 {
		return time.Time{}, nil
	}
	r := item.Read(attributes)
	at := r.Time(AttrAppliedAt, event.TimeLayout)
	if err := r.Err(); err != nil {
		return time.Time{}, fmt.Errorf("item %s: %w", AppliedKey, err)
	}
	return at, nil
}
