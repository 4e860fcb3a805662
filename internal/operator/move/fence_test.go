package move_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
)

// raisedTo has a process die at the first call at which so many copies of a cell's fence have been raised to a floor.
func (w *world) raisedTo(h *hooks, cell string, floor int64, copies int) {
	h.before = func() error {
		raised := 0
		for _, c := range w.copies(w.cells[cell]) {
			if c.Floor >= floor {
				raised++
			}
		}
		if raised >= copies {
			return errDied
		}
		return nil
	}
}

// A letter may be redriven while the remover seals the cell, and be diverted by a copy that is raised already. It waits until the
// removal is called off, and keeps nobody from going on with it.
func TestRemover_GoesOnWhereOneDiedWhileItSealed(t *testing.T) {
	for _, callOff := range []bool{false, true} {
		w, _ := inUse(t)
		w.suspend()
		h := &hooks{everyCopy: true}
		first := w.remover(h)
		begun, err := first.Start(t.Context(), tenant)
		require.NoError(t, err)
		w.raisedTo(h, "beta", begun.Epoch, 60)
		_, err = first.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
		require.ErrorIs(t, err, errDied)

		beta := w.cells["beta"]
		letter := beta.dlq[0]
		beta.dlq, beta.queue = nil, append(beta.queue, letter)
		w.quiesce()
		require.Equal(t, ledger.Diverted, ledger.Peek(w.db.Item(beta.ResultsTable, tenant+"#poison")).Status, "its copy is raised")
		second := w.remover(&hooks{})
		if callOff {
			_, err = second.CallOff(t.Context(), tenant)
			require.NoError(t, err)
			_, err = w.placement().Resume(t.Context(), tenant)
			require.NoError(t, err)
			w.quiesce()
			w.settled()
			continue
		}
		_, err = second.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
		require.NoError(t, err)
		w.gone()
	}
}

// Between two copies, what a cell applies depends on the event. Whoever comes then brings the rest, or takes all of it back.
func TestI8AMoveWhoseFenceIsHalfRaisedGoesOnOrBack(t *testing.T) {
	for _, cell := range []string{"alpha", "beta"} {
		for _, back := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, back %t", cell, back), func(t *testing.T) {
				w := newWorld(t)
				fresh := &router{}
				for i := range 20 {
					w.send(fresh, fmt.Sprintf("before-%d", i), "visit")
				}
				h := &hooks{everyCopy: true}
				m := w.mover(h)
				begun, err := m.Start(t.Context(), tenant, "beta")
				require.NoError(t, err)
				w.raisedTo(h, cell, begun.Epoch, 32)
				_, err = m.Run(t.Context(), tenant, "")
				require.ErrorIs(t, err, errDied)
				for i := range 20 {
					w.send(fresh, fmt.Sprintf("while-%d", i), "visit")
				}
				w.quiesce()
				if applied := len(w.applied); cell == "alpha" {
					require.True(t, 0 < applied && applied < 40, "%d events were applied", applied)
				} else {
					require.Equal(t, 40, applied, "nobody waits for the new cell's fence")
				}
				for id := range w.accepted {
					w.readable(fresh, id)
				}
				if back {
					_, err = w.mover(&hooks{}).BackOut(t.Context(), tenant, "")
				} else {
					_, err = w.mover(&hooks{}).Run(t.Context(), tenant, "")
				}
				require.NoError(t, err)
				for i := range 400 { // of every copy some
					w.send(fresh, fmt.Sprintf("after-%d", i), "visit")
				}
				w.quiesce()
				w.settled()
			})
		}
	}
}

// A move that the version before has begun is carried on by this one, and so is a way back.
func TestI8AMoveOfTheVersionBeforeIsCarriedOnFromAnyPhase(t *testing.T) {
	phases := []move.Phase{move.Clone, move.Fence, move.Copy, move.Flip, move.Redirect, move.Verify, move.Forget, move.GiveBack}
	for _, backwards := range []bool{false, true} {
		for _, phase := range phases {
			if backwards && phase == move.GiveBack {
				continue
			}
			t.Run(fmt.Sprintf("%s, way back %t", phase, backwards), func(t *testing.T) {
				w := newWorld(t)
				stale := w.toPhase(t, phase, backwards)
				require.True(t, w.older())
				w.send(stale, "late", "visit")
				w.quiesce()
				_, err := w.mover(&hooks{}).Run(t.Context(), tenant, "")
				require.NoError(t, err)
				w.quiesce()
				w.settled()
			})
		}
	}
}

// What a fence of the version before says of a tenant that was removed is said by each copy of it, too, once the next tenant of the
// name has moved.
func TestI8AMoveKeepsWhatAFenceOfTheVersionBeforeSaysOfARemovedTenant(t *testing.T) {
	for _, id := range cellIDs {
		w, remover := removing(t)
		removed, err := remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
		require.NoError(t, err)
		w.nextLife()
		w.assign(id)
		require.True(t, w.older())
		m := w.mover(&hooks{})
		_, err = m.Start(t.Context(), tenant, cellIDs[1-slices.Index(cellIDs, id)])
		require.NoError(t, err)
		_, err = m.Run(t.Context(), tenant, "")
		require.NoError(t, err)
		for _, c := range w.cells {
			for n, copy := range w.copies(c) {
				require.Equal(t, removed.Epoch+1, copy.RemovedBelow, "copy %d in cell %s", n, c.ID)
			}
		}
	}
}

// A cell that the tenant was in before is fenced by its removal as its own is, also where the version before has written the fence.
func TestRemover_ConvertsTheFencesOfAllCells(t *testing.T) {
	w, _ := inUse(t)
	require.True(t, w.older())
	w.suspend()
	h := &hooks{everyCopy: true}
	remover := w.remover(h)
	_, err := remover.Start(t.Context(), tenant)
	require.NoError(t, err)
	h.after = func() error {
		for _, c := range w.cells {
			fence, there, err := ledger.ReadFence(t.Context(), w.db, c.ResultsTable, tenant)
			require.NoError(t, err)
			if there && fence.Copied != fence.Floor {
				for _, copy := range w.copies(c) {
					require.Equal(t, ledger.FenceCopy{Floor: 1}, copy, "no copy is written before the fence is converted")
				}
			}
		}
		return nil
	}
	_, err = remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
	require.NoError(t, err)
	w.gone()
}
