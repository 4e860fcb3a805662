package placement_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
)

func TestBest_IsTheEmptiestOtherCellOfTheTenantsTier(t *testing.T) {
	cells := []manifest.Cell{cell("c1", mapping.TierStandard, 10), cell("c2", mapping.TierStandard, 10), cell("c3", mapping.TierStandard, 10), cell("d1", mapping.TierDedicated, 10)}
	w := newWorld(cells...)
	w.set("c2", placement.Active, 5)
	w.set("c3", placement.Active, 3)
	m := mapping.Mapping{TenantID: "acme", CellID: "c1", Tier: mapping.TierStandard} // c1 is empty, and its own
	best, err := w.Best(t.Context(), cells, m)
	require.NoError(t, err)
	require.Equal(t, "c3", best)

	w.set("c3", placement.Draining, 3)
	best, err = w.Best(t.Context(), cells, m)
	require.NoError(t, err)
	require.Equal(t, "c2", best)

	w.set("c2", placement.Active, 11)
	states, err := w.States(t.Context(), ids(cells))
	require.NoError(t, err)
	require.True(t, states["c2"].Full(cells[1]))
	_, err = placement.Others(cells, states, m)
	require.ErrorIs(t, err, placement.ErrNoRoom, "its own cell has room, and is no other one")

	_, err = w.Best(t.Context(), cells[:1], m)
	require.ErrorIs(t, err, placement.ErrNoRoom)
}

func TestHasTenant_LooksBehindTheProbeTenants(t *testing.T) {
	w := newWorld(cell("c1", mapping.TierStandard, 10), cell("c2", mapping.TierStandard, 10))
	has := func(cellID string) bool {
		has, err := w.HasTenant(t.Context(), cellID)
		require.NoError(t, err)
		return has
	}
	_, err := w.PutProbe(t.Context(), w.cells[0])
	require.NoError(t, err)
	require.False(t, has("c1"), "but for a probe")
	w.assign(t, placement.Request{TenantID: "zeta", CellID: "c1"})
	require.True(t, has("c1"))
	require.False(t, has("c2"))
	require.False(t, has("gone"))
}
