package mapping_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/formattest"
)

func TestTheFormatOfAMappingIsKept(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	kept := map[string]mapping.Mapping{
		"testdata/mapping-v1/active.json":   {TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Active, Tier: mapping.TierStandard, UpdatedAt: at},
		"testdata/mapping-v1/moving.json":   {TenantID: "acme", CellID: "alpha", Epoch: 2, State: mapping.Moving, Tier: mapping.TierDedicated, MovingTo: "beta", UpdatedAt: at},
		"testdata/mapping-v1/removing.json": {TenantID: "acme", CellID: "alpha", Epoch: 2, State: mapping.Suspended, Tier: mapping.TierStandard, Removing: 2, UpdatedAt: at},
	}
	for path, m := range kept {
		formattest.WritesItem(t, path, m.Item())
	}
	for path, item := range formattest.Items(t, "testdata/mapping-v*") {
		for _, item := range []formattest.Item{item, formattest.NewerItem(item)} {
			m, err := mapping.FromItem(item)
			require.NoError(t, err, path)
			require.Equal(t, kept[path], m, path)
		}
	}
}

func TestAMappingInAStateOfALaterVersionIsReadAndNotRoutable(t *testing.T) {
	kept := formattest.Items(t, "testdata/mapping-v1")["testdata/mapping-v1/active.json"]
	kept[mapping.AttrState], kept[mapping.AttrTier] = item.Text("read-only"), item.Text("burst")
	m, err := mapping.FromItem(kept)
	require.NoError(t, err)
	require.False(t, m.State.Known())
	require.False(t, m.Routable())

	for _, garbage := range []string{"", "Active", "active ", "a\nb"} {
		kept[mapping.AttrState] = item.Text(garbage)
		_, err = mapping.FromItem(kept)
		require.ErrorIs(t, err, mapping.ErrMalformed, garbage)
	}
}
