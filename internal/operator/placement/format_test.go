package placement

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/testkit/formattest"
)

func TestTheFormatOfACellsStateIsKept(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	item := formattest.Item{
		controltables.AttrCellID:    text("alpha"),
		controltables.AttrStatus:    text(string(Draining)),
		controltables.AttrTenants:   number(7),
		controltables.AttrUpdatedAt: text(event.FormatTime(at)),
	}
	formattest.WritesItem(t, "testdata/cell-state-v1/draining.json", item)
	item[controltables.AttrChanges] = number(12)
	formattest.WritesItem(t, "testdata/cell-state-v1/changes.json", item)
	for path, item := range formattest.Items(t, "testdata/cell-state-v*") {
		for _, item := range []formattest.Item{item, formattest.NewerItem(item)} {
			want := CellState{CellID: "alpha", Status: Draining, Tenants: 7, UpdatedAt: at}
			if item[controltables.AttrChanges] != nil { // versions before have no such attribute
				want.changes = 12
			}
			state, err := fromItem(item)
			require.NoError(t, err, path)
			require.Equal(t, want, state, path)
		}
	}
	item[controltables.AttrStatus] = &types.AttributeValueMemberS{Value: "quarantined"}
	state, err := fromItem(item)
	require.NoError(t, err)
	require.False(t, state.Status.known())
}
