package ownership

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/event"
	"cellular/internal/facts"
)

// Getter is the part of DynamoDB that Floor needs.
type Getter interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Floor is the lowest epoch whose events of a tenant the cell applies now: 1, which is below no epoch, where the tenant
// has no fence there.
func Floor(ctx context.Context, client Getter, cell facts.Cell, tenantID string) (int64, error) {
	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(cell.ResultsTable),
		Key:            map[string]types.AttributeValue{event.AttrKey: text(Key(tenantID))},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return 0, fmt.Errorf("read the fence in cell %s: %w", cell.ID, err)
	}
	if len(out.Item) == 0 {
		return 1, nil
	}
	fence, err := FromItem(out.Item)
	if err != nil {
		return 0, fmt.Errorf("read the fence in cell %s: %w", cell.ID, err)
	}
	return fence.Floor, nil
}
