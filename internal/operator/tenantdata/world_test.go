package tenantdata_test

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/dynamotest"
)

const stack = naming.Stack("test")

var alpha = manifest.Cell{ID: "alpha", DataTable: stack.Cell("alpha").DataTable(), ResultsTable: stack.Cell("alpha").ResultsTable()}

// newCell is a cell with the data of some tenants: the numbers of their events.
func newCell(events map[string]int) *dynamotest.DB {
	db := dynamotest.NewTables(dynamotest.Cell(stack.Cell(alpha.ID)))
	for tenant, n := range events {
		fill(db, tenant, n)
	}
	return db
}

var start = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// fill gives a tenant n events, an outcome of every one but the last, a counter and a fence. The latest event has the
// first id.
func fill(db *dynamotest.DB, tenant string, n int) {
	for i := range n {
		e := event.Event{
			TenantID: tenant, ID: id(i), Type: "order.placed", Payload: []byte(fmt.Sprintf(`{"note":"<%d> & Zoë"}`, i)),
			Epoch: 1, AcceptedAt: start.Add(-time.Duration(i) * time.Second),
		}
		db.Put(alpha.DataTable, e.Item())
		if i < n-1 {
			db.Put(alpha.ResultsTable, dynamotest.Item{
				event.AttrKey: item.Text(e.Key()), event.AttrTenantShard: item.Text(event.TenantShard(tenant, e.ID)),
				ledger.AttrStatus: item.Text(string(ledger.Processed)),
			})
		}
	}
	db.Put(alpha.ResultsTable, dynamotest.Item{
		event.AttrKey: item.Text("#counters#" + tenant), event.AttrTenantID: item.Text(tenant),
		"nested": &types.AttributeValueMemberM{Value: dynamotest.Item{
			"list": &types.AttributeValueMemberL{Value: []types.AttributeValue{
				&types.AttributeValueMemberN{Value: "12345678901234567890.5"}, &types.AttributeValueMemberBOOL{Value: true}, &types.AttributeValueMemberNULL{Value: true},
			}},
		}},
	})
	db.Put(alpha.ResultsTable, ledger.Fence{TenantID: tenant, Floor: 2, State: ledger.Owner, UpdatedAt: start}.Item())
}

func id(i int) string { return fmt.Sprintf("e%03d", i) }
