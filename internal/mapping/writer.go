package mapping

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// ErrExists is the error for a tenant that is mapped already.
var ErrExists = errors.New("tenant is already mapped")

// Putter is the part of the DynamoDB client that a Writer needs.
type Putter interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// Writer writes the mapping table. The router has none: only an operator's tools do.
type Writer struct {
	client Putter
	table  string
}

// NewWriter returns a writer of the named table.
func NewWriter(client Putter, table string) *Writer { return &Writer{client: client, table: table} }

// Put maps a tenant that has no mapping yet: m's TenantID, CellID and Tier, in epoch 1 and active, updated now. It
// fails with ErrExists, changing nothing, where the tenant has one, and with ErrMalformed, writing nothing, where m
// would make an item that the router refuses.
func (w *Writer) Put(ctx context.Context, m Mapping) error {
	m.Epoch, m.State, m.UpdatedAt = 1, Active, time.Now()
	attributes := m.Item()
	if _, err := FromItem(attributes); err != nil {
		return fmt.Errorf("map tenant %q: %w", m.TenantID, err)
	}
	_, err := w.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:           &w.table,
		Item:                attributes,
		ConditionExpression: aws.String("attribute_not_exists(" + AttrTenantID + ")"),
	})
	if conflict := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &conflict) {
		return fmt.Errorf("map tenant %q: %w", m.TenantID, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("map tenant %q: %w", m.TenantID, err)
	}
	return nil
}
