package e2e_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

// loseMappingTable deletes the control plane's table. It is back, with its items, when restore is called or the test ends.
func (w *world) loseMappingTable(t *testing.T) (restore func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	table := &w.outputs.MappingTable
	was, err := w.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: table})
	require.NoError(t, err)
	items, err := w.tables.Scan(ctx, &dynamodb.ScanInput{TableName: table})
	require.NoError(t, err)
	_, err = w.tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: table})
	require.NoError(t, err)
	return once(t, func() {
		var indexes []types.GlobalSecondaryIndex
		for _, index := range was.Table.GlobalSecondaryIndexes {
			indexes = append(indexes, types.GlobalSecondaryIndex{IndexName: index.IndexName, KeySchema: index.KeySchema, Projection: index.Projection})
		}
		_, err := w.tables.CreateTable(ctx, &dynamodb.CreateTableInput{
			TableName: table, KeySchema: was.Table.KeySchema, AttributeDefinitions: was.Table.AttributeDefinitions,
			GlobalSecondaryIndexes: indexes, BillingMode: types.BillingModePayPerRequest,
		})
		require.NoError(t, err)
		for _, item := range items.Items {
			_, err := w.tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: item})
			require.NoError(t, err)
		}
	})
}

// loseRouter deletes the router's function, until restore is called or the test ends.
func (w *world) loseRouter(t *testing.T) (restore func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	router, err := w.cloud.Lambda.GetFunction(ctx, stack.Router())
	require.NoError(t, err)
	require.NoError(t, w.cloud.Lambda.DeleteFunction(ctx, stack.Router()))
	return once(t, func() {
		_, err := w.cloud.Lambda.CreateFunction(ctx, router.Config)
		require.NoError(t, err)
	})
}

// once returns a function that does it the first time it is called, and no later than when the test ends.
func once(t *testing.T, do func()) func() {
	done := false
	f := func() {
		if !done {
			done = true
			do()
		}
	}
	t.Cleanup(f)
	return f
}
