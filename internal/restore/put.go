package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/tenantdata"
	"cellular/internal/wait"
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

// contention bounds how often a transaction is tried while others are at the same items. The waits between add up to 10 s.
const contention = 10

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
	for try := 0; len(left) > 0; {
		writes, tenants := transaction(table, hash, items, left, also)
		_, err := r.DynamoDB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if err != nil && !ok {
			return nil, fmt.Errorf("put %d items into table %s: %w", len(left), table, err)
		}
		if err == nil {
			return outcomes, nil
		}
		rest := sift(canceled.CancellationReasons, items, left, tenants, outcomes)
		if len(rest) == len(left) {
			if try++; try == contention {
				return nil, fmt.Errorf("put %d items into table %s: %w", len(left), table, err)
			}
			if err := wait.For(ctx, 10*time.Millisecond<<try); err != nil {
				return nil, err
			}
		}
		left = rest
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

// sift notes what a canceled transaction says of the items, and returns those that may be tried again.
func sift(reasons []types.CancellationReason, items []missing, left []int, tenants []string, outcomes []outcome) (rest []int) {
	failed := func(n int) bool {
		return n < len(reasons) && aws.ToString(reasons[n].Code) == "ConditionalCheckFailed"
	}
	refused := map[string]bool{}
	for n, tenant := range tenants {
		refused[tenant] = refused[tenant] || failed(len(left)+n)
	}
	for n, i := range left {
		switch {
		case refused[items[i].tenant]:
			outcomes[i] = forbidden
		case failed(n):
			outcomes[i] = taken
		default:
			rest = append(rest, i)
		}
	}
	return rest
}
