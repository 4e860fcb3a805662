package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/event"
)

// countByType adds one to the tenant's counter of events of this type. The counters of a tenant are the attributes
// type:EVENT_TYPE of one item: events of a tenant that are applied at the same moment wait for each other there. The item
// names its tenant, so that a move to another cell takes it along.
func countByType(e event.Event, resultsTable string) []types.TransactWriteItem {
	return []types.TransactWriteItem{{Update: &types.Update{
		TableName: aws.String(resultsTable),
		Key: map[string]types.AttributeValue{
			event.AttrKey: &types.AttributeValueMemberS{Value: "#counters#" + e.TenantID},
		},
		UpdateExpression:         aws.String("SET #tenant = :tenant ADD #type :one"),
		ExpressionAttributeNames: map[string]string{"#tenant": event.AttrTenantID, "#type": "type:" + e.Type},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":tenant": &types.AttributeValueMemberS{Value: e.TenantID},
			":one":    &types.AttributeValueMemberN{Value: "1"},
		},
	}}}
}
