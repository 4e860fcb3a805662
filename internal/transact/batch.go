package transact

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The limits of batches, from the API references of BatchGetItem and BatchWriteItem.
const (
	MaxReads  = 100
	MaxWrites = 25
)

// BatchReader is the part of the client that ReadAll needs.
type BatchReader interface {
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
}

// BatchWriter is the part of the client that WriteAll needs.
type BatchWriter interface {
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
}

// ReadAll reads the items with the given keys from a table, consistently, and calls each with those that are there. No key
// may be given twice. What a throttled table leaves out is asked for again; the time for that begins with each progress.
func (r Retrier) ReadAll(ctx context.Context, client BatchReader, table string, keys []Item, each func(Item) error) error {
	for start := 0; start < len(keys); start += MaxReads {
		request := map[string]types.KeysAndAttributes{
			table: {Keys: keys[start:min(start+MaxReads, len(keys))], ConsistentRead: aws.Bool(true)},
		}
		err := r.drain(ctx, func() (left int, err error) {
			out, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: request}, once)
			if err != nil {
				return len(request[table].Keys), err
			}
			for _, item := range out.Responses[table] {
				if err := each(item); err != nil {
					return 0, err
				}
			}
			request = out.UnprocessedKeys
			return len(request[table].Keys), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// WriteAll puts and deletes items of a table, each on its own and in no order: after an error some may have taken effect.
// No two writes may be of one item. What a throttled table leaves out is tried again as in ReadAll.
func (r Retrier) WriteAll(ctx context.Context, client BatchWriter, table string, writes []types.WriteRequest) error {
	for start := 0; start < len(writes); start += MaxWrites {
		request := map[string][]types.WriteRequest{table: writes[start:min(start+MaxWrites, len(writes))]}
		err := r.drain(ctx, func() (left int, err error) {
			out, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: request}, once)
			if err != nil {
				return len(request[table]), err
			}
			request = out.UnprocessedItems
			return len(request[table]), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// drain repeats a batch until it leaves nothing. A batch of which the table takes nothing at all is an error of the call.
func (r Retrier) drain(ctx context.Context, batch func() (left int, err error)) error {
	b := r.begin()
	before := MaxReads + 1
	for {
		left, err := batch()
		if err != nil && !Classify(err).Retryable() {
			return err
		}
		if err == nil && left == 0 {
			return nil
		}
		if left < before {
			b.progress()
		}
		before = left
		if err == nil {
			err = fmt.Errorf("the table left %d items of a batch out: it is throttled", left)
		}
		if err := b.wait(ctx, err); err != nil {
			return err
		}
	}
}
