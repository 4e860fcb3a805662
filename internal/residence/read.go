package residence

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/wait"
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

// BatchGetter is the part of DynamoDB that GetAll needs.
type BatchGetter interface {
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
}

const (
	// batch is how many items one BatchGetItem reads at most, from its API reference.
	batch = 100

	// maxUnprocessed bounds how often GetAll asks again for what a throttled table left out of a batch: for six seconds or so.
	maxUnprocessed = 8
)

// GetAll reads the records of tenants, consistently, and returns those that there are, by tenant.
func GetAll(ctx context.Context, client BatchGetter, moveTable string, tenantIDs []string) (map[string]Record, error) {
	records := make(map[string]Record, len(tenantIDs))
	asked := make(map[string]bool, len(tenantIDs))
	var keys []map[string]types.AttributeValue
	for _, id := range tenantIDs {
		if !asked[id] { // BatchGetItem refuses a key that it has twice
			keys, asked[id] = append(keys, Key(id)), true
		}
	}
	for start := 0; start < len(keys); start += batch {
		if err := getBatch(ctx, client, moveTable, keys[start:min(start+batch, len(keys))], records); err != nil {
			return nil, fmt.Errorf("read the records of %d tenants: %w", len(keys), err)
		}
	}
	return records, nil
}

func getBatch(ctx context.Context, client BatchGetter, table string, keys []map[string]types.AttributeValue, records map[string]Record) error {
	request := map[string]types.KeysAndAttributes{table: {Keys: keys, ConsistentRead: aws.Bool(true)}}
	for try := range maxUnprocessed {
		if try > 0 {
			if err := wait.For(ctx, 50*time.Millisecond<<(try-1)); err != nil {
				return err
			}
		}
		out, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request})
		if err != nil {
			return err
		}
		for _, attributes := range out.Responses[table] {
			record, err := FromItem(attributes)
			if err != nil {
				return err
			}
			records[record.TenantID] = record
		}
		if len(out.UnprocessedKeys) == 0 {
			return nil
		}
		request = out.UnprocessedKeys
	}
	return fmt.Errorf("table %s left out keys %d times in a row: it is throttled, try again later", table, maxUnprocessed)
}
