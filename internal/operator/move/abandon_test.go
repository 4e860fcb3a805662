package move_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
)

// loss is what becomes of a cell.
type loss struct {
	name   string
	tables func(c manifest.Cell) []string
	again  bool // 'pulumi up' makes the tables again, without what they held
	cell   bool // the cell's manifest goes, too
}

var losses = []loss{
	{name: "results", tables: func(c manifest.Cell) []string { return []string{c.ResultsTable} }},
	{name: "results made again", tables: func(c manifest.Cell) []string { return []string{c.ResultsTable} }, again: true},
	{name: "both tables", tables: func(c manifest.Cell) []string { return []string{c.DataTable, c.ResultsTable} }},
	{name: "the cell", tables: func(c manifest.Cell) []string { return []string{c.DataTable, c.ResultsTable} }, cell: true},
}

// lose has a cell lose its tables, and with them what is in its stream and its queue. A cell whose tables are made again
// has its producer and consumer at work on them.
func (w *world) lose(l loss, id string) {
	c := w.cells[id]
	for _, table := range l.tables(c.Cell) {
		w.db.Drop(table)
		if l.again {
			w.db.Make(table)
		}
	}
	if !l.again {
		c.stream, c.queue = nil, nil
		w.broken[id] = true
	}
	w.vanished[id] = l.cell
}

// toPhase takes a move of the tenant from alpha to beta to a phase, with events of every kind, and returns a router that
// knows the mapping from before.
func (w *world) toPhase(t *testing.T, phase move.Phase, backwards bool) (stale *router) {
	t.Helper()
	stale = &router{}
	for i := range 5 {
		w.send(stale, fmt.Sprintf("done-%d", i), "visit")
	}
	w.quiesce()
	w.refresh(stale)
	w.send(stale, "in-flight", "visit")
	stop := func(at move.Phase) *move.Mover {
		h := &hooks{}
		h.before = func() error {
			if now, err := w.mover(&hooks{}).Get(context.Background(), tenant); err == nil && now.Phase == at && now.BackingOut == (backwards && at == phase) {
				return errDied
			}
			return nil
		}
		return w.mover(h)
	}
	_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	if backwards {
		w.flipAndUse(t, stale)
		_, err = stop(phase).BackOut(t.Context(), tenant, "")
		require.ErrorIs(t, err, errDied)
		return stale
	}
	if phase == move.GiveBack {
		_, err = stop(move.Copy).Run(t.Context(), tenant, "")
		require.ErrorIs(t, err, errDied)
		_, err = stop(move.GiveBack).BackOut(t.Context(), tenant, "")
		require.ErrorIs(t, err, errDied)
		return stale
	}
	if phase.Flipped() {
		w.flipAndUse(t, stale)
	}
	if phase != move.Redirect {
		_, err = stop(phase).Run(t.Context(), tenant, "")
		require.ErrorIs(t, err, errDied)
	}
	return stale
}

func (w *world) flipAndUse(t *testing.T, stale *router) {
	t.Helper()
	_, err := w.mover(&hooks{}).Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	fresh := &router{}
	w.send(fresh, "after-flip", "visit")
	w.quiesce()
	w.send(fresh, "after-flip-in-flight", "visit")
	w.send(stale, "late", "visit")
}

// endedIn checks what must hold when a move was ended without one cell: the tenant is in the other one, under an epoch of
// its own, both counts are right, the lost cell has nothing, and each event that is left took effect once or not at all in
// what is left, as its outcome says.
func (w *world) endedIn(t *testing.T, home, lost string) {
	t.Helper()
	place := w.place()
	require.Equal(t, home, place.CellID)
	require.Empty(t, place.MovingTo)
	require.Equal(t, mapping.Active, place.State)
	_, err := w.mover(&hooks{}).Get(t.Context(), tenant)
	require.ErrorIs(t, err, move.ErrNoMove)
	states, err := w.placement().States(t.Context(), []string{home, lost})
	require.NoError(t, err)
	require.Equal(t, 1, states[home].Tenants)
	require.Zero(t, states[lost].Tenants)
	for epoch, owner := range w.owners {
		require.True(t, epoch != place.Epoch || owner == home)
	}
	for _, item := range w.db.Items(w.cells[home].ResultsTable) {
		require.Nil(t, item[ledger.AttrWaiting], "nothing waits: %v", item)
	}
	require.Empty(t, w.db.Items(w.cells[lost].DataTable))
	for _, item := range w.db.Items(w.cells[lost].ResultsTable) {
		if item[event.AttrKey].(*types.AttributeValueMemberS).Value == ledger.AppliedKey {
			continue
		}
		require.NotNil(t, item[ledger.AttrFencedTenant], "the lost cell has nothing but the fence: %v", item)
	}
}

// A move whose one side is lost in any phase can be ended without it, and what was accepted and is still anywhere is
// applied in the cell that is left, once.
func TestI6AMoveEndsWithoutACellThatIsLostInAnyPhase(t *testing.T) {
	phases := []move.Phase{move.Clone, move.Fence, move.Copy, move.Flip, move.Redirect, move.Verify, move.Forget, move.GiveBack}
	for _, l := range losses {
		for _, lost := range cellIDs {
			for _, backwards := range []bool{false, true} {
				for _, phase := range phases {
					if backwards && phase == move.GiveBack {
						continue
					}
					t.Run(fmt.Sprintf("%s of %s in %s, way back %t", l.name, lost, phase, backwards), func(t *testing.T) {
						w := newWorld(t)
						w.toPhase(t, phase, backwards)
						w.lose(l, lost)
						w.abandonKilledAnywhere(t, lost)
					})
				}
			}
		}
	}
}

// abandonKilledAnywhere ends the move without a cell. The mover dies at each of its calls in turn, a call further every time.
func (w *world) abandonKilledAnywhere(t *testing.T, lost string) {
	t.Helper()
	home := cellIDs[1-slices.Index(cellIDs, lost)]
	before, err := w.mover(&hooks{}).Get(t.Context(), tenant)
	require.NoError(t, err)
	a, err := w.mover(&hooks{}).Abandonable(t.Context(), tenant, lost)
	if errors.Is(err, move.ErrNotLost) {
		// Made again before the move had anything there: nothing was lost that the move cannot copy once more.
		_, err = w.mover(&hooks{}).Run(t.Context(), tenant, "")
		require.NoError(t, err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, home, a.Home)
	survived := map[string]bool{} // events of which there is a copy
	for id := range w.accepted {
		for _, c := range w.cells {
			if w.db.Item(c.DataTable, event.Key(tenant, id)) != nil {
				survived[id] = true
			}
		}
	}
	ended := false
	for at := 1; !ended; at++ {
		require.Less(t, at, 400)
		h := &hooks{}
		if at%2 == 0 {
			h.before = func() error { return diesAt(h, at) }
		} else {
			h.after = func() error { return diesAt(h, at) }
		}
		_, err := w.mover(h).Abandon(t.Context(), tenant, lost, "")
		if err != nil && !errors.Is(err, move.ErrNoMove) {
			require.ErrorIs(t, err, errDied)
		}
		ended = err == nil || errors.Is(err, move.ErrNoMove)
		w.quiesce()
	}
	w.quiesce()
	w.endedIn(t, home, lost)
	history, err := w.mover(&hooks{}).History(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, []any{lost, before.Phase, a.Losses}, []any{history[0].Abandoned, history[0].AbandonedIn, history[0].Losses})
	counts := w.counters(w.cells[home])
	for id := range survived {
		outcome := w.db.Item(w.cells[home].ResultsTable, event.Key(tenant, id))
		require.NotNil(t, outcome, "event %s has an outcome; it is %s", id, w.describe(id))
		if before.Phase == move.Forget && lost == before.To {
			continue // the cell that is left has forgotten a part
		}
		require.Equal(t, item.Text(string(ledger.Processed)), outcome[ledger.AttrStatus], "event %s: %s", id, w.describe(id))
		if counts[id] == "" {
			require.NotEmpty(t, a.Losses, "the effect of %s is lost, and named", id)
		}
	}
	w.send(&router{}, "afterwards", "visit")
	w.quiesce()
	require.Equal(t, "1", w.counters(w.cells[home])["afterwards"])
}

func diesAt(h *hooks, at int) error {
	if h.calls >= at {
		return errDied
	}
	return nil
}

// What the issue of an operator was: after the flip the new cell's results table is deleted. The old cell has all that it
// had, and gets what the new one accepted.
func TestI6NoEventIsLostWhereTheNewCellLosesItsLedgerAfterTheFlip(t *testing.T) {
	w := newWorld(t)
	stale := w.toPhase(t, move.Redirect, false)
	w.lose(losses[0], "beta")

	m := w.mover(&hooks{})
	_, err := m.Run(t.Context(), tenant, "")
	require.Error(t, err)
	var lack *move.LackError
	_, err = m.BackOut(t.Context(), tenant, "")
	require.ErrorAs(t, err, &lack, "the way back cannot work, and is refused before it is recorded")
	require.ErrorContains(t, err, "cell beta lacks the results table "+w.cells["beta"].ResultsTable)
	now, err := m.Get(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, move.Redirect, now.Phase)
	_, err = m.Abandonable(t.Context(), tenant, "alpha")
	require.ErrorIs(t, err, move.ErrNotLost)

	done, err := m.Abandon(t.Context(), tenant, "beta", move.Redirect)
	require.NoError(t, err)
	require.Equal(t, move.Abandon, done.Phase)
	_, err = w.tables().Write(t.Context(), "beta", event.Event{
		TenantID: tenant, ID: "late-to-beta", Type: "visit", Payload: []byte(`{"n":1}`), Epoch: 2, AcceptedAt: w.now.Truncate(time.Millisecond),
	})
	require.NoError(t, err, "a router that has not noticed writes to the lost cell's data table")
	w.accepted["late-to-beta"] = "visit"
	w.send(stale, "late-again", "visit")
	done, err = m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Equal(t, move.BackedOut, done.Phase)
	w.quiesce()
	w.endedIn(t, "alpha", "beta")
	counts := w.counters(w.cells["alpha"])
	for id := range w.accepted {
		require.Equal(t, "1", counts[id], "event %s: %s", id, w.describe(id))
	}
	require.Len(t, done.Losses, 1)
	require.Contains(t, done.Losses[0], "outcomes and business state that cell beta wrote since 2026-03-01T12:")
}

// A table that comes back, as from a backup, is all that the move needs.
func TestAMoveGoesOnWhenTheLostTableIsRestored(t *testing.T) {
	w := newWorld(t)
	w.toPhase(t, move.Redirect, false)
	table := w.cells["beta"].ResultsTable
	backup := w.db.Items(table)
	w.db.Drop(table)
	_, err := w.mover(&hooks{}).Run(t.Context(), tenant, "")
	require.Error(t, err)
	w.db.Make(table)
	_, err = w.mover(&hooks{}).Run(t.Context(), tenant, "")
	require.ErrorContains(t, err, "which was made again since", "an empty table is not the one that the move knows")
	for _, item := range backup {
		w.db.Put(table, item)
	}
	_, err = w.mover(&hooks{}).Run(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()
	w.settled()
}

// Everything but a ledger is made again by 'pulumi up', and the move goes on.
func TestOnlyALostLedgerIsAReasonToAbandonACell(t *testing.T) {
	for _, c := range []struct {
		lacks  string
		lose   func(w *world, c manifest.Cell)
		mended func(w *world, c manifest.Cell)
	}{
		{"the data table ", func(w *world, c manifest.Cell) { w.db.Drop(c.DataTable) }, func(w *world, c manifest.Cell) { w.db.Make(c.DataTable) }},
		{"the index " + event.TenantTimeIndex, func(w *world, c manifest.Cell) { w.db.DropIndex(c.DataTable, event.TenantTimeIndex) }, nil},
		{"the index " + ledger.TenantIndex, func(w *world, c manifest.Cell) { w.db.DropIndex(c.ResultsTable, ledger.TenantIndex) }, nil},
		{"the index " + ledger.WaitingIndex, func(w *world, c manifest.Cell) { w.db.DropIndex(c.ResultsTable, ledger.WaitingIndex) }, nil},
		{"the queue ", func(w *world, c manifest.Cell) { w.noQueue = c.QueueURL }, func(w *world, _ manifest.Cell) { w.noQueue = "" }},
	} {
		t.Run(c.lacks, func(t *testing.T) {
			w := newWorld(t)
			w.toPhase(t, move.Redirect, false)
			w.quiesce()
			beta := w.cells["beta"].Cell
			c.lose(w, beta)
			m := w.mover(&hooks{})
			lacks, err := m.Lacks(t.Context(), must(m.Get(t.Context(), tenant)), false)
			require.NoError(t, err)
			require.Len(t, lacks, 1)
			require.False(t, lacks[0].Ledger)
			require.Contains(t, lacks[0].String(), "cell beta lacks "+c.lacks)
			_, err = m.Abandon(t.Context(), tenant, "beta", "")
			require.ErrorIs(t, err, move.ErrNotLost)
			if w.noQueue == "" { // which the way back does not need
				_, err = m.BackOut(t.Context(), tenant, "")
				require.ErrorAs(t, err, new(*move.LackError))
			}
			if c.mended != nil {
				c.mended(w, beta)
				_, err = m.Run(t.Context(), tenant, "")
				require.NoError(t, err)
				require.Equal(t, "beta", w.place().CellID)
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
