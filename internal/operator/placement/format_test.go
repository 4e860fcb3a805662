package placement

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/testkit/formattest"
)

func TestTheFormatOfACellsStateIsKept(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	kept := formattest.Item{
		controltables.AttrCellID:    item.Text("alpha"),
		controltables.AttrStatus:    item.Text(string(Draining)),
		controltables.AttrTenants:   item.Number(7),
		controltables.AttrUpdatedAt: item.Text(event.FormatTime(at)),
	}
	formattest.WritesItem(t, "testdata/cell-state-v1/draining.json", kept)
	kept[controltables.AttrChanges] = item.Number(12)
	formattest.WritesItem(t, "testdata/cell-state-v1/changes.json", kept)
	for path, kept := range formattest.Items(t, "testdata/cell-state-v*") {
		for _, kept := range []formattest.Item{kept, formattest.NewerItem(kept)} {
			want := CellState{CellID: "alpha", Status: Draining, Tenants: 7, UpdatedAt: at}
			if kept[controltables.AttrChanges] != nil { // versions before have no such attribute
				want.changes = 12
			}
			state, err := fromItem(kept)
			require.NoError(t, err, path)
			require.Equal(t, want, state, path)
		}
	}
	kept[controltables.AttrStatus] = item.Text("quarantined")
	state, err := fromItem(kept)
	require.NoError(t, err)
	require.False(t, state.Status.known())
}
