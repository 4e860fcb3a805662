package transact

import (
	"context"
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Transactor is the part of the client that Write needs.
type Transactor interface {
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Write carries out a transaction. While other transactions are at the same items, DynamoDB throttles, or an answer gets
// lost, it tries again. Its error is that of the last try; Classify tells which condition did not hold.
//
// All tries carry one request token, so that a transaction that took effect while its answer got lost is answered with
// success, and does not fail its own conditions: DynamoDB remembers a token for ten minutes after success. A transaction
// that was canceled leaves nothing behind for its token.
func (r Retrier) Write(ctx context.Context, client Transactor, items ...types.TransactWriteItem) error {
	in := &dynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: aws.String(rand.Text())}
	_, err := Single(ctx, r, client.TransactWriteItems, in)
	return err
}

// Single carries out one PutItem, UpdateItem or DeleteItem, and tries it again as Write does.
//
// The service knows no request token of such a write. It must be one that may take effect twice, or one whose condition
// its caller understands: after a lost answer, what the condition finds may be what the write itself has left.
func Single[In, Out any](
	ctx context.Context, r Retrier, call func(context.Context, *In, ...func(*dynamodb.Options)) (*Out, error), in *In,
) (*Out, error) {
	var out *Out
	err := r.Repeat(ctx, func(ctx context.Context) (bool, error) {
		var err error
		out, err = call(ctx, in, once)
		return Classify(err).Retryable(), err
	})
	return out, err
}

// once turns the SDK's own retries off for one call: they would multiply the tries, with other delays.
func once(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }
