package transact

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// MaxReads is how many items one BatchGetItem reads, from its API reference.
const MaxReads = 100

// BatchReader is the part of the client that ReadAll needs.
type BatchReader interface {
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
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
