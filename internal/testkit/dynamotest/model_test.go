package dynamotest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/tenantdata"
	"cellular/internal/testkit/dynamotest"
)

// The tables of the data model serve the packages that work on them.
func TestADeploymentsTablesServeItsPackages(t *testing.T) {
	stack := naming.Stack("dev")
	db := dynamotest.NewTables(dynamotest.Deployment(stack, "alpha", "beta"))
	db.PageItems = 1
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	put(t, db, stack.MappingTable(), mapping.Mapping{
		TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Active, Tier: mapping.TierStandard, UpdatedAt: now,
	}.Item())
	m, err := mapping.NewStore(db, stack.MappingTable()).Get(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, "alpha", m.CellID)

	alpha := stack.Cell("alpha")
	for i, id := range []string{"second", "first"} {
		e := event.Event{TenantID: "acme", ID: id, Type: "t", Payload: []byte("{}"), Epoch: 1, AcceptedAt: now.Add(-time.Duration(i) * time.Second)}
		put(t, db, alpha.DataTable(), e.Item())
	}
	var keys []string
	collect := func(page []string) error { keys = append(keys, page...); return nil }
	require.NoError(t, tenantdata.EventKeys(t.Context(), db, alpha.DataTable(), "acme", now.Add(-time.Minute), collect))
	require.Equal(t, []string{"acme#first", "acme#second"}, keys)
	found, err := tenantdata.Read(t.Context(), db, alpha.DataTable(), keys)
	require.NoError(t, err)
	require.Len(t, found, 2)

	fence := ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Outgoing, Peer: "beta", UpdatedAt: now}
	require.NoError(t, transact(t, db, ledger.FloorAtMost(alpha.ResultsTable(), "acme", 1)))
	put(t, db, alpha.ResultsTable(), fence.Item())
	require.Equal(t, []string{"ConditionalCheckFailed"}, codes(t, transact(t, db, ledger.FloorAtMost(alpha.ResultsTable(), "acme", 1))))
	keys = nil
	require.NoError(t, tenantdata.ResultKeys(t.Context(), db, alpha.ResultsTable(), "acme", collect))
	require.Empty(t, keys, "a fence belongs to its cell")
}
