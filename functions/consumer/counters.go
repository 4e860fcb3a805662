package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/app"
)

// maxTypes is how many of a tenant's event types are counted by name. The names are the client's to make up, and an item
// may have 400 KB: these take 14 KB at most.
const maxTypes = 100

const (
	typePrefix = "type:"
	// otherTypes counts the events of all types beyond maxTypes. No type has it as its counter: those have the prefix.
	otherTypes = "other_types"
)

// getter is the part of DynamoDB that the business logic reads with.
type getter interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// state is where the business logic keeps what it knows: the cell's results table.
type state struct {
	table  string
	reader getter
}

// countByType adds one to the tenant's counter of events of this type. The counters of a tenant are the attributes
// type:EVENT_TYPE of one item, and other_types: events of a tenant that are applied at the same moment wait for each other
// there. The item names its tenant, so that a move to another cell takes it along.
//
// Whether a type is still counted by name is decided by what the item holds. Consumers that decide at the same moment may
// so exceed maxTypes by one each, which the item has room for, and each event is counted once all the same. A retry may
// decide otherwise than the attempt before it, whose effect was not applied.
func (s state) countByType(ctx context.Context, e app.Event) ([]types.TransactWriteItem, error) {
	key := map[string]types.AttributeValue{
		app.KeyAttribute: &types.AttributeValueMemberS{Value: "#counters#" + e.TenantID},
	}
	out, err := s.reader.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(s.table), Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("read the tenant's counters: %w", err)
	}
	return []types.TransactWriteItem{{Update: &types.Update{
		TableName:                aws.String(s.table),
		Key:                      key,
		UpdateExpression:         aws.String("SET #tenant = :tenant ADD #counter :one"),
		ExpressionAttributeNames: map[string]string{"#tenant": app.TenantAttribute, "#counter": counterOf(e.Type, out.Item)},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":tenant": &types.AttributeValueMemberS{Value: e.TenantID},
			":one":    &types.AttributeValueMemberN{Value: "1"},
		},
	}}}, nil
}

// counterOf is the attribute that counts events of a type, beside the counters that there are.
func counterOf(eventType string, counters map[string]types.AttributeValue) string {
	name := typePrefix + eventType
	if _, counted := counters[name]; counted {
		return name
	}
	n := 0
	for other := range counters {
		if strings.HasPrefix(other, typePrefix) {
			n++
		}
	}
	if n >= maxTypes {
		return otherTypes
	}
	return name
}
