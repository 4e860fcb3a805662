package ledger

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/manifest"
)

// Getter is the part of DynamoDB that reading a fence needs.
type Getter interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// ReadFence reads a tenant's fence from a results table, consistently. It reports false where there is none.
func ReadFence(ctx context.Context, client Getter, resultsTable, tenantID string) (fence Fence, there bool, err error) {
	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(resultsTable),
		Key:            itemKey(FenceKey(tenantID)),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil || len(out.Item) == 0 {
		return Fence{}, false, err
	}
	fence, err = FenceFromItem(out.Item)
	return fence, err == nil, err
}

// ReadFloor returns the lowest epoch whose events of a tenant the cell applies now: 1, which is below no epoch, where the tenant
// has no fence there. A fence in a state that this version does not know is an error: its floor may be about to change.
func ReadFloor(ctx context.Context, client Getter, cell manifest.Cell, tenantID string) (int64, error) {
	fence, there, err := ReadFence(ctx, client, cell.ResultsTable, tenantID)
	switch {
	case err != nil:
		return 0, fmt.Errorf("read the fence in cell %s: %w", cell.ID, err)
	case !there:
		return 1, nil
	}
	if err := fence.Known(); err != nil {
		return 0, fmt.Errorf("cell %s: %w", cell.ID, err)
	}
	return fence.Floor, nil
}
