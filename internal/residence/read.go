package residence

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/transact"
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
	var keys []map[string]types.AttributeValue
	for _, id := range tenantIDs {
		if !asked[id] { // BatchGetItem refuses a key that it has twice
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
