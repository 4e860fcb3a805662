package placement_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
)

func TestChooser_NamesTheEmptiestOtherCellOfTheTenantsTier(t *testing.T) {
	cells := []manifest.Cell{cell("c1", mapping.TierStandard, 10), cell("c2", mapping.TierStandard, 10), cell("c3", mapping.TierStandard, 10), cell("d1", mapping.TierDedicated, 10)}
	w := newWorld(cells...)
	w.set("c2", placement.Active, 5)
	w.set("c3", placement.Active, 3)
	m := mapping.Mapping{TenantID: "acme", CellID: "c1", Tier: mapping.TierStandard} // c1 is empty, and its own
	chooser := w.NewChooser(cells)
	best, err := chooser.Best(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, "c3", best)

	w.set("c3", placement.Draining, 3)
	best, err = chooser.Best(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, "c2", best, "who asks again was refused")

	w.set("c2", placement.Active, 11)
	_, err = chooser.Best(t.Context(), m)
	require.ErrorIs(t, err, placement.ErrNoRoom, "its own cell has room, and is no other one")

	_, err = w.NewChooser(cells[:1]).Best(t.Context(), m)
	require.ErrorIs(t, err, placement.ErrNoRoom)
}

// Many tenants are spread as if each were placed before the next one is chosen for, by one reading of the states; where that
// shows no more room, they are read again.
func TestChooser_FillsCellsEvenlyByOneReadingOfTheirStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cells []manifest.Cell
		for i := range 1000 {
			cells = append(cells, cell(fmt.Sprintf("c%03d", i), mapping.TierStandard, 2))
		}
		w := newWorld(cells...)
		reads := func() int { return len(w.db.Calls()) }
		chooser := w.NewChooser(cells)
		sent := map[string]int{}
		for i := range 1998 {
			best, err := chooser.Best(t.Context(), mapping.Mapping{TenantID: fmt.Sprint("t", i), CellID: "c000", Tier: mapping.TierStandard})
			require.NoError(t, err)
			sent[best]++
			if i == 998 {
				require.Len(t, sent, 999, "each once, before any twice")
			}
		}
		require.Len(t, sent, 999)
		require.Equal(t, 10, reads(), "a thousand states are ten calls")
		_, err := chooser.Best(t.Context(), mapping.Mapping{TenantID: "more", CellID: "c000", Tier: mapping.TierStandard})
		require.NoError(t, err, "none of them was placed")
		require.Equal(t, 20, reads())
		time.Sleep(time.Minute)
		_, err = chooser.Best(t.Context(), mapping.Mapping{TenantID: "later", CellID: "c000", Tier: mapping.TierStandard})
		require.NoError(t, err)
		require.Equal(t, 30, reads(), "what was read a minute ago is old")
	})
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
