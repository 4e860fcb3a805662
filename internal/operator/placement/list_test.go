package placement_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
)

func TestPagesListEveryTenantOfACellOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(cell("alpha", "standard", 100), cell("beta", "standard", 100))
		var want []string
		for n := range rapid.IntRange(0, 12).Draw(t, "tenants") {
			id := fmt.Sprintf("%s-%02d", rapid.SampledFrom([]string{"a", "cellctl", "x"}).Draw(t, "name"), n)
			m := w.assign(t, placement.Request{TenantID: id, CellID: rapid.SampledFrom([]string{"alpha", "beta"}).Draw(t, "cell")})
			if m.CellID == "alpha" {
				want = append(want, id)
			}
		}
		if rapid.Bool().Draw(t, "probed") {
			_, err := w.PutProbe(t.Context(), w.cells[0])
			require.NoError(t, err)
		}
		w.db.PageItems = rapid.IntRange(0, 5).Draw(t, "page")
		got := w.tenants(t, "alpha", rapid.IntRange(1, 8).Draw(t, "limit"))
		require.IsIncreasing(t, append([]string{""}, got...))
		require.ElementsMatch(t, want, got)
		counted, err := w.Estimate(t.Context(), "alpha", nil)
		require.NoError(t, err)
		require.Equal(t, len(want), counted)
	})
}

func TestAPageHasAtMostItsLimit(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	for n := range 5 {
		w.assign(t, placement.Request{TenantID: fmt.Sprint("tenant-", n)})
	}
	page, next, err := w.Page(t.Context(), "alpha", "", 3)
	require.NoError(t, err)
	require.Len(t, page, 3)
	first, err := w.Get(t.Context(), "tenant-0")
	require.NoError(t, err)
	require.Equal(t, first, page[0])
	page, next, err = w.Page(t.Context(), "alpha", next, 3)
	require.NoError(t, err)
	require.Len(t, page, 2)
	require.Empty(t, next)
	for _, limit := range []int{0, placement.MaxPage + 1} {
		_, _, err = w.Page(t.Context(), "alpha", "", limit)
		require.ErrorIs(t, err, placement.ErrInvalid)
	}
}

func TestProbesAreListedForWhoAsks(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	w.assign(t, placement.Request{TenantID: "acme"})
	_, err := w.PutProbe(t.Context(), w.cells[0])
	require.NoError(t, err)
	page, _, err := w.PageWithProbes(t.Context(), "alpha", "", 10)
	require.NoError(t, err)
	require.Len(t, page, 2)
	page, _, err = w.Page(t.Context(), "alpha", "", 10)
	require.NoError(t, err)
	require.Len(t, page, 1)
}

func TestAListNamesTheItemThatIsNoMapping(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	place := mapping.Mapping{TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Active, Tier: "standard"}.Item()
	place["state"] = item.Text("Asleep")
	w.db.Put(stack.MappingTable(), place)
	_, _, err := w.Page(t.Context(), "alpha", "", 10)
	require.ErrorIs(t, err, mapping.ErrMalformed)
	require.ErrorContains(t, err, `list the tenants of cell alpha: tenant "acme"`)
}
