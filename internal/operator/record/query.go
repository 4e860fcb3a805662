package record

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/controltables"
	"cellular/internal/model/item"
	"cellular/internal/model/openwork"
)

// Querier is the part of DynamoDB that Latest and Open need.
type Querier interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Latest returns the last records under a hash key, the newest first, at most limit of them.
func Latest(ctx context.Context, client Querier, table, key string, limit int32) ([]Item, error) {
	out, err := client.Query(ctx, &dynamodb.QueryInput{
		TableName:                 &table,
		KeyConditionExpression:    aws.String("#tenant = :tenant"),
		ExpressionAttributeNames:  map[string]string{"#tenant": controltables.AttrTenantID},
		ExpressionAttributeValues: Item{":tenant": item.Text(key)},
		ScanIndexForward:          aws.Bool(false),
		ConsistentRead:            aws.Bool(true),
		Limit:                     &limit,
	})
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}

// Open returns the records that the index of open work has under a value. One that was opened or closed within the last
// second or so may be missing, or still be among them.
func Open(ctx context.Context, client Querier, table, value string) ([]Item, error) {
	q := openwork.Query(table, value)
	var all []Item
	for {
		out, err := client.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, out.Items...)
		if len(out.LastEvaluatedKey) == 0 {
			return all, nil
		}
		q.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Decode returns the work that records are about, in their order.
func Decode[Work any](records []Item, from func(Item) (Work, error)) ([]Work, error) {
	all := make([]Work, 0, len(records))
	for _, r := range records {
		work, err := from(r)
		if err != nil {
			return nil, err
		}
		all = append(all, work)
	}
	return all, nil
}
