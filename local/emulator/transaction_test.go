package emulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

// ranged is a table whose items have two keys; one operation of a transaction is on an item of it.
type ranged struct {
	*dynamodb.Client
	name string
}

func newRanged(t *testing.T, name string) ranged {
	t.Helper()
	r := ranged{dynamodb.NewFromConfig(moto(t), func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 }), name}
	_, err := r.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:   &r.name,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("group"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("group"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("id"), KeyType: types.KeyTypeRange},
		},
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage},
	})
	require.NoError(t, err)
	return r
}

func key(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"group": &types.AttributeValueMemberS{Value: "g"}, "id": &types.AttributeValueMemberS{Value: id}}
}

func (r ranged) put(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: &r.name, Item: key(id)}}
}

func (r ranged) addOne(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName: &r.name, Key: key(id), UpdateExpression: aws.String("ADD n :one"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
	}}
}

func (r ranged) impossible() types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &r.name, Key: key("none"), ConditionExpression: aws.String("attribute_exists(id)"),
	}}
}

func (r ranged) transact(t *testing.T, writes ...types.TransactWriteItem) error {
	_, err := r.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	return err
}

func (r ranged) counts(t *testing.T) map[string]string {
	t.Helper()
	out, err := r.Scan(t.Context(), &dynamodb.ScanInput{TableName: &r.name})
	require.NoError(t, err)
	found := map[string]string{}
	for _, item := range out.Items {
		n, _ := item["n"].(*types.AttributeValueMemberN)
		if n == nil {
			n = &types.AttributeValueMemberN{}
		}
		found[item["id"].(*types.AttributeValueMemberS).Value] = n.Value
	}
	return found
}

func TestMotoTakesBackAllThatAFailedTransactionChanged(t *testing.T) {
	r := newRanged(t, "changed")
	require.NoError(t, r.transact(t, r.put("a"), r.put("b"), r.addOne("c")))
	before := map[string]string{"a": "", "b": "", "c": "1"}
	require.Equal(t, before, r.counts(t))
	err := r.transact(t, r.addOne("a"), r.addOne("c"), r.addOne("new"), r.put("newer"),
		types.TransactWriteItem{Delete: &types.Delete{TableName: &r.name, Key: key("b")}}, r.impossible())
	require.Error(t, err)
	require.Equal(t, before, r.counts(t))
	require.NoError(t, r.transact(t, r.addOne("a"), r.addOne("c")))
	require.Equal(t, map[string]string{"a": "1", "b": "", "c": "2"}, r.counts(t))
}

func TestMotoDoesNotCopyATableForEachOperation(t *testing.T) {
	r := newRanged(t, "large")
	began := time.Now()
	for n := range 20 {
		var writes []types.TransactWriteItem
		for i := range 100 {
			writes = append(writes, r.put(fmt.Sprintf("%d-%d", n, i)))
		}
		require.NoError(t, r.transact(t, writes...))
	}
	// Each of the 2000 operations would copy a thousand items, which takes a tenth of a second.
	require.Less(t, time.Since(began), time.Minute)
}
