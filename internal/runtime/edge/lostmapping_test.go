package edge_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// An operator deletes a mapping by hand, by mistake, and assigns the tenant again.
func TestI6AcceptedEventsAreFoundAfterAMappingWasLostAndAssignedAgain(t *testing.T) {
	const stack = naming.Stack("dev")
	w := newWorld(t)
	store := placement.NewStore(w.db, dynamotest.ControlPlaneOf(stack))
	var cells []manifest.Cell
	for _, id := range []string{"alpha", "beta"} {
		cells = append(cells, manifest.Cell{
			ID: id, Tier: mapping.TierStandard, MaxTenants: 10, DataTable: stack.Cell(id).DataTable(), ResultsTable: stack.Cell(id).ResultsTable(),
		})
	}
	_, err := store.Assign(t.Context(), cells, placement.Request{TenantID: "globex", CellID: "beta"})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, w.post(`{"tenant_id":"globex","id":"order-1","type":"order.placed","payload":{}}`).StatusCode)

	w.db.Delete(stack.MappingTable(), "globex")
	for _, r := range []placement.Request{{TenantID: "globex"}, {TenantID: "globex", CellID: "alpha"}, {TenantID: "globex", Search: true}} {
		_, err := store.Assign(t.Context(), cells, r)
		require.ErrorIs(t, err, placement.ErrRefused, "alpha has more room")
	}
	m, err := store.Assign(t.Context(), cells, placement.Request{TenantID: "globex", CellID: "beta"})
	require.NoError(t, err)
	require.EqualValues(t, 2, m.Epoch)
	w.pass(hardTTL + time.Second)
	a := w.get("order-1", "globex")
	require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
	require.Equal(t, "accepted", a.body["status"])
	require.Equal(t, http.StatusAccepted, w.post(`{"tenant_id":"globex","id":"order-1","type":"order.placed","payload":{}}`).StatusCode, "sent again")
}
