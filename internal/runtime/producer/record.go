package producer

import (
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/runtime/telemetry"
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

// followed are the attributes of a line about a record: its event, and the request that the event was accepted with.
func followed(record events.DynamoDBEventRecord) []slog.Attr {
	tenantID, eventID := recordIDs(record)
	correlationID := stringOf(record.Change.NewImage[event.AttrCorrelationID])
	if !event.ValidCorrelationID(correlationID) {
		correlationID = ""
	}
	return []slog.Attr{telemetry.Tenant(tenantID), telemetry.Event(eventID), telemetry.Correlation(correlationID)}
}

// stringOf returns a string attribute, or "" for any other.
func stringOf(v events.DynamoDBAttributeValue) string {
	if v.DataType() != events.DataTypeString {
		return ""
	}
	return v.String()
}
