package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/wait"
)

// transact makes a transaction. While other transactions are at the same items, or the table throttles, it tries again
// until ctx ends.
//
// Each call carries a request token of its own, which the SDK makes: it covers the SDK's retries of that call. A token
// derived from the event would cover nothing more, because the ledger outlives the ten minutes of a token, and would
// fail a redelivery, whose entry has another time.
func (c *Consumer) transact(ctx context.Context, items []types.TransactWriteItem) error {
	for try := 0; ; try++ {
		_, err := c.Tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
		if !contended(err) {
			return err
		}
		if wait.For(ctx, contentionDelay(try)) != nil {
			return fmt.Errorf("no success in %d tries: %w", try+1, err)
		}
	}
}

// conditionFailed reports whether the operation at a position of the transaction did not meet its condition.
func conditionFailed(err error, at int) bool {
	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	return ok && len(canceled.CancellationReasons) > at &&
		aws.ToString(canceled.CancellationReasons[at].Code) == "ConditionalCheckFailed"
}

// contended reports whether a transaction failed for no other reason than other traffic on its tables.
func contended(err error) bool {
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, reason := range canceled.CancellationReasons {
			switch aws.ToString(reason.Code) {
			case "None", "", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
			default:
				return false
			}
		}
		return len(canceled.CancellationReasons) > 0
	}
	_, inProgress := errors.AsType[*types.TransactionInProgressException](err)
	_, throttled := errors.AsType[*types.ThrottlingException](err)
	_, throughput := errors.AsType[*types.ProvisionedThroughputExceededException](err)
	_, limit := errors.AsType[*types.RequestLimitExceeded](err)
	return inProgress || throttled || throughput || limit
}
