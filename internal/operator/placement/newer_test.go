package placement_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
)

func TestACellInAStatusOfALaterVersionTakesNoTenantAndKeepsItsStatus(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	w.set("alpha", "quarantined", 0)
	_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"})
	require.ErrorIs(t, err, placement.ErrNoRoom)
	require.ErrorContains(t, err, "cell alpha is quarantined")
	for _, to := range []placement.Status{placement.Active, placement.Draining, placement.Retired} {
		_, err = w.SetStatus(t.Context(), "alpha", to)
		require.ErrorIs(t, err, placement.ErrRefused, to)
		require.ErrorContains(t, err, "this version does not know", to)
	}
	states, err := w.States(t.Context(), []string{"alpha"})
	require.NoError(t, err)
	require.EqualValues(t, "quarantined", states["alpha"].Status)
}

func TestAMappingInAStateOfALaterVersionIsLeftAlone(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	w.assign(t, placement.Request{TenantID: "acme"})
	stored := w.db.Item(stack.MappingTable(), "acme")
	stored[mapping.AttrState] = item.Text("read-only")
	w.db.Put(stack.MappingTable(), stored)
	_, err := w.Suspend(t.Context(), "acme")
	require.ErrorIs(t, err, placement.ErrRefused)
	require.ErrorContains(t, err, `this version does not know the state "read-only"`)
	_, err = w.Resume(t.Context(), "acme")
	require.ErrorIs(t, err, placement.ErrRefused)
	require.Equal(t, stored, w.db.Item(stack.MappingTable(), "acme"))
}

func TestAssign_PlacesNobodyWhereAFenceIsInAStateOfALaterVersion(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	w.db.Put(w.cells[0].ResultsTable, ledger.Fence{TenantID: "acme", Floor: 3, State: "parted"}.Item())
	_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"})
	require.ErrorContains(t, err, `"parted", which this version does not know`)
	require.Nil(t, w.db.Item(stack.MappingTable(), "acme"))
}
