package move_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/removal"
)

// check is Check of the tenant as it is now.
func (w *world) check(lost string, wait, decided bool) (removal.Outlook, error) {
	m := w.remover(&hooks{})
	m.Lost = lost
	return m.Check(context.Background(), w.place(), wait, decided)
}

func TestRemovalCheck_NamesOneObstacleAfterTheOther(t *testing.T) {
	w := newWorld(t)
	r := &router{}
	w.send(r, "1", "visit")
	_, err := w.check("", true, true)
	require.ErrorIs(t, err, removal.ErrNotSuspended, "also for one who waits")

	_, err = w.placement().Suspend(t.Context(), tenant)
	require.NoError(t, err)
	o, err := w.check("", false, true)
	require.ErrorIs(t, err, removal.ErrTooSoon)
	require.Equal(t, w.place().UpdatedAt.Add(quarantine), o.From)

	o, err = w.check("", true, true)
	require.NoError(t, err, "who waits is told of events that are not settled when the wait is over")
	require.Equal(t, w.place().UpdatedAt.Add(quarantine), o.From)

	w.pass(quarantine)
	o, err = w.check("", true, true)
	require.ErrorIs(t, err, removal.ErrUnsettled)
	require.Equal(t, 1, o.Unsettled)

	w.quiesce()
	o, err = w.check("", false, false)
	require.ErrorIs(t, err, removal.ErrHolds)
	require.Equal(t, []manifest.Cell{w.cells["alpha"].Cell}, o.Holding)

	o, err = w.check("", false, true)
	require.NoError(t, err)
	require.Equal(t, []manifest.Cell{w.cells["alpha"].Cell}, o.Holding)
	require.False(t, w.now.Before(o.From))
}

func TestRemovalCheck_OfALostCellWantsItsName(t *testing.T) {
	w := newWorld(t)
	w.suspend()
	_, err := w.check("beta", false, true)
	require.ErrorIs(t, err, removal.ErrOtherCell)

	m := w.remover(&hooks{})
	m.Cells = func(context.Context) ([]manifest.Cell, error) { return []manifest.Cell{w.cells["beta"].Cell}, nil }
	_, err = m.Check(t.Context(), w.place(), true, true)
	require.ErrorIs(t, err, removal.ErrCellLost)
	m.Lost = "alpha"
	_, err = m.Check(t.Context(), w.place(), false, true)
	require.NoError(t, err)
}

func TestRemoval_IsAtWorkUnlessItsHolderIsSilentOrGone(t *testing.T) {
	now, gone := time.Unix(1000, 0), func(holder string) bool { return holder == "host:9" }
	require.False(t, removal.Removal{UpdatedAt: now}.AtWork(now, gone))
	require.True(t, removal.Removal{UpdatedAt: now, Holder: "host:1"}.AtWork(now.Add(14*time.Second), gone))
	require.False(t, removal.Removal{UpdatedAt: now, Holder: "host:1"}.AtWork(now.Add(15*time.Second), gone))
	require.False(t, removal.Removal{UpdatedAt: now, Holder: "host:9"}.AtWork(now, gone))
}

func TestRemovalCounts_AddUpItemsOfAllCells(t *testing.T) {
	require.Zero(t, removal.Counts(nil).Items())
	require.Equal(t, 21, removal.Counts{
		"c1": {Events: 1, Outcomes: 2, State: 3, Letters: map[string]int{"consumer": 9}}, "c2": {Events: 4, Outcomes: 5, State: 6},
	}.Items())
}

func TestRemover_RefusesATenantThatCellsAreProbedWith(t *testing.T) {
	w := newWorld(t)
	m := mapping.Mapping{
		TenantID: mapping.ProbeTenant("alpha"), CellID: "alpha", Epoch: 1, State: mapping.Suspended, Tier: "standard", UpdatedAt: w.now.Add(-quarantine),
	}
	w.db.Put(stack.MappingTable(), m.Item())
	remover := w.remover(&hooks{})
	_, err := remover.Check(t.Context(), m, true, true)
	require.ErrorIs(t, err, removal.ErrProbe)
	_, err = remover.Start(t.Context(), m.TenantID)
	require.ErrorIs(t, err, removal.ErrProbe)
	require.Equal(t, m.Item(), w.db.Item(stack.MappingTable(), m.TenantID), "nothing was done")
}
