package placement_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/residence"
	"cellular/internal/testkit/dynamotest"
)

const stack = naming.Stack("test")

// world is a control plane, with the tables of its cells.
type world struct {
	*placement.Store
	db    *dynamotest.DB
	cells []manifest.Cell
}

func newWorld(cells ...manifest.Cell) *world {
	w := &world{db: dynamotest.NewTables(dynamotest.Deployment(stack, ids(cells)...)), cells: cells}
	w.Store = placement.NewStore(w.db, dynamotest.ControlPlaneOf(stack))
	return w
}

// set gives a cell a state.
func (w *world) set(id string, status placement.Status, tenants int) {
	w.db.Put(stack.CellTable(), dynamotest.Item{
		controltables.AttrCellID:    item.Text(id),
		controltables.AttrStatus:    item.Text(string(status)),
		controltables.AttrTenants:   item.Number(tenants),
		controltables.AttrUpdatedAt: item.Text(event.TimeLayout),
	})
}

func (w *world) fence(c manifest.Cell, tenantID string, floor int64) {
	w.db.Put(c.ResultsTable, ledger.Fence{TenantID: tenantID, Floor: floor, State: ledger.Left}.Item())
}

// record is what is known of a tenant, with or without a mapping.
func (w *world) record(t require.TestingT, tenantID string) residence.Record {
	r, err := residence.Get(ctx(t), w.db, stack.MoveTable(), tenantID)
	require.NoError(t, err)
	return r
}

// assign places a tenant, which has to work.
func (w *world) assign(t require.TestingT, r placement.Request) mapping.Mapping {
	if h, ok := t.(*testing.T); ok {
		h.Helper()
	}
	m, err := w.Assign(ctx(t), w.cells, r)
	require.NoError(t, err)
	return m
}

func (w *world) state(t require.TestingT, cellID string) placement.CellState {
	states, err := w.States(ctx(t), []string{cellID})
	require.NoError(t, err)
	return states[cellID]
}

// tenants are a cell's, by its index, in pages.
func (w *world) tenants(t require.TestingT, cellID string, limit int) []string {
	var ids []string
	for after := ""; ; {
		page, next, err := w.Page(ctx(t), cellID, after, limit)
		require.NoError(t, err)
		for _, m := range page {
			ids = append(ids, m.TenantID)
		}
		if next == "" {
			return ids
		}
		after = next
	}
}

func requests(w *world, operation string) int {
	n := 0
	for _, c := range w.db.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

// remove ends the removal of a tenant, as package removal does.
func (w *world) remove(t require.TestingT, m mapping.Mapping) {
	_, err := w.db.TransactWriteItems(ctx(t), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Delete: &types.Delete{
			TableName: aws.String(stack.MappingTable()), Key: dynamotest.Item{mapping.AttrTenantID: item.Text(m.TenantID)},
		}},
		placement.Release(stack.CellTable(), m.CellID),
		residence.Remove(stack.MoveTable(), m.TenantID, m.CellID, m.Epoch, time.Now()),
	}})
	require.NoError(t, err)
}
