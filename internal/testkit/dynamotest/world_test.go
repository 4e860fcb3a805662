package dynamotest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/dynamotest"
)

type (
	item  = dynamotest.Item
	names = map[string]string
)

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }
func n(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }

// The tables of these tests: things have a hash key, and a log has a hash and a range key.
const (
	things = "things"
	log    = "log"
)

func newDB() *dynamotest.DB {
	return dynamotest.NewTables(map[string]dynamotest.Table{
		things: {Hash: dynamotest.S("id"), Indexes: map[string]dynamotest.Index{
			"by-owner": {Hash: dynamotest.S("owner_id"), Range: dynamotest.N("rank_no"), Projection: types.ProjectionTypeKeysOnly},
			"all":      {Hash: dynamotest.S("owner_id"), Projection: types.ProjectionTypeAll},
		}},
		log: {Hash: dynamotest.S("id"), Range: dynamotest.N("num")},
	})
}

// code is the code of an error that the service itself answers with.
func code(t testing.TB, err error) string {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	var operation *smithy.OperationError
	require.ErrorAs(t, err, &operation, "wrapped as the SDK wraps it")
	return api.ErrorCode()
}

func requireInvalid(t testing.TB, err error, part string) {
	t.Helper()
	require.ErrorContains(t, err, part)
	require.Equal(t, "ValidationException", code(t, err))
}

func put(t testing.TB, db *dynamotest.DB, table string, it item) {
	t.Helper()
	_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: it})
	require.NoError(t, err)
}

// meets asks the database whether an item meets a condition.
func meets(t testing.TB, it item, condition string, n names, v item) (bool, error) {
	t.Helper()
	db := newDB()
	key := item{"id": s("x")}
	if it != nil {
		it["id"] = s("x")
		db.Put(things, it)
	}
	_, err := db.TransactWriteItems(context.Background(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{ConditionCheck: &types.ConditionCheck{
			TableName: aws.String(things), Key: key, ConditionExpression: &condition,
			ExpressionAttributeNames: n, ExpressionAttributeValues: v,
		}},
	}})
	var canceled *types.TransactionCanceledException
	if errors.As(err, &canceled) {
		require.Equal(t, "ConditionalCheckFailed", *canceled.CancellationReasons[0].Code)
		return false, nil
	}
	return err == nil, err
}
