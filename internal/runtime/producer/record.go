package producer

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
)

// decodeRecord reads the event from the new image of a stream record.
func decodeRecord(record events.DynamoDBEventRecord) (event.Event, error) {
	image := make(map[string]types.AttributeValue, len(record.Change.NewImage))
	for name, v := range record.Change.NewImage {
		// An event's attributes are strings and numbers. One of another type is left out, and so reported as missing.
		switch v.DataType() {
		case events.DataTypeString:
			image[name] = &types.AttributeValueMemberS{Value: v.String()}
		case events.DataTypeNumber:
			image[name] = &types.AttributeValueMemberN{Value: v.Number()}
		}
	}
	return event.FromItem(image)
}

// recordIDs says which event a record is about, from its key alone, so that a record with a broken image still has a
// name in the log. The ids are empty where the key does not tell either.
func recordIDs(record events.DynamoDBEventRecord) (tenantID, eventID string) {
	tenantID, eventID, _ = event.ParseKey(stringOf(record.Change.Keys[event.AttrKey]))
	return tenantID, eventID
}

// stringOf returns a string attribute, or "" for any other.
func stringOf(v events.DynamoDBAttributeValue) string {
	if v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
