package restore_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/restore"
)

func TestAMissingMappingComesBackUnderAnEpochThatItsCellApplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tenant := range []string{"", "acme"} {
			w := newWorld(t)
			w.Map("acme", alpha, 2)
			w.Map("zeta", alpha, 1)
			m := w.place("acme")
			m.State, m.MovingTo = mapping.Moving, "beta"
			w.Tables.Put(control.MappingTable, m.Item())
			w.remember()
			w.Map("zeta", beta, 5)
			w.lose(control.MappingTable, "acme")
			w.Fence(alpha, "acme", 4, ledger.Owner)
			would, err := w.restoreMappings(restore.Options{Tenant: tenant, DryRun: true})
			require.NoError(t, err)
			require.Nil(t, w.Tables.Item(control.MappingTable, "acme"))
			did, err := w.restoreMappings(restore.Options{Tenant: tenant})
			require.NoError(t, err)
			require.Equal(t, would, did)
			require.Equal(t, restore.Placed{TenantID: "acme", Cell: "alpha", Epoch: 4, State: mapping.Active}, did.Tenants[0])
			require.Equal(t, mapping.Mapping{
				TenantID: "acme", CellID: "alpha", Epoch: 4, State: mapping.Active, Tier: "standard", UpdatedAt: w.Clock.Now(),
			}, w.place("acme"))
			require.Equal(t, "beta", w.place("zeta").CellID, "what is there is kept")
			if tenant == "" {
				require.Equal(t, []restore.Placed{{TenantID: "zeta", Cell: "beta", Reason: restore.Mapped}}, did.Tenants[1:])
			}
		}
	})
}

func TestASuspendedTenantComesBackSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		m := w.place("acme")
		m.State = mapping.Suspended
		w.Tables.Put(control.MappingTable, m.Item())
		w.remember()
		w.lose(control.MappingTable, "acme")
		_, err := w.restoreMappings(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, mapping.Suspended, w.place("acme").State)
	})
}

// A move that was backed out has given the tenant an epoch that no fence knows.
func TestAnEpochIsNeverTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		w.remember()
		w.lose(control.MappingTable, "acme")
		w.moves["acme"] = []move.Move{{TenantID: "acme", From: "alpha", To: "beta", Epoch: 2, Phase: move.BackedOut}}
		_, err := w.restoreMappings(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, int64(2), w.place("acme").Epoch)
	})
}

// Nothing but the record tells of a mapping that was lost, assigned again to its cell, and lost again.
func TestRestoredMapping_HasAnEpochNoLowerThanItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		w.remember()
		w.lose(control.MappingTable, "acme")
		w.record(residence.GiveEpoch(control.MoveTable, "acme", "alpha", 4, w.Clock.Now()))
		_, err := w.restoreMappings(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, int64(4), w.place("acme").Epoch)
	})
}

func TestRestoredMapping_WritesTheTenantsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 3)
		w.Map(mapping.ProbeTenant("alpha"), alpha, 1)
		w.remember()
		w.lose(control.MappingTable, "acme", mapping.ProbeTenant("alpha"))
		_, err := w.restoreMappings(restore.Options{})
		require.NoError(t, err)
		records, err := residence.GetAll(t.Context(), w.Tables, control.MoveTable, []string{"acme", mapping.ProbeTenant("alpha")})
		require.NoError(t, err)
		require.Equal(t, map[string]residence.Record{
			"acme": {TenantID: "acme", LastCell: "alpha", LastEpoch: 3, UpdatedAt: w.place("acme").UpdatedAt},
		}, records)
	})
}

func TestATenantThatIsElsewhereGetsNoMapping(t *testing.T) {
	for name, c := range map[string]struct {
		now  func(w *world)
		cell string
		why  restore.Reason
	}{
		"moving":                 {func(w *world) { w.moved("alpha", "beta", move.Copy) }, "beta", restore.Moving},
		"moved":                  {func(w *world) { w.moved("alpha", "beta", move.Done) }, "beta", restore.HasLeft},
		"moved, by the fence":    {func(w *world) { w.Fence(alpha, "acme", 2, ledger.Left) }, "", restore.HasLeft},
		"placed elsewhere since": {func(w *world) { w.Accept(beta, "acme", "e", 1, time.Minute) }, "beta", restore.HeldBy},
		"placed elsewhere since, by the record": {func(w *world) {
			w.record(residence.GiveEpoch(control.MoveTable, "acme", "beta", 2, w.Clock.Now()))
		}, "beta", restore.HasLeft},
		"removed since": {func(w *world) {
			w.record(residence.Remove(control.MoveTable, "acme", "alpha", 1, w.Clock.Now()))
		}, "", restore.Removed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Map("acme", alpha, 1)
				w.remember()
				w.lose(control.MappingTable, "acme")
				c.now(w)
				report, err := w.restoreMappings(restore.Options{})
				require.NoError(t, err)
				require.Equal(t, []restore.Placed{{TenantID: "acme", Cell: c.cell, Reason: c.why}}, report.Tenants)
				require.Equal(t, map[restore.Reason]int{c.why: 1}, report.LeftAlone)
				require.Nil(t, w.Tables.Item(control.MappingTable, "acme"))
			})
		})
	}
}

func TestAMappingRestoreThatIsKilledAnywhereIsFinishedByTheNext(t *testing.T) {
	scene := func(t *testing.T) *world {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		w.Map("zeta", alpha, 1)
		w.remember()
		w.lose(control.MappingTable, "acme", "zeta")
		return w
	}
	restoreMappings := func(w *world) error {
		_, err := w.restoreMappings(restore.Options{})
		return err
	}
	kills := killedAnywhere(t, scene, restoreMappings, func(t *testing.T, w *world) {
		require.NoError(t, restoreMappings(w))
		require.Equal(t, "alpha", w.place("acme").CellID)
		require.Equal(t, "alpha", w.place("zeta").CellID)
		require.Empty(t, w.recovery.Scratch())
	})
	require.Greater(t, kills, 10)
}

func (w *world) moved(from, to string, phase move.Phase) {
	w.moves["acme"] = []move.Move{{TenantID: "acme", From: from, To: to, Epoch: 2, Phase: phase}}
}

func TestAFenceInAStateOfALaterVersionStopsARestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		e := w.applied("acme", "e")
		w.Fence(alpha, "acme", 1, "parted")
		w.remember()
		w.lose(alpha.DataTable, e.Key())
		_, err := w.restoreCell(restore.Options{})
		require.ErrorContains(t, err, `"parted", which this version does not know`)
		require.Nil(t, w.Tables.Item(alpha.DataTable, e.Key()))

		w.lose(control.MappingTable, "acme")
		_, err = w.restoreMappings(restore.Options{})
		require.ErrorContains(t, err, `"parted", which this version does not know`)
		require.Nil(t, w.Tables.Item(control.MappingTable, "acme"))
	})
}
