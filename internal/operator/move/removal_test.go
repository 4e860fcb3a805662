package move_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/residence"
	"cellular/internal/testkit/dynamotest"
)

// inUse returns a world whose tenant has moved once, and has events of every kind: applied, given up on, and in a letter.
func inUse(t T) (w *world, fresh *router) {
	w = newWorld(t)
	fresh = &router{}
	w.send(fresh, "old", "visit")
	w.quiesce()
	mover := w.mover(&hooks{})
	_, err := mover.Start(context.Background(), tenant, "beta")
	require.NoError(t, err)
	_, err = mover.Run(context.Background(), tenant, "")
	require.NoError(t, err)
	w.refresh(fresh)
	for i := range 7 {
		w.send(fresh, fmt.Sprintf("done-%d", i), "visit")
	}
	w.send(fresh, "poison", "poison")
	w.quiesce()
	return w, fresh
}

// removing returns a world like inUse's, whose tenant's removal has begun, and a remover for it.
func removing(t T) (*world, *removal.Remover) {
	w, _ := inUse(t)
	w.suspend()
	remover := w.remover(&hooks{})
	_, err := remover.Start(context.Background(), tenant)
	require.NoError(t, err)
	return w, remover
}

func TestRemover_LeavesNothingOfTheTenantToTheNextOneOfItsName(t *testing.T) {
	w, _ := inUse(t)
	late := w.cells["beta"].dlq[0] // somebody redrives it by hand, later
	w.suspend()
	remover := w.remover(&hooks{})
	started, err := remover.Start(t.Context(), tenant)
	require.NoError(t, err)
	done, err := remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
	require.NoError(t, err)
	require.Equal(t, removal.Done, done.Phase)
	require.Equal(t, removal.CellCounts{Events: 9, Outcomes: 9, State: 1, Letters: map[string]int{"consumer": 1}}, done.Counts["beta"])
	w.gone()
	w.nextLife()

	for _, c := range w.cells {
		fence, there, err := ledger.ReadFence(t.Context(), w.db, c.ResultsTable, tenant)
		require.NoError(t, err)
		require.True(t, there, "the tenant was in cell %s once", c.ID)
		require.Equal(t, started.Epoch+1, fence.Floor)
		require.Equal(t, started.Epoch+1, fence.RemovedBelow)
	}
	known, err := residence.Get(t.Context(), w.db, stack.MoveTable(), tenant)
	require.NoError(t, err)
	require.Equal(t, started.Epoch, known.RemovedEpoch, "the tombstone")

	w.assign("beta")
	require.Greater(t, w.place().Epoch, started.Epoch)
	// The next tenant uses the very ids of the first one, with other content.
	fresh := &router{}
	w.send(fresh, "poison", "visit")
	w.send(fresh, "done-1", "poison")
	record, err := w.tables().Read(t.Context(), "beta", tenant, "done-2")
	require.NoError(t, err)
	require.Empty(t, record.Status, "what the first tenant did is unknown")
	w.cells["beta"].queue = append(w.cells["beta"].queue, late, late)
	w.cells["alpha"].queue = append(w.cells["alpha"].queue, late)
	w.quiesce()
	require.Equal(t, map[string]int{"poison": 1}, w.applied)
	require.Equal(t, ledger.Processed, w.statusOf("poison"))
	require.Equal(t, ledger.Failed, w.statusOf("done-1"))
	require.Len(t, w.cells["beta"].dlq, 1, "the next tenant's own letter")
	w.settled()
}

// A removal is killed at each of its calls in turn, before the call takes effect and after it, with its answer lost. Then
// another remover carries it on, or calls it off.
func TestRemover_MayDieAtAnyCall(t *testing.T) {
	for _, ending := range []string{"carried on", "called off"} {
		for _, copied := range []bool{false, true} {
			for _, answered := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, copied %t, answer lost %t", ending, copied, answered), func(t *testing.T) {
					calls := atCalls(t, func(at int) bool { return removerDiesAt(t, at, copied, answered, ending == "called off") })
					require.GreaterOrEqual(t, calls, 35, "the removal made so few calls that the test cannot be right")
				})
			}
		}
	}
}

// removerDiesAt kills the remover at its nth call, and reports whether it came to that.
func removerDiesAt(t *testing.T, at int, copied, answered, callOff bool) bool {
	t.Helper()
	w, _ := inUse(t)
	redriven := w.cells["beta"].dlq[0]
	w.suspend()
	accepted := len(w.accepted)
	var files copies
	fate := removal.Fate{GiveUp: true}
	if copied {
		fate = w.fate(&files)
	}
	h, dead := dying(at, answered)
	run := func(m *removal.Remover) error {
		_, err := m.Get(context.Background(), tenant)
		if _, there := w.placed(); errors.Is(err, removal.ErrNone) && there {
			_, err = m.Start(context.Background(), tenant)
		}
		if err == nil {
			_, err = m.Run(context.Background(), tenant, fate)
		}
		return err
	}
	err := run(w.remover(h))
	require.Equal(t, *dead, err != nil, "%v", err)
	if *dead {
		require.ErrorIs(t, err, errDied)
		// An event that was given up on is tried again, whatever has become of its tenant.
		w.cells["beta"].queue = append(w.cells["beta"].queue, redriven)
		w.quiesce()
		second := w.remover(&hooks{})
		if callOff {
			_, err = second.CallOff(t.Context(), tenant)
			switch {
			case err == nil:
				place := w.place()
				require.Equal(t, mapping.Suspended, place.State)
				require.Zero(t, place.Removing)
				_, err := w.placement().Resume(t.Context(), tenant)
				require.NoError(t, err)
				w.send(&router{}, "after", "visit")
				w.quiesce()
				w.settled()
				require.Equal(t, ledger.Failed, w.statusOf("poison"))
				require.Len(t, w.accepted, accepted+1)
				return true
			case errors.Is(err, removal.ErrNone): // it had not begun, or had ended
			default:
				require.ErrorIs(t, err, removal.ErrTooLate, "died at call %d", at)
			}
		}
		if err := run(second); !errors.Is(err, removal.ErrNone) { // it had ended
			require.NoError(t, err, "died at call %d", at)
		}
	}
	w.gone()
	if copied {
		for id := range w.accepted {
			require.True(t, files.events()[id], "event %s is in no copy, died at call %d", id, at)
		}
	}
	w.nextLife()
	w.assign("beta")
	w.send(&router{}, "poison", "visit")
	w.cells["beta"].queue = append(w.cells["beta"].queue, redriven)
	w.quiesce()
	w.settled()
	return *dead
}

// dying are hooks under which a process dies at its nth call, or right behind it. dead reports whether it has.
func dying(at int, answered bool) (h *hooks, dead *bool) {
	h, dead = &hooks{}, new(bool)
	die := func() error {
		if *dead || h.calls == at {
			*dead = true
			return errDied
		}
		return nil
	}
	if !answered {
		h.before = die
		return h, dead
	}
	h.after = die
	h.before = func() error {
		if *dead {
			return errDied
		}
		return nil
	}
	return h, dead
}

// The race that lost accepted events: the tenant is resumed, and sends, while its items vanish.
func TestRemover_LosesNothingOfATenantThatIsResumedMeanwhile(t *testing.T) {
	atCalls(t, func(at int) bool {
		w, fresh := inUse(t)
		w.suspend()
		resumed := false
		h := &hooks{}
		h.before = func() error {
			if h.calls == at {
				if _, err := w.placement().Resume(context.Background(), tenant); err == nil {
					resumed = true
					w.refresh(fresh)
				} else {
					require.True(w, errors.Is(err, placement.ErrRefused) || errors.Is(err, mapping.ErrUnknownTenant), "%v", err)
				}
			}
			if resumed {
				w.send(fresh, fmt.Sprintf("new-%d", h.calls), "visit")
			}
			return nil
		}
		remover := w.remover(h)
		_, err := remover.Start(t.Context(), tenant)
		if err == nil {
			_, err = remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
		}
		if resumed {
			require.Error(t, err, "resumed at call %d", at)
			w.quiesce()
			w.settled()
			return true
		}
		require.NoError(t, err)
		w.gone()
		return h.calls >= at
	})
}

func TestRemover_RefusesUntilTheTenantIsAtRest(t *testing.T) {
	w := newWorld(t)
	remover := w.remover(&hooks{})
	start := func() error { _, err := remover.Start(t.Context(), tenant); return err }
	require.ErrorIs(t, start(), removal.ErrNotSuspended)
	_, err := w.placement().Suspend(t.Context(), tenant)
	require.NoError(t, err)
	require.ErrorIs(t, start(), removal.ErrTooSoon)
	w.pass(quarantine - time.Second)
	require.ErrorIs(t, start(), removal.ErrTooSoon)

	w.pass(time.Second)
	_, err = w.mover(&hooks{}).Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	require.ErrorIs(t, start(), removal.ErrMoving)
	_, err = w.mover(&hooks{}).BackOut(t.Context(), tenant, "")
	require.NoError(t, err)
	w.pass(quarantine)
	require.NoError(t, start())
	require.ErrorIs(t, start(), removal.ErrUnderWay)
	_, err = w.mover(&hooks{}).Start(t.Context(), tenant, "beta")
	require.ErrorIs(t, err, move.ErrRemoving)
}

// Resumed and suspended again, the tenant may have been active a moment ago.
func TestRemover_CountsTheRestFromTheLastSuspension(t *testing.T) {
	for at := 1; ; at++ {
		w := newWorld(t)
		w.suspend()
		h := &hooks{}
		between := false
		h.before = func() error {
			if h.calls != at {
				return nil
			}
			_, err := w.placement().Resume(context.Background(), tenant)
			require.NoError(w, err)
			w.now = w.now.Add(time.Second)
			_, err = w.placement().Suspend(context.Background(), tenant)
			require.NoError(w, err)
			between = true
			return nil
		}
		_, err := w.remover(h).Start(t.Context(), tenant)
		if !between {
			require.NoError(t, err)
			return
		}
		require.ErrorIs(t, err, removal.ErrTooSoon, "at call %d", at)
	}
}

func TestRemover_RefusesWhileAnEventIsUnsettled(t *testing.T) {
	w := newWorld(t)
	w.send(&router{}, "waits", "visit")
	w.suspend()
	remover := w.remover(&hooks{})
	_, err := remover.Start(t.Context(), tenant)
	require.NoError(t, err)
	_, err = remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
	require.ErrorIs(t, err, removal.ErrUnsettled)
	w.quiesce() // the cell goes on applying what it has accepted
	require.Equal(t, 1, w.applied["waits"])
	_, err = remover.Run(t.Context(), tenant, removal.Fate{})
	require.NoError(t, err, "that it is given up is recorded")
	w.gone()
}

func TestRemover_DeletesNothingThatIsNotInTheCopy(t *testing.T) {
	w, remover := removing(t)
	_, err := remover.Run(t.Context(), tenant, removal.Fate{})
	require.ErrorIs(t, err, removal.ErrHolds)
	items := len(w.db.Items(w.cells["beta"].DataTable))

	var files copies
	fate := w.fate(&files)
	write := fate.Copy
	late := event.Event{TenantID: tenant, ID: "late", Type: "visit", Payload: []byte("1"), Epoch: 1, AcceptedAt: w.now}
	put := func() { w.db.Put(w.cells["beta"].DataTable, late.Item()) }
	fate.Copy = func(ctx context.Context, cells []manifest.Cell) (removal.Copy, error) {
		written, err := write(ctx, cells)
		put()
		return written, err
	}
	_, err = remover.Run(t.Context(), tenant, fate)
	require.ErrorIs(t, err, removal.ErrNotCopied)
	require.Len(t, w.db.Items(w.cells["beta"].DataTable), items+1)

	put = func() {}
	_, err = remover.Run(t.Context(), tenant, fate)
	require.NoError(t, err)
	w.gone()
	require.True(t, files.events()["late"])
}

func TestRemover_StopsWhereTheMappingIsNoLongerMarked(t *testing.T) {
	for name, edit := range map[string]func(dynamotest.Item){
		"active": func(place dynamotest.Item) { place[mapping.AttrState] = item.Text("active") }, // a cellctl of the version before knows no mark
		"moving": func(place dynamotest.Item) { place[mapping.AttrMovingTo] = item.Text("alpha") },
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := inUse(t)
			w.suspend()
			h := &hooks{}
			remover := w.remover(h)
			_, err := remover.Start(t.Context(), tenant)
			require.NoError(t, err)
			deletions := false
			h.before = func() error {
				current, err := w.remover(&hooks{}).Get(context.Background(), tenant)
				if err == nil && current.Phase == removal.Delete && !deletions {
					deletions = true
					place := w.db.Item(stack.MappingTable(), tenant)
					edit(place)
					w.db.Put(stack.MappingTable(), place)
				}
				return nil
			}
			_, err = remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
			require.True(t, deletions)
			require.ErrorIs(t, err, removal.ErrStuck)
			require.Len(t, w.db.Items(w.cells["beta"].DataTable), 9, "nothing was deleted")
		})
	}
}

// A cellctl of a version without marks changes the state and the time of the last change, and looks at nothing else.
func (w *world) setStateUnmarked(state mapping.State) {
	w.now = w.now.Add(time.Second)
	place := w.place()
	place.State, place.UpdatedAt = state, w.now
	w.db.Put(stack.MappingTable(), place.Item())
}

// What was accepted while the tenant was active is neither applied nor given up on: it must not be deleted, and calling the
// removal off has it applied.
func TestRemover_StopsWhereTheTenantWasResumedAndSuspendedAgain(t *testing.T) {
	for _, end := range []mapping.State{mapping.Suspended, mapping.Active} {
		w, remover := removing(t)
		_, err := remover.Run(t.Context(), tenant, removal.Fate{})
		require.ErrorIs(t, err, removal.ErrHolds)
		w.setStateUnmarked(mapping.Active)
		w.send(&router{}, "meanwhile", "visit")
		require.Contains(t, w.accepted, "meanwhile")
		w.quiesce()
		require.NotContains(t, w.applied, "meanwhile")
		w.setStateUnmarked(end)

		_, err = remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
		require.ErrorIs(t, err, removal.ErrStuck)
		_, err = remover.CallOff(t.Context(), tenant)
		require.NoError(t, err)
		require.Equal(t, end, w.place().State)
		_, err = w.placement().Resume(t.Context(), tenant)
		require.NoError(t, err)
		w.look()
		w.quiesce()
		w.settled()
		require.Equal(t, 1, w.applied["meanwhile"])
	}
}

// A consumer of the version before diverts what comes late of a removed tenant: a note without an event, which must not stop
// the next tenant's move. Without an event of the tenant itself, the move stops.
func TestMover_DeletesTheNotesOfARemovedTenant(t *testing.T) {
	for _, removedOnes := range []bool{true, false} {
		w, remover := removing(t)
		done, err := remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
		require.NoError(t, err)
		w.gone()
		w.nextLife()
		epoch := done.Epoch
		if !removedOnes {
			epoch++
		}
		results := w.cells["beta"].ResultsTable
		w.db.Put(results, map[string]types.AttributeValue{
			event.AttrKey: item.Text(event.Key(tenant, "late")), event.AttrTenantID: item.Text(tenant), event.AttrID: item.Text("late"), event.AttrType: item.Text("visit"),
			event.AttrEpoch: item.Number(epoch), ledger.AttrStatus: item.Text(string(ledger.Diverted)),
			ledger.AttrWaiting: item.Text(tenant), ledger.AttrAppliedAt: item.Text(event.FormatTime(w.now)),
			ledger.AttrExpiresAt: item.Number(99999999999),
		})
		w.assign("beta")
		w.send(&router{}, "mine", "visit")
		w.quiesce()
		mover := w.mover(&hooks{})
		_, err = mover.Start(t.Context(), tenant, "alpha")
		require.NoError(t, err)
		_, err = mover.Run(t.Context(), tenant, "")
		if !removedOnes {
			require.ErrorIs(t, err, move.ErrStuck)
			require.NotNil(t, w.db.Item(results, event.Key(tenant, "late")))
			continue
		}
		require.NoError(t, err)
		require.Nil(t, w.db.Item(results, event.Key(tenant, "late")))
		w.quiesce()
		w.settled()
	}
}

func TestRemover_FindsItselfTakenOver(t *testing.T) {
	w, _ := inUse(t)
	w.suspend()
	first := w.remover(&hooks{})
	_, err := first.Start(t.Context(), tenant)
	require.NoError(t, err)
	h := &hooks{}
	frozen := false
	h.before = func() error {
		if h.calls == 20 && !frozen {
			frozen = true
			_, err := w.remover(&hooks{}).Run(context.Background(), tenant, removal.Fate{GiveUp: true})
			require.NoError(w, err)
			w.gone()
			w.nextLife()
			w.assign("beta")
			w.send(&router{}, "new", "visit")
		}
		return nil
	}
	_, err = w.remover(h).Run(t.Context(), tenant, removal.Fate{GiveUp: true})
	require.True(t, frozen)
	require.ErrorIs(t, err, removal.ErrTakenOver)
	w.quiesce()
	w.settled()
}

// A disk that is full, or a file that cannot be written, costs nothing: the removal can go on with another file, or be called off.
func TestRemover_DeletesNothingWhereTheCopyFails(t *testing.T) {
	w, remover := removing(t)
	data, results := w.cells["beta"].DataTable, w.cells["beta"].ResultsTable
	events, outcomes, letters := len(w.db.Items(data)), len(w.db.Items(results)), len(w.cells["beta"].dlq)
	full := errors.New("no space left on device")
	fate := removal.Fate{Copy: func(context.Context, []manifest.Cell) (removal.Copy, error) { return nil, full }}
	_, err := remover.Run(t.Context(), tenant, fate)
	require.ErrorIs(t, err, full)
	require.Len(t, w.db.Items(data), events)
	require.Len(t, w.db.Items(results), outcomes)
	require.Len(t, w.cells["beta"].dlq, letters)

	_, err = remover.CallOff(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, mapping.Suspended, w.place().State)
}

// What a cell that cannot be read holds would be left behind, for the next tenant of the name.
func TestRemover_StopsWhereACellCannotBeRead(t *testing.T) {
	down := errors.New("down")
	for _, cell := range []string{"alpha", "beta"} {
		for _, phase := range []removal.Phase{removal.Delete, removal.Letters} {
			w, _ := inUse(t)
			w.suspend()
			h := &hooks{}
			remover := w.remover(h)
			_, err := remover.Start(t.Context(), tenant)
			require.NoError(t, err)
			w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
				if c.Table != w.cells[cell].ResultsTable || c.Operation != "GetItem" {
					return nil
				}
				if now, err := w.remover(&hooks{}).Get(context.Background(), tenant); err == nil && now.Phase == phase {
					return down
				}
				return nil
			}
			_, err = remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
			require.ErrorIs(t, err, down, "cell %s, phase %s", cell, phase)
			_, there := w.placed()
			require.True(t, there, "cell %s, phase %s", cell, phase)
			w.db.Intercept = nil
			_, err = remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
			require.NoError(t, err)
			w.gone()
		}
	}
}

// tooLarge has a database refuse transactions of more than a number of items of one of the cells' tables.
func (w *world) tooLarge(most int) (refused *int) {
	refused = new(int)
	w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
		items := 0
		for key := range strings.SplitSeq(c.Key, ",") {
			if strings.HasPrefix(key, tenant+"#") {
				items++
			}
		}
		if c.Operation == "TransactWriteItems" && items > most {
			*refused++
			return &smithy.GenericAPIError{Code: "ValidationException", Message: "Transaction request cannot exceed 4 MB", Fault: smithy.FaultClient}
		}
		return nil
	}
	return refused
}

// Whether the sizes of deleted items count in a transaction is not documented. They must not stop a removal, or a move.
func TestRemover_DeletesFewerItemsAtATimeWhereThatIsTooMuch(t *testing.T) {
	for _, most := range []int{1, 2, 5} {
		w, _ := inUse(t)
		w.db.PageItems = 0
		w.suspend()
		remover := w.remover(&hooks{})
		_, err := remover.Start(t.Context(), tenant)
		require.NoError(t, err)
		refused := w.tooLarge(most)
		done, err := remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
		require.NoError(t, err)
		require.NotZero(t, *refused)
		require.Equal(t, removal.CellCounts{Events: 9, Outcomes: 9, State: 1, Letters: map[string]int{"consumer": 1}}, done.Counts["beta"])
		w.gone()
	}
	w, remover := removing(t)
	w.tooLarge(0)
	_, err := remover.Run(t.Context(), tenant, removal.Fate{GiveUp: true})
	require.ErrorContains(t, err, "Transaction request cannot exceed 4 MB", "of a single item there is no half")
}

func TestMover_WritesFewerItemsAtATimeWhereThatIsTooMuch(t *testing.T) {
	w, _ := inUse(t)
	w.db.PageItems = 0
	_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "alpha")
	require.NoError(t, err)
	refused := w.tooLarge(2)
	_, err = w.mover(&hooks{}).Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.NotZero(t, *refused)
	w.db.Intercept = nil
	w.quiesce()
	w.settled()
}
