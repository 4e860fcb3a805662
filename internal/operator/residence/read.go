package residence

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/item"
	"cellular/internal/model/transact"
)

// Getter is the part of DynamoDB that Get needs.
type Getter interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Get reads a tenant's record, consistently.
func Get(ctx context.Context, client Getter, moveTable, tenantID string) (Record, error) {
	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &moveTable, Key: Key(tenantID), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return Record{}, fmt.Errorf("read the record of tenant %q: %w", tenantID, err)
	}
	if len(out.Item) == 0 {
		return Record{TenantID: tenantID}, nil
	}
	return FromItem(out.Item)
}

// GetAll reads the records of tenants, consistently, and returns those that there are, by tenant.
func GetAll(ctx context.Context, client transact.BatchReader, moveTable string, tenantIDs []string) (map[string]Record, error) {
	records := make(map[string]Record, len(tenantIDs))
	asked := make(map[string]bool, len(tenantIDs))
	var keys []transact.Item
	for _, id := range tenantIDs {
		if !asked[id] { // a batch must not have a key twice
			keys, asked[id] = append(keys, Key(id)), true
		}
	}
	err := transact.Retrier{}.ReadAll(ctx, client, moveTable, keys, func(attributes transact.Item) error {
		record, err := FromItem(attributes)
		if err != nil {
			return err
		}
		records[record.TenantID] = record
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the records of %d tenants: %w", len(keys), err)
	}
	return records, nil
}

// Querier is the part of DynamoDB that InCell needs.
type Querier interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// InCell lists the tenants that were in a cell last and were not removed, by their ids, at most a page of pageSize. after is
// where the page before ended, "" for the first one; next is what the following page starts after, "" where there is none.
// The index that it reads lags by a second or so.
func InCell(ctx context.Context, client Querier, moveTable, cellID, after string) (tenantIDs []string, next string, err error) {
	q := &dynamodb.QueryInput{
		TableName:                 &moveTable,
		IndexName:                 aws.String(controltables.OpenIndex),
		KeyConditionExpression:    aws.String("#index = :placed"),
		ProjectionExpression:      aws.String("#tenant"),
		ExpressionAttributeNames:  map[string]string{"#index": controltables.AttrOpen, "#tenant": controltables.AttrTenantID},
		ExpressionAttributeValues: transact.Item{":placed": item.Text(placedPrefix + cellID)},
		Limit:                     aws.Int32(pageSize),
	}
	if after != "" {
		q.ExclusiveStartKey = Key(after)
		q.ExclusiveStartKey[controltables.AttrOpen] = item.Text(placedPrefix + cellID)
	}
	out, err := client.Query(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("list the tenants that were in cell %s last: %w", cellID, err)
	}
	for _, item := range out.Items {
		tenantIDs = append(tenantIDs, tenantOf(item))
	}
	return tenantIDs, tenantOf(out.LastEvaluatedKey), nil
}

// pageSize keeps a page, with all attributes of the records, far below the 1 MB that one Query reads.
const pageSize = 1000

func tenantOf(item transact.Item) string {
	key, _ := item[controltables.AttrTenantID].(*types.AttributeValueMemberS)
	if key == nil {
		return ""
	}
	return strings.TrimPrefix(key.Value, keyPrefix)
}
