package restore_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/restore"
	"cellular/internal/testkit/dynamotest"
)

// The fence of a removal is there before the removal deletes: it does not separate the two lives.
func TestRestore_TellsLivesApartWhereTheCopyWasMadeWhileOneWasDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.assign("acme", alpha)
		w.applied("acme", "old")
		w.Tables.After = func(_ context.Context, c dynamotest.Call) error {
			if f := w.Tables.Item(alpha.ResultsTable, ledger.FenceKey("acme")); w.taken.IsZero() && f[ledger.AttrRemovedBelow] != nil {
				w.snapshot()
			}
			return nil
		}
		w.remove("acme")
		w.Tables.After = nil
		w.assign("acme", alpha)
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, restore.Part{Found: 1, LeftAlone: map[restore.Reason]int{restore.OfRemoved: 1}}, report.Outcomes)
		require.Equal(t, restore.Part{Found: 1, LeftAlone: map[restore.Reason]int{restore.OfRemoved: 1}}, report.State)
		require.Equal(t, restore.Part{Found: 1, LeftAlone: map[restore.Reason]int{restore.OfRemoved: 1}}, report.Events)
		require.Equal(t, []restore.TenantLeft{{TenantID: "acme", Cell: "alpha", Reason: restore.OfRemoved}}, report.Tenants)
	})
}

// Clocks differ: business state from just after a removal may be of either tenant.
func TestRestore_LeavesStateAloneThatMayBeOfARemovedTenant(t *testing.T) {
	for passes, why := range map[time.Duration]restore.Reason{time.Minute: restore.MaybeRemoved, 5 * time.Minute: ""} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.assign("acme", alpha)
			w.remove("acme")
			m := w.assign("acme", alpha)
			w.Clock.Advance(passes)
			e := w.Accept(alpha, "acme", "new", m.Epoch, 0)
			w.PutEvent(t, alpha.QueueURL, e)
			w.Consume(t, alpha)
			w.remember()
			w.lose(alpha.ResultsTable, e.Key(), "#effects#"+e.Key())
			report, err := w.restoreCell(restore.Options{})
			require.NoError(t, err)
			require.Equal(t, 1, report.Outcomes.PutBack)
			if why == "" {
				require.Equal(t, 1, report.State.PutBack)
				return
			}
			require.Equal(t, map[restore.Reason]int{why: 1}, report.State.LeftAlone)
		})
	}
}

func TestRestore_PutsNothingBackBehindARemoverThatDeletes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, during := range []bool{false, true} {
			w := newWorld(t)
			w.assign("acme", alpha)
			e := w.applied("acme", "e")
			w.remember()
			w.lose(alpha.DataTable, e.Key())
			start := func() {
				w.startRemoval("acme")
			}
			if during {
				began := false
				w.Tables.Intercept = func(_ context.Context, c dynamotest.Call) error {
					if c.Operation == "TransactWriteItems" && !began {
						began = true
						start()
					}
					return nil
				}
			} else {
				start()
			}
			report, err := w.restoreCell(restore.Options{})
			require.NoError(t, err)
			why := restore.BeingRemoved
			if during {
				why = restore.Changed
			}
			require.Equal(t, map[restore.Reason]int{why: 1}, report.Events.LeftAlone)
			require.True(t, why.Again())
			require.Nil(t, w.Tables.Item(alpha.DataTable, e.Key()))
		}
	})
}

// A removal whose tenant's mapping was lost can go on once the mapping is back, and be called off, too.
func TestRestoredMapping_OfATenantThatIsBeingRemovedHasTheMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, called := range []bool{false, true} {
			w := newWorld(t)
			w.assign("acme", alpha)
			w.applied("acme", "e")
			w.remember()
			w.startRemoval("acme")
			before := w.place("acme")
			w.lose(control.MappingTable, "acme")
			_, err := w.restoreMappings(restore.Options{})
			require.NoError(t, err)
			after := w.place("acme")
			after.UpdatedAt = before.UpdatedAt
			require.Equal(t, before, after)
			if called {
				_, err = w.remover().CallOff(w.ctx, "acme")
				require.NoError(t, err)
				require.Equal(t, mapping.Suspended, w.place("acme").State)
				continue
			}
			_, err = w.remover().Run(w.ctx, "acme", removal.Fate{GiveUp: true})
			require.NoError(t, err)
			require.Nil(t, w.Tables.Item(control.MappingTable, "acme"))
		}
	})
}

// A copy that was made during a removal which was called off later has a mark that no removal would ever take away.
func TestRestoredMapping_HasNoMarkOfARemovalThatWasCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.assign("acme", alpha)
		w.startRemoval("acme")
		w.remember()
		_, err := w.remover().CallOff(w.ctx, "acme")
		require.NoError(t, err)
		before := w.place("acme")
		w.lose(control.MappingTable, "acme")
		_, err = w.restoreMappings(restore.Options{})
		require.NoError(t, err)
		after := w.place("acme")
		after.UpdatedAt = before.UpdatedAt
		require.Equal(t, before, after)
	})
}

// A cellctl of a version without marks puts a lost mapping back without the mark.
func TestRestoredMapping_WithoutTheMarkOfItsRemovalIsGivenBackByCallingItOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.assign("acme", alpha)
		w.applied("acme", "e")
		w.startRemoval("acme")
		_, err := w.remover().Run(w.ctx, "acme", removal.Fate{})
		require.ErrorIs(t, err, removal.ErrHolds)
		place := w.place("acme")
		place.Removing = 0
		w.Tables.Put(control.MappingTable, place.Item())

		_, err = w.remover().Run(w.ctx, "acme", removal.Fate{GiveUp: true})
		require.ErrorIs(t, err, removal.ErrStuck)
		called, err := w.remover().CallOff(w.ctx, "acme")
		require.NoError(t, err)
		require.Equal(t, removal.CalledOff, called.Phase)
		require.Equal(t, called.Epoch, w.place("acme").Epoch)
		require.Zero(t, w.place("acme").Removing)
		resumed, err := w.placement().Resume(w.ctx, "acme")
		require.NoError(t, err)
		require.Equal(t, mapping.Active, resumed.State)
	})
}

// The moves table may have been lost, or restored by hand to an earlier time.
func TestRestore_KnowsARemovedTenantByItsFenceWhereTheRecordWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.assign("acme", alpha)
		w.applied("acme", "old")
		w.remember()
		w.remove("acme")
		w.Tables.Delete(control.MoveTable, "#tenant#acme", "0")
		report, err := w.restoreMappings(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, map[restore.Reason]int{restore.Removed: 1}, report.LeftAlone)
		m := w.assign("acme", alpha)
		_, err = w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Nil(t, w.Tables.Item(alpha.DataTable, "acme#old"))
		require.Zero(t, w.Effects(alpha, "acme#old"))

		w.Accept(alpha, "acme", "new", m.Epoch, 0)
		w.remember()
		w.lose(alpha.DataTable, "acme#new")
		_, err = w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.NotNil(t, w.Tables.Item(alpha.DataTable, "acme#new"))
	})
}

// That a removed tenant had come to the cell by a move says nothing of the next one.
func TestRestore_NamesTheRemovalOfATenantThatHadMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", beta, 1)
		w.Move("acme", alpha, 2)
		w.PutEvent(t, alpha.QueueURL, w.Accept(alpha, "acme", "old", 2, 0))
		w.Consume(t, alpha)
		w.remember()
		w.Tables.Put(control.CellTable, dynamotest.Item{"cell_id": item.Text("alpha"), "tenants": item.Number(1)})
		w.remove("acme")
		w.assign("acme", alpha)
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, map[restore.Reason]int{restore.OfRemoved: 1}, report.Events.LeftAlone)
		require.Equal(t, map[restore.Reason]int{restore.OfRemoved: 1}, report.State.LeftAlone)
	})
}

func TestRestore_RevivesNothingBesideALaterTenantOfTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.assign("acme", alpha)
		w.applied("acme", "old")
		w.remember()
		w.remove("acme")
		o := restore.Options{Revive: []string{"acme"}}
		later := w.assign("acme", alpha)
		mappings, err := w.restoreMappings(o)
		require.NoError(t, err)
		require.Equal(t, []restore.Placed{{TenantID: "acme", Cell: "alpha", Reason: restore.Replaced}}, mappings.Tenants)
		require.Equal(t, later, w.place("acme"))
		report, err := w.restoreCell(o)
		require.NoError(t, err)
		require.Equal(t, map[restore.Reason]int{restore.NotRevived: 1}, report.Events.LeftAlone)
		require.Equal(t, map[restore.Reason]int{restore.NotRevived: 1}, report.State.LeftAlone)
		require.Equal(t, map[restore.Reason]int{restore.NotRevived: 1}, report.Outcomes.LeftAlone)

		w.lose(control.MappingTable, "acme")
		mappings, err = w.restoreMappings(o)
		require.NoError(t, err)
		require.Equal(t, []restore.Placed{{TenantID: "acme", Cell: "alpha", Reason: restore.Replaced}}, mappings.Tenants)
	})
}

func TestRestore_RevivesIntoNoFullCell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.assign("acme", alpha)
		w.remember()
		w.remove("acme")
		for i := range alpha.MaxTenants {
			w.assign("tenant-"+strconv.Itoa(i), alpha)
		}
		report, err := w.restoreMappings(restore.Options{Revive: []string{"acme"}})
		require.NoError(t, err)
		require.Equal(t, []restore.Placed{{TenantID: "acme", Cell: "alpha", Reason: restore.NoRoom}}, report.Tenants)
		record, err := residence.Get(w.ctx, w.Tables, control.MoveTable, "acme")
		require.NoError(t, err)
		require.True(t, record.Removed())
	})
}

// The control tables were lost while a move had raised copies of a fence, and not yet the fence.
func TestRestore_RevivesUnderAnEpochAboveEveryCopyOfAFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.assign("acme", alpha)
		w.remember()
		w.remove("acme")
		w.record(ledger.SetFenceCopy(beta.ResultsTable, ledger.Fence{TenantID: "acme", Floor: 40, State: ledger.Outgoing}, 63))
		_, err := w.restoreMappings(restore.Options{Revive: []string{"acme"}})
		require.NoError(t, err)
		require.EqualValues(t, 41, w.place("acme").Epoch)
	})
}
