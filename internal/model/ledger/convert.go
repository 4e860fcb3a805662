package ledger

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/transact"
)

// converter is the part of DynamoDB that ConvertFence needs.
type converter interface {
	Getter
	transact.Transactor
}

// ConvertFence gives a fence of the version before, which had no copies, the copies that it lacks. A fence that has them, or no fence, is
// left as it is. Whoever goes by the copies of a tenant's fence, or writes one of them, converts it once before; it does no harm
// at any later time.
//
// All copies and the note of them in the fence are one transaction, on the condition that the fence is still as it was read:
// that of the version before. A mover of this version at work has a fence that needs no conversion, so nothing that it
// has written to a copy is ever written over.
func ConvertFence(ctx context.Context, client converter, retrier transact.Retrier, resultsTable, tenantID string) error {
	err := retrier.Repeat(ctx, func(ctx context.Context) (again bool, err error) {
		fence, there, err := ReadFence(ctx, client, resultsTable, tenantID)
		if err != nil || !there || fence.Copied == fence.Floor {
			return false, err
		}
		err = retrier.Write(ctx, client, conversion(resultsTable, fence)...)
		return transact.ConditionFailed(err, 0), err // somebody else has converted it
	})
	if err != nil {
		return fmt.Errorf("convert the fence of tenant %q in table %s: %w", tenantID, resultsTable, err)
	}
	return nil
}

// conversion writes the copies of a fence that was read, as a transaction.
func conversion(resultsTable string, read Fence) []types.TransactWriteItem {
	condition := "#floor = :floor AND attribute_not_exists(#copied)"
	values := Item{":floor": number(read.Floor)}
	if read.Copied != 0 {
		condition = "#floor = :floor AND #copied = :copied"
		values[":copied"] = number(read.Copied)
	}
	writes := make([]types.TransactWriteItem, 0, 1+FenceCopies)
	writes = append(writes, types.TransactWriteItem{Update: &types.Update{
		TableName:                 aws.String(resultsTable),
		Key:                       itemKey(FenceKey(read.TenantID)),
		UpdateExpression:          aws.String("SET #copied = :floor"),
		ConditionExpression:       aws.String(condition),
		ExpressionAttributeNames:  map[string]string{"#floor": AttrFloor, "#copied": AttrCopiedFloor},
		ExpressionAttributeValues: values,
	}})
	for n := range FenceCopies {
		writes = append(writes, SetFenceCopy(resultsTable, read, n))
	}
	return writes
}
