package move

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/item"
	"cellular/internal/operator/record"
	"cellular/internal/operator/tenantdata"
)

// openKeys are the keys of events that a clone has seen and not found processed: copy has to look at them again. They may be
// added by several at a time.
type openKeys struct {
	mu   sync.Mutex
	keys map[string]bool
}

func (o *openKeys) add(keys []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keys == nil {
		o.keys = map[string]bool{}
	}
	for _, key := range keys {
		o.keys[key] = true
	}
}

// sorted are the keys in their order.
func (o *openKeys) sorted() []string { return slices.Sorted(maps.Keys(o.keys)) }

const (
	// MaxOpenKeys bounds the list of a clone. Where more events are not processed, copy looks at everything.
	MaxOpenKeys = 100_000
	// openKeysAnItem keeps an item of the list far below the 400 KB that an item may have: a key has at most 192 bytes.
	openKeysAnItem = 1000

	openPrefix   = "#open#" // of the hash key of the list's items, before the tenant and the move's epoch; the range key numbers them
	attrOpenKeys = "keys"   // L of S
)

func (r *run) openHash() string {
	return openPrefix + r.move.TenantID + "/" + strconv.FormatInt(r.move.Epoch, 10)
}

// recordOpen writes the list of what copy has to look at again into the table of moves. A mover that dies in the middle is
// followed by one that clones again, and writes over it.
func (r *run) recordOpen(ctx context.Context, keys []string) error {
	n := int64(0)
	for page := range slices.Chunk(keys, openKeysAnItem) {
		n++
		list := make([]types.AttributeValue, len(page))
		for i, key := range page {
			list[i] = item.Text(key)
		}
		err := r.write(ctx, []types.TransactWriteItem{{Put: &types.Put{TableName: aws.String(r.ControlPlane.MoveTable), Item: Item{
			controltables.AttrTenantID: item.Text(r.openHash()), controltables.AttrEpoch: item.Number(n),
			attrOpenKeys:                &types.AttributeValueMemberL{Value: list},
			controltables.AttrExpiresAt: item.Number(r.Now().Add(record.KeepEnded).Unix()),
		}}}})
		if err != nil {
			return fmt.Errorf("record what is open: %w", err)
		}
	}
	return nil
}

// openItems calls each with the items of the recorded list, in their order.
func (r *run) openItems(ctx context.Context, each func(page Item) error) error {
	query := &dynamodb.QueryInput{
		TableName: aws.String(r.ControlPlane.MoveTable), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("#hash = :hash"),
		ExpressionAttributeNames:  map[string]string{"#hash": controltables.AttrTenantID},
		ExpressionAttributeValues: Item{":hash": item.Text(r.openHash())},
	}
	for {
		out, err := r.DynamoDB.Query(ctx, query)
		if err != nil {
			return fmt.Errorf("read what is open: %w", err)
		}
		for _, page := range out.Items {
			if err := each(page); err != nil {
				return err
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		query.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// recordedOpen reads the list back. It reports false where items of it are missing.
func (r *run) recordedOpen(ctx context.Context) (keys []string, whole bool, err error) {
	err = r.openItems(ctx, func(page Item) error {
		list, _ := page[attrOpenKeys].(*types.AttributeValueMemberL)
		for i := 0; list != nil && i < len(list.Value) && len(keys) < r.move.OpenKeys; i++ {
			keys = append(keys, stringOf(list.Value[i]))
		}
		return nil
	})
	return keys, err == nil && len(keys) == r.move.OpenKeys, err
}

// forgetOpen deletes the list.
func (r *run) forgetOpen(ctx context.Context) error {
	var writes []types.TransactWriteItem
	err := r.openItems(ctx, func(page Item) error {
		writes = append(writes, types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(r.ControlPlane.MoveTable), Key: Item{
			controltables.AttrTenantID: page[controltables.AttrTenantID], controltables.AttrEpoch: page[controltables.AttrEpoch],
		}}})
		return nil
	})
	if err != nil {
		return err
	}
	return r.write(ctx, writes)
}

// pagesOf calls do with keys, a page at a time.
func (r *run) pagesOf(ctx context.Context, keys []string, do func(keys []string) error) error {
	paged := r.paged(ctx, do)
	for page := range slices.Chunk(keys, tenantdata.PageSize) {
		if err := paged(page); err != nil {
			return err
		}
	}
	return nil
}
