package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/cloudtest"
)

// Weeks are too long for a test, so that the event's date is brought forward in both tables.
func TestAnIDIsUsedAgainOnceItsEventHasExpired(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	w.Accept(t, tenant, "e-1", placed, order)
	w.AwaitStatus(t, tenant, ledger.Processed, "e-1")
	other := strings.Replace(order, "jane", "joan", 1)
	require.Equal(t, 409, w.post(t, tenant, "e-1", placed, other).Status)

	key := event.Key(tenant, "e-1")
	for table, attribute := range map[string]string{c.DataTable: event.AttrExpiresAt, c.ResultsTable: ledger.AttrEventExpiresAt} {
		_, err := w.tables.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: map[string]types.AttributeValue{event.AttrKey: item.Text(key)},
			UpdateExpression: aws.String("SET #date = :now"), ExpressionAttributeNames: map[string]string{"#date": attribute},
			ExpressionAttributeValues: map[string]types.AttributeValue{":now": item.Number(time.Now().Unix())},
		})
		require.NoError(t, err)
	}
	cloudtest.RequireAccepted(t, w.post(t, tenant, "e-1", placed, other))
	stored := c.item(t, c.DataTable, key)
	second, err := event.FromItem(stored)
	require.NoError(t, err)
	require.JSONEq(t, other, string(second.Payload))
	cloudtest.Await(t, "the second event to be applied", func() (ledger.Outcome, bool) {
		o := ledger.Peek(c.item(t, c.ResultsTable, key))
		return o, o.Status == ledger.Processed && o.AcceptedAt.Equal(second.AcceptedAt)
	})
}
