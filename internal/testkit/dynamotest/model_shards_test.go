package dynamotest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/dynamotest"
)

// Every writer of events and outcomes is tested on these tables, so that none can forget the keys by which they are found.
func TestCell_RefusesEventsAndOutcomesOutsideTheirShards(t *testing.T) {
	alpha := naming.Stack("dev").Cell("alpha")
	shard := s(event.TenantShard("acme", "e-1"))
	with := func(attributes ...any) dynamotest.Item {
		stored := dynamotest.Item{event.AttrKey: s("acme#e-1")}
		for i := 0; i < len(attributes); i += 2 {
			stored[attributes[i].(string)] = s(attributes[i+1].(string))
		}
		return stored
	}
	for name, c := range map[string]struct {
		item  dynamotest.Item
		taken bool
	}{
		"in its shard":             {dynamotest.Item{event.AttrKey: s("acme#e-1"), event.AttrTenantShard: shard}, true},
		"in its shard, waiting":    {dynamotest.Item{event.AttrKey: s("acme#e-1"), event.AttrTenantShard: shard, ledger.AttrWaiting: shard}, true},
		"without a shard":          {with(), false},
		"by its tenant":            {with(event.AttrTenantID, "acme"), false},
		"in another shard":         {with(event.AttrTenantShard, "acme#4"), false},
		"in another tenant's":      {with(event.AttrTenantShard, "globex#3"), false},
		"in both":                  {with(event.AttrTenantShard, "acme#3", event.AttrTenantID, "acme"), false},
		"waiting under its tenant": {with(event.AttrTenantShard, "acme#3", ledger.AttrWaiting, "acme"), false},
		"business state":           {dynamotest.Item{event.AttrKey: s("#counters#acme"), event.AttrTenantID: s("acme")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, table := range []string{alpha.DataTable(), alpha.ResultsTable()} {
				db := dynamotest.NewTables(dynamotest.Cell(alpha))
				_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: c.item})
				if c.taken {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, "item acme#e-1 is written with ")
					require.Empty(t, db.Items(table))
				}
			}
		})
	}
	t.Run("updated where the version before has written it", func(t *testing.T) {
		db := dynamotest.NewTables(dynamotest.Cell(alpha))
		db.Put(alpha.ResultsTable(), with(event.AttrTenantID, "acme"))
		_, err := db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: aws.String(alpha.ResultsTable()), Key: with(), UpdateExpression: aws.String("SET #reason = :reason"),
			ExpressionAttributeNames:  map[string]string{"#reason": ledger.AttrReason},
			ExpressionAttributeValues: dynamotest.Item{":reason": s("dropped")},
		})
		require.NoError(t, err)
	})
}
