package move_test

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
	"cellular/internal/testkit/dynamotest"
)

// The version before had no copies of a fence: its movers wrote the fence alone, and its consumers check that. Its consumers may
// be at work beside movers of this version, while a cell is updated. Its movers are not: see docs/decisions.md.

// fenceAlone is the tables as a consumer of the version before uses them: what this version asks of a copy, it asks of the fence.
type fenceAlone struct{ *dynamotest.DB }

// ofFence is the key of the fence whose copy a key is of, or "" where it is of none.
func ofFence(key map[string]types.AttributeValue) string {
	name := key[event.AttrKey].(*types.AttributeValueMemberS).Value
	if tenantID, _, ok := strings.Cut(strings.TrimPrefix(name, ledger.FenceKey("")), "#"); ok && tenantID != "" && strings.HasPrefix(name, ledger.FenceKey("")) {
		return ledger.FenceKey(tenantID)
	}
	return ""
}

func (f fenceAlone) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	if key := ofFence(in.Key); key != "" {
		of := *in
		of.Key = dynamotest.Item{event.AttrKey: item.Text(key)}
		return f.DB.GetItem(ctx, &of, o...)
	}
	if ledger.IsFence(in.Key[event.AttrKey].(*types.AttributeValueMemberS).Value) {
		return &dynamodb.GetItemOutput{}, nil // that version does not look whether there is something to convert
	}
	return f.DB.GetItem(ctx, in, o...)
}

func (f fenceAlone) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	of := *in
	of.TransactItems = slices.Clone(in.TransactItems)
	for i, w := range of.TransactItems {
		if w.ConditionCheck == nil {
			continue
		}
		if key := ofFence(w.ConditionCheck.Key); key != "" {
			check := *w.ConditionCheck
			check.Key = dynamotest.Item{event.AttrKey: item.Text(key)}
			of.TransactItems[i].ConditionCheck = &check
		}
	}
	return f.DB.TransactWriteItems(ctx, &of, o...)
}

// older has cells in which an older version was at work until now: the fences have no copies, and the consumers of this version have
// just been started. It reports false, and changes nothing, where that version cannot have left the tables as they are: a mover
// of this version is between two copies.
func (w *world) older() bool {
	for _, c := range w.cells {
		if w.broken[c.ID] {
			return false
		}
		fence, there, err := ledger.ReadFence(context.Background(), w.db, c.ResultsTable, tenant)
		require.NoError(w, err)
		if !there {
			fence.Floor = 1
		}
		for _, copy := range w.copies(c) {
			if copy.Floor != fence.Floor || copy.RemovedBelow != fence.RemovedBelow {
				return false
			}
		}
	}
	for _, c := range w.cells {
		for _, stored := range w.db.Items(c.ResultsTable) {
			key := stored[event.AttrKey].(*types.AttributeValueMemberS).Value
			switch {
			case ledger.IsFence(key):
				delete(stored, ledger.AttrCopiedFloor)
				w.db.Put(c.ResultsTable, stored)
			case ofFence(stored) != "":
				w.db.Delete(c.ResultsTable, key)
			}
		}
		c.Consumer = consumer.New(c.Options)
	}
	return true
}

func (w *world) copies(c *cellWorld) []ledger.FenceCopy {
	copies, err := ledger.ReadFenceCopies(context.Background(), stored{w.db}, c.ResultsTable, tenant)
	require.NoError(w, err)
	return copies[:]
}

// stored is the tables as they are, for a look that is no call of anybody's: no hook and no fault meets it.
type stored struct{ db *dynamotest.DB }

func (s stored) item(table *string, key dynamotest.Item) dynamotest.Item {
	return s.db.Item(*table, key[event.AttrKey].(*types.AttributeValueMemberS).Value)
}

func (s stored) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{Item: s.item(in.TableName, in.Key)}, nil
}

func (s stored) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}}
	for table, wanted := range in.RequestItems {
		for _, key := range wanted.Keys {
			if found := s.item(&table, key); found != nil {
				out.Responses[table] = append(out.Responses[table], found)
			}
		}
	}
	return out, nil
}

// neverBelow checks, when a fence or a copy was written, that no copy is below the fence, which readers and consumers of the
// version before go by.
func (w *world) neverBelow(in *dynamodb.TransactWriteItemsInput) {
	for _, c := range w.cells {
		if w.broken[c.ID] || !slices.ContainsFunc(in.TransactItems, c.fences) {
			continue
		}
		fence, there, err := ledger.ReadFence(context.Background(), stored{w.db}, c.ResultsTable, tenant)
		require.NoError(w, err)
		if !there || fence.Copied != fence.Floor {
			continue
		}
		for n, copy := range w.copies(c) {
			if copy.Floor < fence.Floor || copy.RemovedBelow < fence.RemovedBelow {
				require.Failf(w, "a copy is below its fence", "copy %d in cell %s: %+v, the fence: %+v", n, c.ID, copy, fence)
			}
		}
	}
}

// fences reports whether an operation writes a fence of the cell, or a copy of one.
func (c *cellWorld) fences(operation types.TransactWriteItem) bool {
	w := operation.Update
	return w != nil && *w.TableName == c.ResultsTable &&
		strings.HasPrefix(w.Key[event.AttrKey].(*types.AttributeValueMemberS).Value, ledger.FenceKey(""))
}
