package transact_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/transact"
	"cellular/internal/testkit/dynamotest"
)

func key(n int) transact.Item {
	return transact.Item{"id": &types.AttributeValueMemberS{Value: fmt.Sprint(n)}}
}

func filled(t *testing.T, n int) (db *dynamotest.DB, keys []transact.Item) {
	t.Helper()
	db = newTable(t)
	for i := range n {
		db.Put("t", key(i))
		keys = append(keys, key(i))
	}
	return db, keys
}

func TestBatches_AskAgainForWhatATableLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 230
		db, keys := filled(t, n)
		db.Leave = func(_ dynamotest.Call, n int) int { return n - 1 } // one item at a time: more tries than any bound in tries
		read := map[string]int{}
		count := func(item transact.Item) error { read[item["id"].(*types.AttributeValueMemberS).Value]++; return nil }
		require.NoError(t, transact.Retrier{}.ReadAll(t.Context(), db, "t", keys, count))
		require.Len(t, read, n)
		for id, times := range read {
			require.Equal(t, 1, times, id)
		}
	})
}

func TestBatches_EndWithTheCauseWhereATableTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, keys := filled(t, 3)
		db.Leave = func(_ dynamotest.Call, n int) int { return n }
		throttled := &types.ProvisionedThroughputExceededException{}
		err := transact.Retrier{}.ReadAll(t.Context(), db, "t", keys, func(transact.Item) error { return nil })
		require.ErrorAs(t, err, &throttled)
		require.ErrorContains(t, err, "try later")
	})
}

func TestBatches_SurfaceWhatNoRetryMends(t *testing.T) {
	db, keys := filled(t, 3)
	db.Intercept = func(context.Context, dynamotest.Call) error { return &types.ResourceNotFoundException{} }
	missing := &types.ResourceNotFoundException{}
	require.ErrorAs(t, transact.Retrier{}.ReadAll(t.Context(), db, "t", keys, nil), &missing)
	require.Len(t, db.Calls(), 1)
}
