package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
	"cellular/internal/model/transact"
)

// ErrUnknownTenant is the error for a tenant that is not mapped to any cell.
var ErrUnknownTenant = errors.New("unknown tenant")

// ErrExists is the error for a tenant that is mapped already.
var ErrExists = errors.New("tenant is already mapped")

// Getter is the part of the DynamoDB client that a Store needs.
type Getter interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Store reads the mapping table.
type Store struct {
	client Getter
	table  string
}

// NewStore returns a store that reads the named table.
func NewStore(client Getter, table string) *Store { return &Store{client: client, table: table} }

// Get reads one tenant's mapping. Its error is ErrUnknownTenant where the table has none, ErrMalformed where the item
// is no mapping, and otherwise the client's.
//
// The read is strongly consistent: how old a cached mapping can be is counted from the read, and a replica that lags
// behind would make every such age, and with it the hard TTL, a lie.
func (s *Store) Get(ctx context.Context, tenantID string) (Mapping, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.table,
		Key:            map[string]types.AttributeValue{AttrTenantID: item.Text(tenantID)},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Mapping{}, fmt.Errorf("read mapping of tenant %q: %w", tenantID, err)
	}
	if len(out.Item) == 0 {
		return Mapping{}, fmt.Errorf("tenant %q: %w", tenantID, ErrUnknownTenant)
	}
	m, err := FromItem(out.Item)
	if err != nil {
		return Mapping{}, fmt.Errorf("tenant %q: %w", tenantID, err)
	}
	return m, nil
}

// GetAll reads the mappings of tenants, consistently, and returns those that there are, by tenant.
func GetAll(ctx context.Context, client transact.BatchReader, table string, tenantIDs []string) (map[string]Mapping, error) {
	mappings := make(map[string]Mapping, len(tenantIDs))
	asked := make(map[string]bool, len(tenantIDs))
	var keys []transact.Item
	for _, id := range tenantIDs {
		if !asked[id] { // a batch must not have a key twice
			keys, asked[id] = append(keys, transact.Item{AttrTenantID: item.Text(id)}), true
		}
	}
	err := transact.Retrier{}.ReadAll(ctx, client, table, keys, func(attributes transact.Item) error {
		m, err := FromItem(attributes)
		if err != nil {
			return fmt.Errorf("tenant %q: %w", item.Read(attributes).OptionalString(AttrTenantID), err)
		}
		mappings[m.TenantID] = m
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the mappings of %d tenants: %w", len(keys), err)
	}
	return mappings, nil
}
