package restore

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/transact"
	"cellular/internal/operator/tenantdata"
)

// putBatch is how many items one transaction puts back. It takes 4 MB at most, which ten of the largest items (400 KB) are,
// and 100 operations: the conditions beside the items are one a tenant. Both from "Quotas in Amazon DynamoDB".
const putBatch = 10

// missing is an item that a live table lacks.
type missing struct {
	tenant string
	item   tenantdata.Item
}

// outcome is what became of a put.
type outcome int

const (
	written   outcome = iota
	taken             // somebody else has written it meanwhile
	forbidden         // the condition on its tenant did not hold
)

// putMissing puts up to putBatch items into a table, each unless it is there, and none whose tenant does not meet its
// conditions: also holds them for a tenant, and what is to be written with its items. It answers in the items' order. After
// an error some may be there.
func (r *Restorer) putMissing(
	ctx context.Context, table, hash string, items []missing, also func(tenant string) []types.TransactWriteItem,
) ([]outcome, error) {
	outcomes := make([]outcome, len(items))
	left := make([]int, len(items)) // what is still to be written, by its place in items
	for i := range items {
		left[i] = i
	}
	for len(left) > 0 {
		writes, tenants := transaction(table, hash, items, left, also)
		err := transact.Retrier{}.Write(ctx, r.DynamoDB, writes...)
		if err == nil {
			break
		}
		failure := transact.Classify(err)
		if failure.Kind != transact.Condition {
			return nil, fmt.Errorf("put %d items into table %s: %w", len(left), table, err)
		}
		left = sift(failure, items, left, tenants, outcomes)
	}
	return outcomes, nil
}

// transaction puts the items that are left, and behind them, once for each of their tenants, what also has. tenants are
// those of the operations behind the items.
func transaction(
	table, hash string, items []missing, left []int, also func(tenant string) []types.TransactWriteItem,
) (writes []types.TransactWriteItem, tenants []string) {
	var behind []types.TransactWriteItem
	seen := map[string]bool{}
	for _, i := range left {
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{
			TableName: &table, Item: items[i].item,
			ConditionExpression: aws.String("attribute_not_exists(#key)"), ExpressionAttributeNames: map[string]string{"#key": hash},
		}})
		if !seen[items[i].tenant] {
			seen[items[i].tenant] = true
			for _, operation := range also(items[i].tenant) {
				behind, tenants = append(behind, operation), append(tenants, items[i].tenant)
			}
		}
	}
	return append(writes, behind...), tenants
}

// sift notes which conditions of a canceled transaction did not hold, and returns the items that may be tried again: fewer
// than were left, since one condition at least did not.
func sift(failure transact.Failure, items []missing, left []int, tenants []string, outcomes []outcome) (rest []int) {
	refused := map[string]bool{}
	for n, tenant := range tenants {
		refused[tenant] = refused[tenant] || failure.Failed(len(left)+n)
	}
	for n, i := range left {
		switch {
		case refused[items[i].tenant]:
			outcomes[i] = forbidden
		case failure.Failed(n):
			outcomes[i] = taken
		default:
			rest = append(rest, i)
		}
	}
	return rest
}
