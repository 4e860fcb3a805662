package restore_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/restore"
	"cellular/internal/testkit/dynamotest"
)

// A script has deleted all that a tenant had.
func TestWhatWasDeletedComesBackAndNothingIsAppliedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tenant := range []string{"", "acme"} {
			w := newWorld(t)
			w.Map("acme", alpha, 1)
			done, open := w.applied("acme", "done"), w.accepted("acme", "open")
			w.Tables.Put(alpha.ResultsTable, dynamotest.Item{event.AttrKey: item.Text(ledger.AppliedKey)})
			w.remember()
			before := w.items(alpha.DataTable, alpha.ResultsTable)
			w.lose(alpha.DataTable, done.Key(), open.Key())
			w.lose(alpha.ResultsTable, done.Key(), "#effects#"+done.Key())

			report, err := w.restoreCell(restore.Options{Tenant: tenant})
			require.NoError(t, err)
			require.Equal(t, restore.Part{Found: 1, PutBack: 1}, report.Outcomes)
			require.Equal(t, 1, report.State.PutBack)
			require.Equal(t, restore.Part{Found: 2, PutBack: 2}, report.Events)
			require.Equal(t, 1, report.Unsettled)
			require.Equal(t, open.AcceptedAt, report.Oldest)
			require.Empty(t, w.recovery.Scratch())

			after := w.items(alpha.DataTable, alpha.ResultsTable)
			for _, e := range []event.Event{done, open} {
				require.Equal(t, item.Text("alpha"), after[alpha.DataTable+"/"+e.Key()][event.AttrClonedFrom], "the producer must not publish it")
				delete(after[alpha.DataTable+"/"+e.Key()], event.AttrClonedFrom)
			}
			require.Equal(t, before, after)

			w.replay(alpha, "acme")
			require.Equal(t, 1, w.Effects(alpha, done.Key()))
			require.Equal(t, 1, w.Effects(alpha, open.Key()))
		}
	})
}

func TestRestore_CountsAnEventInItsLastAttemptAsUnsettled(t *testing.T) {
	for by, unsettled := range map[time.Duration]int{time.Minute: 1, 0: 0} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Map("acme", alpha, 1)
			e := w.accepted("acme", "e")
			w.remember()
			w.lose(alpha.DataTable, e.Key())
			w.Outcome(alpha, e, ledger.Failed, 0)
			outcome := w.Tables.Item(alpha.ResultsTable, e.Key())
			outcome[ledger.AttrFailedBy] = item.Text(event.FormatTime(w.Clock.Now().Add(by)))
			w.Tables.Put(alpha.ResultsTable, outcome)
			report, err := w.restoreCell(restore.Options{DryRun: true})
			require.NoError(t, err)
			require.Equal(t, 1, report.Events.PutBack)
			require.Equal(t, unsettled, report.Unsettled)
		})
	}
}

func TestWhatIsThereIsNeverOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		e := w.applied("acme", "e")
		state := "#effects#" + e.Key()
		w.remember()
		newer := dynamotest.Item{event.AttrKey: item.Text(state), event.AttrTenantID: item.Text("acme"), "effects": item.Number(7)}
		w.Tables.Put(alpha.ResultsTable, newer)
		before := w.items(alpha.DataTable, alpha.ResultsTable)
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, restore.Part{Found: 1, There: 1}, report.Outcomes)
		require.Equal(t, restore.Part{Found: 1, LeftAlone: map[restore.Reason]int{restore.Differs: 1}}, report.State)
		require.Equal(t, []string{state}, report.Differing)
		require.Equal(t, restore.Part{Found: 1, There: 1}, report.Events)
		require.Equal(t, before, w.items(alpha.DataTable, alpha.ResultsTable))
	})
}

// Somebody writes an item between the look at the live table and the write.
func TestAnItemThatAppearsMeanwhileIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		for i := range 3 {
			w.accepted("acme", strconv.Itoa(i))
		}
		w.remember()
		w.lose(alpha.DataTable, "acme#0", "acme#1", "acme#2")
		mine := dynamotest.Item{event.AttrKey: item.Text("acme#1"), "mine": item.Text("yes")}
		w.Tables.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "TransactWriteItems" {
				w.Tables.Put(alpha.DataTable, mine)
			}
			return nil
		}
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, restore.Part{Found: 3, PutBack: 2, There: 1}, report.Events)
		require.Equal(t, mine, w.Tables.Item(alpha.DataTable, "acme#1"))
	})
}

func TestATenantThatIsNotAtHomeIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		then, now func(w *world)
		why       restore.Reason
		cell      string
	}{
		"elsewhere": {nil, func(w *world) { w.Map("acme", beta, 2) }, restore.Elsewhere, "beta"},
		"removed":   {nil, func(w *world) { w.lose(control.MappingTable, "acme") }, restore.Unmapped, ""},
		"moving": {nil, func(w *world) {
			m := w.place("acme")
			m.MovingTo, m.State = "beta", mapping.Moving
			w.Tables.Put(control.MappingTable, m.Item())
		}, restore.Moving, "alpha"},
		"moved and back": {nil, func(w *world) { w.Move("acme", beta, 2); w.Move("acme", alpha, 3) }, restore.MovedSince, "alpha"},
		"moved and back, and the fence lost": {nil, func(w *world) {
			w.Move("acme", beta, 2)
			w.Move("acme", alpha, 3)
			w.lose(alpha.ResultsTable, ledger.FenceKey("acme"))
		}, restore.MovedSince, "alpha"},
		"leaving then": {func(w *world) { w.Fence(alpha, "acme", 2, ledger.Outgoing) },
			func(w *world) { w.Fence(alpha, "acme", 2, ledger.Owner); w.Map("acme", alpha, 2) }, restore.MovedSince, "alpha"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Map("acme", alpha, 1)
				w.Map("zeta", alpha, 1)
				w.applied("acme", "e")
				w.applied("zeta", "e")
				if c.then != nil {
					c.then(w)
				}
				w.remember()
				w.lose(alpha.DataTable, "acme#e", "zeta#e")
				w.lose(alpha.ResultsTable, "acme#e", "zeta#e")
				c.now(w)
				report, err := w.restoreCell(restore.Options{})
				require.NoError(t, err)
				require.Equal(t, map[restore.Reason]int{c.why: 1}, report.Events.LeftAlone)
				require.Equal(t, map[restore.Reason]int{c.why: 1}, report.Outcomes.LeftAlone)
				require.Equal(t, []restore.TenantLeft{{TenantID: "acme", Cell: c.cell, Reason: c.why}}, report.Tenants)
				require.Nil(t, w.Tables.Item(alpha.DataTable, "acme#e"))
				require.NotNil(t, w.Tables.Item(alpha.DataTable, "zeta#e"), "another tenant's event comes back")
			})
		})
	}
}

// A move begins between the look at the mapping and the write. What was written then could come behind the move.
func TestAMoveThatBeginsMeanwhileShutsTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		w.Map("zeta", alpha, 1)
		w.accepted("acme", "e")
		w.accepted("zeta", "e")
		w.remember()
		w.lose(alpha.DataTable, "acme#e", "zeta#e")
		w.Tables.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "TransactWriteItems" {
				m := w.place("acme")
				m.MovingTo = "beta"
				w.Tables.Put(control.MappingTable, m.Item())
			}
			return nil
		}
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, restore.Part{Found: 2, PutBack: 1, LeftAlone: map[restore.Reason]int{restore.Changed: 1}}, report.Events)
		require.Nil(t, w.Tables.Item(alpha.DataTable, "acme#e"))
	})
}

// The tenant was being moved while the outcomes came back, and the move was backed out before the events did.
func TestAnEventDoesNotComeBackWithoutItsOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		e := w.applied("acme", "e")
		w.remember()
		w.lose(alpha.DataTable, e.Key())
		w.lose(alpha.ResultsTable, e.Key())
		m := w.place("acme")
		m.MovingTo = "beta"
		w.Tables.Put(control.MappingTable, m.Item())
		w.Tables.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "Scan" && c.Table == restore.ScratchName(alpha.DataTable, w.at) {
				w.Map("acme", alpha, 1)
			}
			return nil
		}
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, map[restore.Reason]int{restore.NoOutcome: 1}, report.Events.LeftAlone)
		w.replay(alpha, "acme")
		require.Equal(t, 1, w.Effects(alpha, e.Key()))

		w.Tables.Intercept = nil
		report, err = w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, 1, report.Outcomes.PutBack)
		require.Equal(t, 1, report.Events.PutBack)
	})
}

func TestWhatIsNotToComeBackDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		diverted, old := w.accepted("acme", "diverted"), w.accepted("acme", "old")
		w.Outcome(alpha, diverted, ledger.Diverted, 0)
		w.Outcome(alpha, old, ledger.Processed, 0)
		entry := w.Tables.Item(alpha.ResultsTable, old.Key())
		entry[ledger.AttrExpiresAt] = item.Number(w.Clock.Now().Add(30 * time.Second).Unix())
		w.Tables.Put(alpha.ResultsTable, entry)
		w.Fence(alpha, "gone", 4, ledger.Left)
		w.Tables.Put(alpha.ResultsTable, dynamotest.Item{event.AttrKey: item.Text("#orphan")})
		w.Tables.Put(alpha.DataTable, dynamotest.Item{event.AttrKey: item.Text("junk")})
		w.remember()
		w.lose(alpha.ResultsTable, diverted.Key(), old.Key(), ledger.FenceKey("gone"), "#orphan")
		w.lose(alpha.DataTable, "junk")
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, map[restore.Reason]int{restore.Diverted: 1, restore.Expired: 1}, report.Outcomes.LeftAlone)
		require.Equal(t, map[restore.Reason]int{restore.NoTenant: 1}, report.State.LeftAlone)
		require.Equal(t, 1, report.LostFences)
		require.Equal(t, map[restore.Reason]int{restore.NoTenant: 1}, report.Events.LeftAlone)
		require.Empty(t, w.Tables.Items(alpha.ResultsTable))
	})
}

func TestADryRunSaysTheSameAndWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		w.applied("acme", "done")
		w.accepted("acme", "open")
		w.remember()
		w.lose(alpha.DataTable, "acme#done", "acme#open")
		w.lose(alpha.ResultsTable, "acme#done", "#effects#acme#done")
		before := w.items(alpha.DataTable, alpha.ResultsTable)
		would, err := w.restoreCell(restore.Options{DryRun: true})
		require.NoError(t, err)
		require.Equal(t, before, w.items(alpha.DataTable, alpha.ResultsTable))
		did, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, did, would)
		require.Equal(t, 2, did.Events.PutBack)
	})
}

// More than a page, and more than a transaction, of several tenants.
func TestARestoreIsPaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Tables.PageItems = 7
		for i := range 250 {
			tenant := "t-" + strconv.Itoa(i%3)
			w.Map(tenant, alpha, 1)
			w.Outcome(alpha, w.accepted(tenant, strconv.Itoa(i)), ledger.Processed, 0)
		}
		w.remember()
		before := len(w.items(alpha.DataTable, alpha.ResultsTable))
		for key := range w.items(alpha.DataTable) {
			w.lose(alpha.DataTable, key[len(alpha.DataTable)+1:])
			w.lose(alpha.ResultsTable, key[len(alpha.DataTable)+1:])
		}
		var looked int64
		report, err := w.restoreCell(restore.Options{Progress: func(n int64) { looked = n }})
		require.NoError(t, err)
		require.Equal(t, 250, report.Events.PutBack)
		require.Equal(t, 250, report.Outcomes.PutBack)
		require.Equal(t, int64(750), looked)
		require.Len(t, w.items(alpha.DataTable, alpha.ResultsTable), before)
	})
}

func TestARestoreThatIsKilledAnywhereIsFinishedByTheNext(t *testing.T) {
	scene := func(t *testing.T) *world {
		w := newWorld(t)
		w.recovery.Slow = 1
		w.Map("acme", alpha, 1)
		w.applied("acme", "done")
		w.accepted("acme", "open")
		w.remember()
		w.lose(alpha.DataTable, "acme#done", "acme#open")
		w.lose(alpha.ResultsTable, "acme#done", "#effects#acme#done")
		return w
	}
	restoreCell := func(w *world) error {
		_, err := w.restoreCell(restore.Options{})
		return err
	}
	kills := killedAnywhere(t, scene, restoreCell, func(t *testing.T, w *world) {
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, 1, report.Unsettled, "the second run tells of what the first one put back")
		require.Empty(t, w.recovery.Scratch())
		w.replay(alpha, "acme")
		require.Equal(t, 1, w.Effects(alpha, "acme#done"))
		require.Equal(t, 1, w.Effects(alpha, "acme#open"))
	})
	require.Greater(t, kills, 40)
}
