package dynamotest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The limits of batches, from the API references of BatchGetItem and BatchWriteItem.
const (
	maxBatchKeys   = 100
	maxBatchWrites = 25
)

// processed is how many of n keys or writes a batch is to process.
func (db *DB) processed(call Call, n int) (int, error) {
	if db.Leave == nil {
		return n, nil
	}
	left := min(max(db.Leave(call, n), 0), n)
	if left == n {
		return 0, &types.ProvisionedThroughputExceededException{Message: new("none of the items of the batch could be processed")}
	}
	return n - left, nil
}

// BatchGetItem reads up to 100 items. It answers in an order of its own, as the service does.
func (db *DB) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	var targets []target
	names := slices.Sorted(maps.Keys(in.RequestItems))
	for i := range names {
		for _, key := range in.RequestItems[names[i]].Keys {
			targets = append(targets, target{&names[i], key})
		}
	}
	call := db.call("BatchGetItem", targets...)
	return run(ctx, db, call, func() (*dynamodb.BatchGetItemOutput, error) {
		if err := only(in, "RequestItems"); err != nil {
			return nil, err
		}
		if n := len(targets); n == 0 || n > maxBatchKeys {
			return nil, invalid("Too many items requested for the BatchGetItem call, or none: %d, and it may have %d", n, maxBatchKeys)
		}
		out := &dynamodb.BatchGetItemOutput{
			Responses: map[string][]Item{}, UnprocessedKeys: map[string]types.KeysAndAttributes{},
		}
		for _, name := range names {
			items, err := db.batchRead(name, in.RequestItems[name])
			if err != nil {
				return nil, err
			}
			out.Responses[name] = items
		}
		room, err := db.processed(call, len(targets))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			want := in.RequestItems[name]
			n := min(room, len(want.Keys))
			if room -= n; n == len(want.Keys) {
				continue
			}
			rest := want
			want.Keys, rest.Keys = want.Keys[:n], want.Keys[n:]
			out.UnprocessedKeys[name] = rest
			delete(out.Responses, name)
			if n > 0 {
				if out.Responses[name], err = db.batchRead(name, want); err != nil {
					return nil, err
				}
			}
		}
		return out, nil
	})
}

func (db *DB) batchRead(name string, want types.KeysAndAttributes) ([]Item, error) {
	if err := only(want, "Keys", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"); err != nil {
		return nil, err
	}
	t, err := db.find(&name)
	if err != nil {
		return nil, err
	}
	if len(want.Keys) == 0 {
		return nil, invalid("Member must have length greater than or equal to 1: the keys of table %s", name)
	}
	seen := map[string]bool{}
	for _, key := range want.Keys {
		accepted, err := acceptItem(key)
		if err != nil {
			return nil, err
		}
		if seen[primary(t.base.table, accepted)] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[primary(t.base.table, accepted)] = true
	}
	keys := slices.Clone(want.Keys)
	slices.SortFunc(keys, func(a, b Item) int {
		x, _ := t.base.place(a)
		y, _ := t.base.place(b)
		return x.compare(y)
	})
	return db.read(&name, keys, aws.ToBool(want.ConsistentRead), want.ProjectionExpression, want.ExpressionAttributeNames)
}

// BatchWriteItem puts and deletes up to 25 items, each on its own.
func (db *DB) BatchWriteItem(
	ctx context.Context, in *dynamodb.BatchWriteItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchWriteItemOutput, error) {
	var targets []target
	var writes []types.WriteRequest
	names := slices.Sorted(maps.Keys(in.RequestItems))
	for i := range names {
		for _, w := range in.RequestItems[names[i]] {
			targets, writes = append(targets, target{&names[i], keyOf(w)}), append(writes, w)
		}
	}
	call := db.call("BatchWriteItem", targets...)
	return run(ctx, db, call, func() (*dynamodb.BatchWriteItemOutput, error) {
		if err := only(in, "RequestItems"); err != nil {
			return nil, err
		}
		if n := len(writes); n == 0 || n > maxBatchWrites {
			return nil, invalid("Too many items requested for the BatchWriteItem call, or none: %d, and it may have %d", n, maxBatchWrites)
		}
		mutations, err := db.batchMutations(targets, writes)
		if err != nil {
			return nil, err
		}
		n, err := db.processed(call, len(writes))
		if err != nil {
			return nil, err
		}
		out := &dynamodb.BatchWriteItemOutput{UnprocessedItems: map[string][]types.WriteRequest{}}
		for i, m := range mutations {
			leave := i >= n
			if !leave {
				_, err := db.mutate(m)
				if leave = passing(err); err != nil && !leave {
					return nil, err
				}
			}
			if leave {
				name := *targets[i].table
				out.UnprocessedItems[name] = append(out.UnprocessedItems[name], writes[i])
			}
		}
		return out, nil
	})
}

// passing reports whether one write of a batch has met another request, or a throttled table: the batch leaves it.
func passing(err error) bool {
	var met *types.TransactionConflictException
	var throttled *types.ThrottlingException
	return errors.As(err, &met) || errors.As(err, &throttled)
}

func keyOf(w types.WriteRequest) Item {
	switch {
	case w.PutRequest != nil:
		return w.PutRequest.Item
	case w.DeleteRequest != nil:
		return w.DeleteRequest.Key
	}
	return nil
}

func (db *DB) batchMutations(targets []target, writes []types.WriteRequest) ([]mutation, error) {
	var mutations []mutation
	seen := map[string]bool{}
	for i, w := range writes {
		if (w.PutRequest == nil) == (w.DeleteRequest == nil) {
			return nil, invalid("A write of a BatchWriteItem must be exactly one of PutRequest and DeleteRequest")
		}
		var m mutation
		var err error
		if at := (written{table: targets[i].table}); w.PutRequest != nil {
			m, err = db.put(at, w.PutRequest.Item)
		} else {
			m, err = db.remove(at, w.DeleteRequest.Key, false)
		}
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", *targets[i].table, err)
		}
		at := *targets[i].table + "\x00" + primary(m.table.base.table, m.key)
		if seen[at] {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[at] = true
		mutations = append(mutations, m)
	}
	return mutations, nil
}
