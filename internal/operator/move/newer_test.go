package move_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/testkit/dynamotest"
)

func TestMover_ShowsAMoveInAPhaseOfALaterVersionAndLeavesItAlone(t *testing.T) {
	w := newWorld(t)
	m := w.mover(&hooks{})
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	for _, stored := range w.db.Items(stack.MoveTable()) {
		if stored["phase"] != nil {
			stored["phase"] = item.Text("re-index")
			w.db.Put(stack.MoveTable(), stored)
		}
	}
	before := w.db.Items(stack.MoveTable())

	open, err := m.Open(t.Context())
	require.NoError(t, err)
	require.Len(t, open, 1)
	require.EqualValues(t, "re-index", open[0].Phase)
	_, err = m.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrNewer)
	_, err = m.BackOut(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrNewer)
	require.Equal(t, before, w.db.Items(stack.MoveTable()))
}

func TestMover_StartsNoMoveFromAMappingInAStateOfALaterVersion(t *testing.T) {
	w := newWorld(t)
	place := w.place()
	place.State = "read-only"
	w.db.Put(stack.MappingTable(), place.Item())
	_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "beta")
	require.ErrorIs(t, err, move.ErrNewer)
	require.Equal(t, mapping.State("read-only"), w.place().State)
}

// What is not known to be applied would be sent again, and what is known to be would be forgotten: neither is right for an
// outcome that only a later version knows.
func TestMover_StopsAtAnOutcomeOfALaterVersion(t *testing.T) {
	w := newWorld(t)
	r := &router{}
	w.refresh(r)
	w.send(r, "e-1", "counted")
	alpha := w.cells["alpha"]
	w.db.Put(alpha.ResultsTable, dynamotest.Item{
		event.AttrKey: item.Text(event.Key(tenant, "e-1")), event.AttrTenantShard: item.Text(event.TenantShard(tenant, "e-1")), ledger.AttrStatus: item.Text("held"),
	})
	m := w.mover(&hooks{})
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	_, err = m.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrNewer)
	require.ErrorContains(t, err, `this version does not know the outcome "held" of event `+event.Key(tenant, "e-1")+" in cell alpha")
	require.Equal(t, item.Text("held"), w.db.Item(alpha.ResultsTable, event.Key(tenant, "e-1"))[ledger.AttrStatus])
}

// A fence is written by moves and removals. One in a state of a later version has something to say that this one would undo.
func TestAFenceInAStateOfALaterVersionKeepsItsTenantFromBeingMovedAndRemoved(t *testing.T) {
	for _, cell := range []string{"alpha", "beta"} {
		w := newWorld(t)
		w.suspend()
		fence := ledger.Fence{TenantID: tenant, Floor: 1, State: "parted", UpdatedAt: w.now}.Item()
		w.db.Put(w.cells[cell].ResultsTable, fence)
		_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "beta")
		require.ErrorContains(t, err, `"parted", which this version does not know`, cell)
		_, err = w.remover(&hooks{}).Start(t.Context(), tenant)
		require.ErrorContains(t, err, `"parted", which this version does not know`, cell)
		require.Equal(t, fence, w.db.Item(w.cells[cell].ResultsTable, ledger.FenceKey(tenant)))
		require.Zero(t, w.place().Removing)
		require.Empty(t, w.place().MovingTo)
	}
}
