package move_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// toRedirect begins a move of the tenant to beta and carries it beyond its flip.
func (w *world) toRedirect(t *testing.T, m *move.Mover) {
	t.Helper()
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	_, err = m.Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
}

// The payload of the one event is {"n":1}.
func TestI6AnIdThatBothCellsGaveToDifferentEventsCostsNeither(t *testing.T) {
	for _, payload := range []string{`{"n":2}`, `{"n":1.0}`, `{"n":2,"n":1}`} {
		t.Run(payload, func(t *testing.T) {
			w := newWorld(t)
			fresh, stale := &router{}, &router{}
			w.refresh(stale)
			m := w.mover(&hooks{})
			w.toRedirect(t, m)
			w.refresh(fresh)
			w.send(stale, "twin", "visit")
			other := event.Event{
				TenantID: tenant, ID: "twin", Type: "visit", Payload: json.RawMessage(payload), Epoch: 2, AcceptedAt: w.now.Truncate(time.Millisecond),
			}
			_, err := w.tables().Write(t.Context(), "beta", other)
			require.NoError(t, err)
			w.quiesce()

			done, err := m.Run(t.Context(), tenant, "")
			require.NoError(t, err)
			require.Equal(t, 1, done.Counts.Conflicts)
			require.Equal(t, "1", w.counters(w.cells["beta"])["twin"], "the one that the tenant's cell has is applied")
			alpha := w.cells["alpha"]
			require.Len(t, alpha.dlq, 1, "the other is where an operator looks")
			kept, err := event.DecodeMessage([]byte(alpha.dlq[0].body))
			require.NoError(t, err)
			require.JSONEq(t, `{"n":1}`, string(kept.Payload))
			outcome := w.db.Item(alpha.ResultsTable, event.Key(tenant, "twin"))
			require.Equal(t, item.Text("failed"), outcome[ledger.AttrStatus])
			require.Equal(t, item.Text("conflict"), outcome[ledger.AttrReason])
			require.NotNil(t, w.db.Item(alpha.DataTable, event.Key(tenant, "twin")), "it is not forgotten")
		})
	}
}

// Without its outcome nobody can tell whether an old event was applied. Sending it again could apply it twice.
func TestI6AnEventWhoseOutcomeHasExpiredIsCopiedAndNotSentAgain(t *testing.T) {
	w := newWorld(t)
	r := &router{}
	w.send(r, "ancient", "visit")
	w.quiesce()
	w.db.Delete(w.cells["alpha"].ResultsTable, event.Key(tenant, "ancient"))
	w.pass(91 * 24 * time.Hour)
	m := w.mover(&hooks{})
	w.toRedirect(t, m)
	done, err := m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()
	require.Equal(t, 1, done.Counts.Expired)
	require.Zero(t, done.Counts.Sent)
	require.NotNil(t, w.db.Item(w.cells["beta"].DataTable, event.Key(tenant, "ancient")))
	require.Equal(t, "1", w.counters(w.cells["beta"])["ancient"])
	require.Empty(t, w.db.Items(w.cells["alpha"].DataTable))
}

func TestAnItemThatIsNoEventStaysBehind(t *testing.T) {
	w := newWorld(t)
	w.send(&router{}, "e-1", "visit")
	w.quiesce()
	w.db.Put(w.cells["alpha"].DataTable, dynamotest.Item{
		event.AttrKey: item.Text(event.Key(tenant, "odd")), event.AttrTenantID: item.Text(tenant), event.AttrAcceptedAt: item.Text(event.FormatTime(w.now)),
	})
	m := w.mover(&hooks{})
	w.toRedirect(t, m)
	done, err := m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Equal(t, 1, done.Counts.Unreadable)
	require.Len(t, w.db.Items(w.cells["alpha"].DataTable), 1)
	require.Len(t, w.db.Items(w.cells["beta"].DataTable), 1)
}

// The indexes show nothing of what is written during the whole move, until its end is near.
func TestI6IndexesThatLagLoseNothing(t *testing.T) {
	w := newWorld(t)
	r, stale := &router{}, &router{}
	for i := range 5 {
		w.send(r, fmt.Sprintf("e-%d", i), "visit")
	}
	w.quiesce()
	w.refresh(stale)
	m := w.mover(&hooks{})
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	w.db.LagIndexes(true)
	w.send(r, "unseen", "visit")
	_, err = m.Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	require.Nil(t, w.db.Item(w.cells["beta"].DataTable, event.Key(tenant, "unseen")), "the index has not shown it")
	w.send(stale, "late", "visit")
	w.quiesce()
	_, err = m.Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	w.db.LagIndexes(false)
	_, err = m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()
	w.settled()
}

// What the index shows of the business logic's state only after the flip is in the old cell alone, and the new one has worked
// on without it. No copy can mend that.
func TestMover_ForgetsNothingWhereStateShowsAfterTheFlip(t *testing.T) {
	w := newWorld(t)
	m := w.mover(&hooks{})
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	_, err = m.Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	alpha := w.cells["alpha"].ResultsTable
	w.db.Put(alpha, dynamotest.Item{event.AttrKey: item.Text("#late#" + tenant), event.AttrTenantID: item.Text(tenant), "n": item.Text("1")})
	_, err = m.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrStuck)
	require.ErrorContains(t, err, "the business logic's items in the old cell are not those that were copied (1 of them, 0 were copied); back the move out")
	require.NotNil(t, w.db.Item(alpha, "#late#"+tenant))
	require.Equal(t, "beta", w.place().CellID)
}

// Neither the flip nor the way back guesses what the edit was for. With the mapping as it was, both are open again.
func TestMover_StopsWhereTheMappingWasEditedByHand(t *testing.T) {
	w := newWorld(t)
	w.send(&router{}, "e-1", "visit")
	m := w.mover(&hooks{})
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	place := w.place()
	edited := place
	edited.MovingTo = "gamma"
	w.db.Put(stack.MappingTable(), edited.Item())
	_, err = m.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrStuck)
	_, err = m.BackOut(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrStuck)
	require.Equal(t, edited.Item(), w.db.Item(stack.MappingTable(), tenant))

	w.db.Put(stack.MappingTable(), place.Item())
	_, err = m.BackOut(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()
	w.settled()
}

func TestASuspendedTenantStaysSuspended(t *testing.T) {
	w := newWorld(t)
	w.send(&router{}, "e-1", "visit")
	_, err := w.placement().Suspend(t.Context(), tenant)
	require.NoError(t, err)
	m := w.mover(&hooks{})
	w.toRedirect(t, m)
	_, err = m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Equal(t, mapping.Suspended, w.place().State)
	require.Equal(t, "beta", w.place().CellID)
}

func TestWhatCannotBeginLeavesNothingBehind(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*world)
		tenant  string
		to      string
		want    error
	}{
		"unknown tenant": {func(*world) {}, "nobody", "beta", mapping.ErrUnknownTenant},
		"same cell":      {func(*world) {}, tenant, "alpha", move.ErrSameCell},
		"probe":          {func(*world) {}, mapping.ProbeTenant("alpha"), "beta", move.ErrProbe},
		"draining": {func(w *world) {
			_, err := w.placement().SetStatus(t.Context(), "beta", placement.Draining)
			require.NoError(t, err)
		}, tenant, "beta", move.ErrNoPlace},
		"retired": {func(w *world) {
			for _, status := range []placement.Status{placement.Draining, placement.Retired} {
				_, err := w.placement().SetStatus(t.Context(), "beta", status)
				require.NoError(t, err)
			}
		}, tenant, "beta", move.ErrNoPlace},
		"full": {func(w *world) {
			cell := w.cells["beta"].Cell
			for i := range cell.MaxTenants {
				_, err := w.placement().Assign(t.Context(), []manifest.Cell{cell}, placement.Request{TenantID: fmt.Sprintf("t-%d", i), CellID: "beta"})
				require.NoError(t, err)
			}
		}, tenant, "beta", move.ErrNoPlace},
		"moving": {func(w *world) {
			_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "beta")
			require.NoError(t, err)
		}, tenant, "beta", move.ErrMoving},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.prepare(w)
			before := map[string][]dynamotest.Item{}
			for _, table := range []string{stack.MappingTable(), stack.CellTable(), stack.MoveTable()} {
				before[table] = w.db.Items(table)
			}
			_, err := w.mover(&hooks{}).Start(t.Context(), c.tenant, c.to)
			require.ErrorIs(t, err, c.want)
			for table, items := range before {
				require.Equal(t, items, w.db.Items(table), table)
			}
		})
	}
}

func TestAMoveThatIsWorkedOnIsLeftAloneUntilItsMoverIsDead(t *testing.T) {
	w := newWorld(t)
	h := &hooks{}
	first := w.mover(h)
	_, err := first.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	h.before = func() error {
		held, err := w.mover(&hooks{}).Get(t.Context(), tenant)
		if err == nil && held.Holder != "" {
			return errDied
		}
		return err
	}
	_, err = first.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, errDied)

	second := w.mover(&hooks{})
	second.Holder, second.Gone = "another", func(string) bool { return false }
	_, err = second.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrHeld)
	require.ErrorContains(t, err, "mover, 0s ago")
	w.pass(time.Minute)
	_, err = second.Run(t.Context(), tenant, "")
	require.NoError(t, err)
}

func TestBackingOutHasItsTime(t *testing.T) {
	w := newWorld(t)
	m := w.mover(&hooks{})
	_, err := m.BackOut(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrNoMove)

	w.toRedirect(t, m)
	h := &hooks{}
	h.before = func() error {
		moving, err := m.Get(t.Context(), tenant)
		if err == nil && moving.Phase == move.Forget {
			return errDied
		}
		return nil
	}
	_, err = w.mover(h).Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, errDied)
	_, err = m.BackOut(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrTooLate)

	_, err = m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	_, err = m.Start(t.Context(), tenant, "alpha")
	require.NoError(t, err)
	_, err = m.Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	_, err = m.BackOut(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	_, err = m.BackOut(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrBackingOut)
	done, err := m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.True(t, done.BackingOut)
	require.Equal(t, "beta", w.place().CellID)

	history, err := m.History(t.Context(), tenant)
	require.NoError(t, err)
	require.Len(t, history, 3)
	require.Equal(t, []move.Phase{move.Done, move.Reversed, move.Done}, []move.Phase{history[0].Phase, history[1].Phase, history[2].Phase})
	open, err := m.Open(t.Context())
	require.NoError(t, err)
	require.Empty(t, open)
}

func TestTheComparisonIsOfContent(t *testing.T) {
	w := newWorld(t)
	r := &router{}
	for i := range 4 {
		w.send(r, fmt.Sprintf("e-%d", i), "visit")
	}
	w.quiesce()
	h := &hooks{}
	spoiled := false
	h.before = func() error {
		moving, err := w.mover(&hooks{}).Get(t.Context(), tenant)
		if err == nil && moving.Phase == move.Copy && !spoiled {
			// Somebody has written into the new cell, and the copy finds the key taken.
			spoiled = true
			stored := w.db.Item(w.cells["alpha"].ResultsTable, event.Key(tenant, "e-1"))
			stored[ledger.AttrResult] = item.Text(`"another"`)
			w.db.Put(w.cells["beta"].ResultsTable, stored)
		}
		return nil
	}
	m := w.mover(h)
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	_, err = m.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, move.ErrStuck)
	require.ErrorContains(t, err, "differ in the tenant's outcomes")
	require.Equal(t, "alpha", w.place().CellID)
	_, err = m.BackOut(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Equal(t, "alpha", w.place().CellID)
	w.quiesce()
	w.settled()
}

func TestWhatTheBusinessLogicHasDeletedDoesNotComeBack(t *testing.T) {
	w := newWorld(t)
	w.send(&router{}, "e-1", "visit")
	w.quiesce()
	note := dynamotest.Item{event.AttrKey: item.Text("#note#" + tenant), event.AttrTenantID: item.Text(tenant)}
	w.db.Put(w.cells["alpha"].ResultsTable, note)
	m := w.mover(&hooks{})
	w.toRedirect(t, m)
	require.Equal(t, note, w.db.Item(w.cells["beta"].ResultsTable, "#note#"+tenant))
	w.db.Delete(w.cells["beta"].ResultsTable, "#note#"+tenant)
	_, err := m.BackOut(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Nil(t, w.db.Item(w.cells["alpha"].ResultsTable, "#note#"+tenant))
	w.settled()
}

func TestATenantThatIsBeingRemovedDoesNotMove(t *testing.T) {
	w := newWorld(t)
	place := w.place()
	place.State, place.Removing = mapping.Suspended, 2
	w.db.Put(stack.MappingTable(), place.Item())
	_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "beta")
	require.ErrorIs(t, err, move.ErrRemoving)
	require.Equal(t, place, w.place())
}

// An event that is sent again may reach both cells: the new one then has it, and nothing is copied.
func TestMover_CountsAsCopiedWhatItCopied(t *testing.T) {
	w := newWorld(t)
	stale := &router{}
	w.send(stale, "old", "visit")
	w.quiesce()
	mover := w.mover(&hooks{})
	_, err := mover.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	_, err = mover.Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	w.send(stale, "twice", "visit")
	w.send(&router{}, "twice", "visit")
	w.send(stale, "once", "visit")
	done, err := mover.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Equal(t, 2, done.Counts.Events, "old and once")
	require.Equal(t, 3, done.Counts.SameEvents.Items)
	clones := 0
	for _, item := range w.db.Items(w.cells["beta"].DataTable) {
		if item[event.AttrClonedFrom] != nil {
			clones++
		}
	}
	require.Equal(t, done.Counts.Events, clones)
	w.quiesce()
	w.settled()
}
