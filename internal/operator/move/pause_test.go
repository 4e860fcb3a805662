package move_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/move"
	"cellular/internal/testkit/dynamotest"
)

// phase is what the tenant's move is doing, or "".
func (w *world) phase() move.Phase {
	m, err := w.mover(&hooks{}).Get(context.Background(), tenant)
	if err != nil {
		return ""
	}
	return m.Phase
}

// upTo has a mover work until its move is in a phase, and die there.
func (w *world) upTo(t *testing.T, phase move.Phase) {
	t.Helper()
	h := &hooks{}
	m := w.mover(h)
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	h.before = func() error {
		if w.phase() == phase {
			return errDied
		}
		return nil
	}
	_, err = m.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, errDied)
}

// openItems are the items of the list that a clone has recorded.
func (w *world) openItems() (items []dynamotest.Item) {
	for _, stored := range w.db.Items(stack.MoveTable()) {
		if strings.HasPrefix(stringIn(stored[controltables.AttrTenantID]), "#open#") {
			items = append(items, stored)
		}
	}
	return items
}

func TestMover_MakesNoMoreCallsInThePauseOfATenantWithALongerHistory(t *testing.T) {
	pause := func(events int) (calls int) {
		w := newWorld(t)
		r := &router{}
		for i := range events {
			w.send(r, fmt.Sprintf("done-%d", i), "visit")
		}
		w.send(r, "poison", "poison")
		w.quiesce()
		w.pass(time.Hour)
		w.send(r, "new", "visit")
		h := &hooks{}
		m := w.mover(h)
		h.before = func() error {
			switch w.phase() {
			case move.Fence, move.Copy, move.Flip:
				calls++
			}
			return nil
		}
		w.toRedirect(t, m)
		require.Equal(t, 1, w.flips)
		_, err := m.Run(t.Context(), tenant, "")
		require.NoError(t, err)
		w.quiesce()
		w.settled()
		return calls
	}
	require.Equal(t, pause(3), pause(150))
}

// What clone relied on may be lost before the flip: with the new cell's results table, which is restored from a time before, or
// where a cellctl of the version before has carried the move on, which drops what it does not know.
func TestI8WhatTheCloneLeftIsNotReliedOnWhereItIsLost(t *testing.T) {
	restored := func(w *world) {
		beta := w.cells["beta"]
		for _, stored := range w.db.Items(beta.ResultsTable) {
			if key := stringIn(stored[event.AttrKey]); !ledger.Reserved(key) || !ledger.IsState(key) || strings.HasPrefix(key, "#clone#") {
				w.db.Delete(beta.ResultsTable, key)
			}
		}
	}
	unlisted := func(w *world) {
		for _, stored := range w.openItems() {
			delete(stored, "keys")
			w.db.Put(stack.MoveTable(), stored)
		}
	}
	older := func(w *world) {
		for _, stored := range w.db.Items(stack.MoveTable()) {
			delete(stored, "copy_since")
			delete(stored, "open_keys")
			w.db.Put(stack.MoveTable(), stored)
		}
	}
	for name, lose := range map[string]func(*world){"results table": restored, "list": unlisted, "record": older, "nothing": func(*world) {}} {
		for _, phase := range []move.Phase{move.Fence, move.Copy, move.Flip} {
			if name != "results table" && phase == move.Flip {
				continue // nothing relies on it any more
			}
			t.Run(fmt.Sprintf("%s in %s", name, phase), func(t *testing.T) {
				w := newWorld(t)
				r := &router{}
				for i := range 5 {
					w.send(r, fmt.Sprintf("done-%d", i), "visit")
				}
				w.quiesce()
				w.send(r, "open", "visit")
				w.pass(time.Hour)
				w.upTo(t, move.Fence)
				require.Len(t, w.openItems(), 1)
				w.quiesce() // what was open at the clone is applied
				if phase != move.Fence {
					h := &hooks{}
					h.before = func() error {
						if w.phase() == phase {
							return errDied
						}
						return nil
					}
					_, err := w.mover(h).Run(t.Context(), tenant, "")
					require.ErrorIs(t, err, errDied)
				}
				lose(w)
				_, err := w.mover(&hooks{}).Run(t.Context(), tenant, "")
				require.NoError(t, err)
				require.Equal(t, 1, w.flips)
				w.quiesce()
				w.settled()
				require.Empty(t, w.openItems())
				require.Nil(t, w.db.Item(w.cells["beta"].ResultsTable, "#clone#"+tenant))
			})
		}
	}
}

// A router has accepted an event, and its write takes so long that the clone does not see it.
func TestI8AnEventThatLandsAfterTheCloneIsKnownAtTheFlip(t *testing.T) {
	w := newWorld(t)
	slow := &router{}
	w.begin(slow, "late", "visit")
	w.pass(15 * time.Second)
	w.upTo(t, move.Fence)
	w.land(slow)
	w.quiesce()
	require.Equal(t, 1, w.applied["late"])
	_, err := w.mover(&hooks{}).Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Equal(t, 1, w.flips)
	w.settled()
}

// A clone that takes long looks once more at what came meanwhile, so that the tenant does not wait for that, and at what was open.
func TestMover_ClonesOnceMoreWhatCameDuringALongClone(t *testing.T) {
	w := newWorld(t)
	r := &router{}
	for i := range 30 {
		w.send(r, fmt.Sprintf("done-%d", i), "visit")
	}
	w.quiesce()
	w.send(r, "open", "visit")
	alpha := w.cells["alpha"]
	open := alpha.stream
	alpha.stream = nil
	w.pass(time.Hour)
	var began time.Time
	w.callTakes = 5 * time.Second
	h := &hooks{}
	m := w.mover(h)
	_, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	sent := 0
	h.before = func() error {
		if phase := w.phase(); phase == move.Clone && sent < 20 {
			if sent == 0 {
				began = w.now
			}
			w.send(r, fmt.Sprintf("new-%d", sent), "visit")
			w.quiesce()
			sent++
		} else if phase == move.Fence {
			return errDied
		}
		return nil
	}
	_, err = m.Run(t.Context(), tenant, "")
	require.ErrorIs(t, err, errDied)
	require.Equal(t, 20, sent)
	require.Len(t, w.db.Items(w.cells["beta"].DataTable), 50, "cloned before the fence")
	recorded, err := w.mover(&hooks{}).Get(t.Context(), tenant)
	require.NoError(t, err)
	require.True(t, recorded.CopySince.After(began.Add(time.Minute)), "the last look began when the first one, of 20 calls and more, had ended")
	w.callTakes = 0
	alpha.stream = open
	w.quiesce()
	_, err = w.mover(&hooks{}).Run(t.Context(), tenant, "")
	require.NoError(t, err)
	w.settled()
}

func TestMover_RecordsMoreOpenEventsThanOneItemHolds(t *testing.T) {
	w := newWorld(t)
	w.db.PageItems = 0
	alpha := w.cells["alpha"]
	const events = 1200
	for i := range events {
		e := event.Event{
			TenantID: tenant, ID: fmt.Sprintf("e-%d", i), Type: "poison", Payload: []byte(`{"n":1}`), Epoch: 1, AcceptedAt: w.now.Add(-time.Hour),
		}
		w.db.Put(alpha.DataTable, e.Item())
		w.db.Put(alpha.ResultsTable, ledger.Of(e, ledger.Failed, w.now, 24*time.Hour).Item())
	}
	alpha.stream = nil
	w.upTo(t, move.Fence)
	require.Len(t, w.openItems(), 2)
	m := w.mover(&hooks{})
	_, err := m.Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	require.Len(t, w.db.Items(w.cells["beta"].ResultsTable), events+ledger.FenceCopies+2, "all outcomes, the fence with its copies, and the note")
	_, err = m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Empty(t, w.openItems())
}

// A backup that was taken while the mover raised the copies may have the fence, which came after them, and not all copies.
func TestI8CopiesThatARestoreHasLoweredAreRaised(t *testing.T) {
	for _, phase := range []move.Phase{move.Copy, move.Redirect, move.Verify} {
		w := newWorld(t)
		w.send(&router{}, "e-1", "visit")
		w.quiesce()
		w.upTo(t, phase)
		for _, c := range w.cells {
			w.db.Delete(c.ResultsTable, ledger.FenceCopyKey(tenant, "e-1"))
		}
		h := &hooks{}
		h.before = func() error {
			if now := w.phase(); now != phase && now != "" {
				return errDied
			}
			return nil
		}
		_, err := w.mover(h).Run(t.Context(), tenant, "")
		require.ErrorIs(t, err, errDied)
		for id, c := range w.cells {
			for _, copy := range w.copies(c) {
				require.EqualValues(t, 2, copy.Floor, "cell %s, phase %s", id, phase)
			}
		}
	}
}

// An outcome may have outlived its event: nothing else says that the event was applied.
func TestI8AnOutcomeWithoutItsEventIsKnownAtTheFlip(t *testing.T) {
	w := newWorld(t)
	w.send(&router{}, "e-1", "visit")
	w.send(&router{}, "e-2", "visit")
	w.quiesce()
	w.db.Delete(w.cells["alpha"].DataTable, event.Key(tenant, "e-1"))
	w.pass(time.Hour)
	m := w.mover(&hooks{})
	w.toRedirect(t, m)
	require.Equal(t, 1, w.flips)
	_, err := m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Equal(t, ledger.Processed, w.statusOf("e-2"))
	require.NotNil(t, w.db.Item(w.cells["beta"].ResultsTable, event.Key(tenant, "e-1")))
}
