package dynamotest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/testkit/dynamotest"
)

func transact(t testing.TB, db *dynamotest.DB, writes ...types.TransactWriteItem) error {
	t.Helper()
	_, err := db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	return err
}

func putWrite(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(things), Item: item{"id": s(id)}}}
}

func newWrite(id string) types.TransactWriteItem {
	w := putWrite(id)
	w.Put.ConditionExpression = aws.String("attribute_not_exists(id)")
	return w
}

func checkWrite(id, condition string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: aws.String(things), Key: item{"id": s(id)}, ConditionExpression: &condition,
	}}
}

func deleteWrite(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(things), Key: item{"id": s(id)}}}
}

func addWrite(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: aws.String(things), Key: item{"id": s(id)}, UpdateExpression: aws.String("ADD a :1"),
		ExpressionAttributeValues: item{":1": n("1")},
	}}
}

func codes(t testing.TB, err error) []string {
	t.Helper()
	var canceled *types.TransactionCanceledException
	require.ErrorAs(t, err, &canceled)
	var all []string
	for _, r := range canceled.CancellationReasons {
		all = append(all, *r.Code)
	}
	return all
}

func TestATransactionWritesAllOrNothingAndSaysWhatWasInItsWay(t *testing.T) {
	db := newDB()
	db.Put(things, item{"id": s("old"), "a": n("1")})
	db.Put(things, item{"id": s("text"), "a": s("1")})
	require.NoError(t, transact(t, db, newWrite("new"), addWrite("old"), deleteWrite("gone"), checkWrite("text", "attribute_exists(a)")))
	require.Equal(t, item{"id": s("old"), "a": n("2")}, db.Item(things, "old"))
	require.NotNil(t, db.Item(things, "new"))

	failing := newWrite("old")
	failing.Put.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	err := transact(t, db, newWrite("other"), failing, checkWrite("none", "attribute_exists(id)"), addWrite("text"), deleteWrite("new"))
	require.Equal(t, []string{"None", "ConditionalCheckFailed", "ConditionalCheckFailed", "ValidationError", "None"}, codes(t, err))
	var canceled *types.TransactionCanceledException
	require.ErrorAs(t, err, &canceled)
	require.Equal(t, db.Item(things, "old"), item(canceled.CancellationReasons[1].Item))
	require.Nil(t, canceled.CancellationReasons[2].Item)
	require.Nil(t, db.Item(things, "other"))
	require.NotNil(t, db.Item(things, "new"))
	require.ErrorContains(t, err, "[None, ConditionalCheckFailed, ConditionalCheckFailed, ValidationError, None]")
}

func TestTransactionsThatTheServiceRefuses(t *testing.T) {
	db := newDB()
	var many []types.TransactWriteItem
	for i := range 101 {
		many = append(many, putWrite(fmt.Sprint(i)))
	}
	twice := types.TransactWriteItem{Put: putWrite("a").Put, Delete: deleteWrite("b").Delete}
	reserved := checkWrite("a", "attribute_exists(status)")
	unconditional := checkWrite("a", "")
	unconditional.ConditionCheck.ConditionExpression = nil
	wrongKey := deleteWrite("a")
	wrongKey.Delete.Key = item{"id": s("a"), "num": n("1")}
	for want, writes := range map[string][]types.TransactWriteItem{
		"length between 1 and 100":                nil,
		"transactItems has 101":                   many,
		"multiple operations on one item":         {putWrite("a"), checkWrite("a", "attribute_exists(id)")},
		"one of Check, Put, Update or Delete":     {twice},
		"reserved keyword: status":                {putWrite("b"), reserved},
		"'ConditionExpression' is required":       {unconditional},
		"does not match the schema":               {wrongKey},
		"only contain one of Check, Put, Update ": {{}},
	} {
		err := transact(t, db, writes...)
		require.Error(t, err, want)
		requireInvalid(t, err, want)
	}
	var large []types.TransactWriteItem
	for _, w := range many[:11] {
		w = types.TransactWriteItem{Put: &types.Put{TableName: w.Put.TableName, Item: item{"id": w.Put.Item["id"], "a": s(strings.Repeat("x", 390<<10))}}}
		large = append(large, w)
	}
	requireInvalid(t, transact(t, db, large...), "bytes, and may have 4194304")
	require.Empty(t, db.Items(things))
	require.NoError(t, transact(t, db, large[:10]...))
	require.NoError(t, transact(t, db, many[:100]...))
}

func TestARequestTokenMakesATransactionHappenOnce(t *testing.T) {
	db := newDB()
	in := &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{addWrite("a")}, ClientRequestToken: aws.String("t")}
	for range 2 {
		_, err := db.TransactWriteItems(t.Context(), in)
		require.NoError(t, err)
	}
	require.Equal(t, n("1"), db.Item(things, "a")["a"])
	in = &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{addWrite("b")}, ClientRequestToken: aws.String("t")}
	_, err := db.TransactWriteItems(t.Context(), in)
	require.ErrorAs(t, err, new(*types.IdempotentParameterMismatchException))
}

func TestBatchesReadAndWriteWhatTheyCan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := newDB()
		left := 0
		db.Leave = func(_ dynamotest.Call, n int) int { left = rapid.IntRange(0, n-1).Draw(rt, "left"); return left }
		count := rapid.IntRange(1, 25).Draw(rt, "items")
		var writes []types.WriteRequest
		var keys []item
		for i := range count {
			keys = append(keys, item{"id": s(fmt.Sprint(i))})
			writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: keys[i]}})
		}
		for request := map[string][]types.WriteRequest{things: writes}; len(request) > 0; {
			out, err := db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: request})
			require.NoError(rt, err)
			request = out.UnprocessedItems
			require.Len(rt, request[things], left)
		}
		require.Len(rt, db.Items(things), count)
		keys = append(keys, item{"id": s("missing")})
		seen := map[string]bool{}
		for request := map[string]types.KeysAndAttributes{things: {Keys: keys}}; len(request) > 0; {
			out, err := db.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: request})
			require.NoError(rt, err)
			for _, it := range out.Responses[things] {
				require.False(rt, seen[text(it["id"])])
				seen[text(it["id"])] = true
			}
			request = out.UnprocessedKeys
			require.Len(rt, request[things].Keys, left)
		}
		require.Len(rt, seen, count)
	})
}

func TestBatchesThatTheServiceRefuses(t *testing.T) {
	db := newDB()
	get := func(want types.KeysAndAttributes) error {
		_, err := db.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{things: want}})
		return err
	}
	write := func(writes ...types.WriteRequest) error {
		_, err := db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{things: writes}})
		return err
	}
	var keys []item
	var puts []types.WriteRequest
	for i := range 101 {
		keys = append(keys, item{"id": s(fmt.Sprint(i))})
		puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: keys[i]}})
	}
	requireInvalid(t, get(types.KeysAndAttributes{}), "or none: 0")
	requireInvalid(t, get(types.KeysAndAttributes{Keys: keys}), "101, and it may have 100")
	requireInvalid(t, get(types.KeysAndAttributes{Keys: []item{keys[0], keys[0]}}), "contains duplicates")
	requireInvalid(t, get(types.KeysAndAttributes{Keys: []item{{"num": n("1")}}}), "does not match the schema")
	require.NoError(t, get(types.KeysAndAttributes{Keys: keys[:100]}))
	requireInvalid(t, write(), "or none: 0")
	requireInvalid(t, write(puts[:26]...), "26, and it may have 25")
	requireInvalid(t, write(puts[0], types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: keys[0]}}), "contains duplicates")
	requireInvalid(t, write(types.WriteRequest{}), "exactly one of")
	require.Empty(t, db.Items(things))
	db.Leave = func(_ dynamotest.Call, n int) int { return n }
	require.ErrorAs(t, write(puts[0]), new(*types.ProvisionedThroughputExceededException))
	require.ErrorAs(t, get(types.KeysAndAttributes{Keys: keys[:1]}), new(*types.ProvisionedThroughputExceededException))
}
