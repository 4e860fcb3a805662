package move_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ownership"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
)

// nextOfTheName returns a world whose tenant was removed from both cells, and another one of its name placed in beta. late
// writes an event of the removed one into a cell, as a router with a very old mapping does.
func nextOfTheName(t *testing.T) (w *world, late func(cell, id, kind string)) {
	w, _ = inUse(t)
	w.suspend()
	_, err := w.remover(&hooks{}).Start(t.Context(), tenant)
	require.NoError(t, err)
	_, err = w.remover(&hooks{}).Run(t.Context(), tenant, removal.Fate{GiveUp: true})
	require.NoError(t, err)
	w.gone()
	w.nextLife()
	w.assign("beta")
	return w, func(cell, id, kind string) {
		for epoch, owner := range w.owners {
			if w.nthOf[epoch] == 0 && owner == cell {
				e := event.Event{TenantID: tenant, ID: id, Type: kind, Payload: []byte(`{"n":1}`), Epoch: epoch, AcceptedAt: w.now}
				existing, err := w.tables().Write(context.Background(), cell, e)
				require.NoError(t, err)
				require.Nil(t, existing)
				return
			}
		}
		require.Fail(t, "the removed tenant was never in cell "+cell)
	}
}

// What a router with a very old mapping left in a cell belongs to nobody. A move of the next tenant of the name neither takes
// it along nor sends it, whichever way the move ends; it deletes it, and it is not in the way of that tenant's own events.
func TestMover_TakesNothingOfARemovedTenantAlong(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(t *testing.T, w *world, late func(cell, id, kind string))
		count int
	}{
		"moved": {func(t *testing.T, w *world, _ func(cell, id, kind string)) {
			_, err := w.mover(&hooks{}).Run(t.Context(), tenant, "")
			require.NoError(t, err)
		}, 3},
		"moved, and more comes behind the flip": {func(t *testing.T, w *world, late func(cell, id, kind string)) {
			_, err := w.mover(&hooks{}).Run(t.Context(), tenant, move.Redirect)
			require.NoError(t, err)
			late("beta", "ghost-3", "visit")
			late("alpha", "ghost-4", "visit")
			_, err = w.mover(&hooks{}).Run(t.Context(), tenant, "")
			require.NoError(t, err)
		}, 5},
		"backed out behind the flip": {func(t *testing.T, w *world, late func(cell, id, kind string)) {
			_, err := w.mover(&hooks{}).Run(t.Context(), tenant, move.Redirect)
			require.NoError(t, err)
			late("beta", "ghost-3", "visit")
			_, err = w.mover(&hooks{}).BackOut(t.Context(), tenant, "")
			require.NoError(t, err)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, late := nextOfTheName(t)
			fresh := &router{}
			w.send(fresh, "own-1", "visit")
			w.send(fresh, "own-2", "visit")
			w.quiesce()
			late("beta", "ghost-1", "visit")
			late("beta", "ghost-2", "poison")
			late("alpha", "own-1", "visit")  // the same content
			late("alpha", "own-2", "poison") // another one
			late("alpha", "ghost-2", "visit")
			w.send(fresh, "own-3", "visit") // not applied when the move begins
			_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "alpha")
			require.NoError(t, err)
			c.end(t, w, late)
			w.quiesce()
			require.Equal(t, map[string]int{"own-1": 1, "own-2": 1, "own-3": 1}, w.applied)
			for _, cell := range w.cells {
				require.Empty(t, cell.dlq, "cell %s", cell.ID)
				for _, item := range w.db.Items(cell.DataTable) {
					e, err := event.FromItem(item)
					require.NoError(t, err)
					require.Equal(t, 1, w.nthOf[e.Epoch], "in cell %s: %v", cell.ID, item)
				}
			}
			w.settled()
			history, err := w.mover(&hooks{}).History(t.Context(), tenant)
			require.NoError(t, err)
			require.Equal(t, c.count, history[0].Counts.Leftovers)
		})
	}
}

// A way back before the flip leaves the old cell as it was, but sends nothing of the removed tenant.
func TestMover_SendsNothingOfARemovedTenantOnTheWayBack(t *testing.T) {
	w, late := nextOfTheName(t)
	late("beta", "ghost", "visit")
	_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "alpha")
	require.NoError(t, err)
	_, err = w.mover(dyingIn(w, move.Flip)).Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, errDied)
	late("beta", "ghost-2", "visit")
	_, err = w.mover(&hooks{}).BackOut(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()
	require.Empty(t, w.applied)
	require.Nil(t, w.db.Item(w.cells["alpha"].DataTable, event.Key(tenant, "ghost")))
}

// dyingIn are hooks under which a mover dies when it comes to a phase.
func dyingIn(w *world, phase move.Phase) *hooks {
	h := &hooks{}
	h.before = func() error {
		if now, err := w.mover(&hooks{}).Get(context.Background(), tenant); err == nil && now.Phase == phase {
			return errDied
		}
		return nil
	}
	return h
}

// A move that is ended without a cell brings what that cell's data table has of the tenant, and of no other.
func TestMover_BringsNothingOfARemovedTenantOutOfALostCell(t *testing.T) {
	w, late := nextOfTheName(t)
	w.send(&router{}, "own", "visit")
	w.quiesce()
	_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "alpha")
	require.NoError(t, err)
	late("beta", "ghost", "visit")
	late("alpha", "ghost-2", "visit")
	w.db.Drop(w.cells["beta"].ResultsTable)
	w.broken["beta"] = true
	_, err = w.mover(&hooks{}).Abandon(t.Context(), tenant, "beta", "")
	require.NoError(t, err)
	w.quiesce()
	require.NotContains(t, w.applied, "ghost")
	require.NotContains(t, w.applied, "ghost-2")
	require.Len(t, w.db.Items(w.cells["alpha"].DataTable), 1)
	require.Empty(t, w.db.Items(w.cells["beta"].DataTable))
}

// A program that knew no tombstones may have placed a tenant with an epoch that the tombstone covers, in a cell that the
// removed one never was in. There the fence does not confirm it: what that tenant sent is its own.
func TestMover_KeepsTheEventsOfATenantThatWasPlacedBelowTheTombstone(t *testing.T) {
	w, _ := nextOfTheName(t)
	fence := w.db.Item(w.cells["beta"].ResultsTable, ownership.Key(tenant))
	delete(fence, ownership.AttrRemovedBelow)
	w.db.Put(w.cells["beta"].ResultsTable, fence)
	mine := event.Event{TenantID: tenant, ID: "mine", Type: "visit", Payload: []byte(`{"n":1}`), Epoch: 1, AcceptedAt: w.now}
	w.db.Put(w.cells["beta"].DataTable, mine.Item())
	_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "alpha")
	require.NoError(t, err)
	_, err = w.mover(&hooks{}).Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.NotNil(t, w.db.Item(w.cells["alpha"].DataTable, mine.Key()))
}
