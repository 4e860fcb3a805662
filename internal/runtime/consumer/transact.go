package consumer

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/transact"
)

// transact makes a transaction. While other transactions are at the same items, or the table throttles, it tries again
// until ctx ends.
//
// Its request token covers the tries of this call. A token derived from the event would cover nothing more, because the
// ledger outlives the ten minutes of a token, and would fail a redelivery, whose entry has another time.
func (c *Consumer) transact(ctx context.Context, items []types.TransactWriteItem) error {
	return transact.Retrier{}.Write(ctx, c.Tables, items...)
}
