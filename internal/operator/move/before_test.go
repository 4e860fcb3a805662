package move_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/dynamotest"
)

// age has what a cell has of the tenant be as the version before has written it: found by the tenant alone.
func (w *world) age(c *cellWorld) (aged int) {
	for _, table := range []string{c.DataTable, c.ResultsTable} {
		for _, stored := range w.db.Items(table) {
			if stored[event.AttrTenantShard] == nil || ledger.IsState(stringIn(stored[event.AttrKey])) {
				continue // of no tenant, or failed attempts, of which that version wrote none
			}
			delete(stored, event.AttrTenantShard)
			stored[event.AttrTenantID] = item.Text(tenant)
			if stored[ledger.AttrWaiting] != nil {
				stored[ledger.AttrWaiting] = item.Text(tenant)
			}
			w.db.Put(table, stored)
			aged++
		}
	}
	return aged
}

// sharded fails unless all that a cell has of the tenant is as this version writes it.
func (w *world) sharded(c *cellWorld) {
	for _, table := range []string{c.DataTable, c.ResultsTable} {
		for _, stored := range w.db.Items(table) {
			require.Equal(w, ledger.Sharded(stored), dynamotest.Item(stored))
		}
	}
}

// A move takes along what the version before has written, in every state that it can be in, and what it writes is in shards.
func TestI8AMoveTakesAlongWhatTheVersionBeforeHasWritten(t *testing.T) {
	w := newWorld(t)
	fresh, stale := &router{}, &router{}
	w.send(fresh, "applied-1", "visit")
	w.send(fresh, "applied-2", "visit")
	w.send(fresh, "poison", "poison")
	w.quiesce()
	w.refresh(stale)
	w.send(fresh, "in-flight", "visit")
	alpha, beta := w.cells["alpha"], w.cells["beta"]
	require.Equal(t, 7, w.age(alpha), "four events and three outcomes")
	m := w.mover(&hooks{})
	w.toRedirect(t, m)
	w.send(stale, "late", "visit")
	w.quiesce() // what was in flight is diverted
	require.NotZero(t, w.age(alpha))
	require.NotZero(t, w.age(beta))
	_, err := m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()
	w.settled()

	w.age(beta)
	_, err = m.Start(t.Context(), tenant, "alpha")
	require.NoError(t, err)
	_, err = m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()
	w.settled()
	w.sharded(alpha)
	require.Len(t, w.db.Items(alpha.DataTable), 5)
}

// A back-out finds what waits by the keys of both versions.
func TestI8ABackOutSendsWhatTheVersionBeforeHasDiverted(t *testing.T) {
	w := newWorld(t)
	r := &router{}
	w.send(r, "waits", "visit")
	m := w.mover(&hooks{})
	w.toRedirect(t, m)
	alpha := w.cells["alpha"]
	w.quiesce()
	require.NotZero(t, w.age(alpha))
	_, err := m.BackOut(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()
	w.settled()
	require.Equal(t, "alpha", w.place().CellID)
}

func TestMover_DoesNotBeginWhileAnIndexIsBeingBuilt(t *testing.T) {
	for _, index := range []string{event.ShardTimeIndex, event.TenantTimeIndex, ledger.ShardIndex, ledger.TenantIndex, ledger.WaitingIndex} {
		for _, cellID := range cellIDs {
			t.Run(index+" in "+cellID, func(t *testing.T) {
				w := newWorld(t)
				w.send(&router{}, "e-1", "visit")
				w.quiesce()
				table := w.cells[cellID].ResultsTable
				if strings.HasSuffix(index, "-time") {
					table = w.cells[cellID].DataTable
				}
				w.db.BackfillIndex(table, index)
				m := w.mover(&hooks{})
				_, err := m.Start(t.Context(), tenant, "beta")
				require.ErrorContains(t, err, "the index "+index+" of "+table)
				require.ErrorContains(t, err, "'pulumi up'")
				require.Empty(t, w.place().MovingTo)
				w.db.MakeIndex(table, index)
				_, err = m.Start(t.Context(), tenant, "beta")
				require.NoError(t, err)
				_, err = m.Run(t.Context(), tenant, "")
				require.NoError(t, err)
				w.settled()
			})
		}
	}
}
