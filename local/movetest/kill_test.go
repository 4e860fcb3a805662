package movetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/move"
)

// deaths are where movers are killed: in each phase once, in the middle of what it does.
var deaths = []task{
	{DieIn: move.Clone, DieAfter: 4},
	{DieIn: move.Fence, DieAfter: 1},
	{DieIn: move.Copy, DieAfter: 6},
	{DieIn: move.Flip, DieAfter: 1},
	{DieIn: move.Redirect, DieAfter: 8},
	{DieIn: move.Verify, DieAfter: 6},
	{DieIn: move.Forget, DieAfter: 6},
}

// departure is a tenant in west that is to move to east, under load.
type departure struct {
	*load
	late *lateRouter
}

func (w *world) departure(t *testing.T) departure {
	t.Helper()
	tenant := w.tenant(t, "west")
	late := w.lateRouter(t, tenant)
	d := departure{w.load(t, tenant, 0.5, w.Client, late.Client), late}
	d.awaitAccepted(t, 10)
	_, err := w.mover(nil).Start(t.Context(), tenant, "east")
	require.NoError(t, err)
	return d
}

// carryOn has a process carry the move on. The late router reads the mapping at the last moment before that may change.
func (d departure) carryOn(t *testing.T, k task) {
	t.Helper()
	k.Tenant = d.tenant
	d.world.runMover(t, k, func(p move.Phase) {
		if p == move.Flip {
			d.late.renew(t, d.tenant)
		}
	})
	if k.DieIn != "" {
		m, err := d.world.mover(nil).Get(t.Context(), d.tenant)
		require.NoError(t, err)
		require.Contains(t, m.Holder, "test:", "the dead mover has not let go")
	}
}

func TestI8AMoverThatIsKilledInEveryPhaseLosesNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	d := w.departure(t)
	for _, death := range deaths {
		d.carryOn(t, death)
		d.awaitAccepted(t, 2)
	}
	d.carryOn(t, task{})
	d.requireAppliedOnce(t, "east")
	history, err := w.mover(nil).History(t.Context(), d.tenant)
	require.NoError(t, err)
	require.Len(t, history, 1)
	require.Equal(t, move.Done, history[0].Phase)
	require.GreaterOrEqual(t, history[0].Run, int64(len(deaths)+1))
}

func TestI8AMoveThatWasKilledIsBackedOut(t *testing.T) {
	t.Parallel()
	for name, backOut := range map[string]struct {
		killed    task
		backwards []task // each of them but the last one is killed
		phases    []move.Phase
	}{
		"before the flip": {
			task{DieIn: move.Copy, DieAfter: 6},
			[]task{{BackOut: true, DieIn: move.GiveBack, DieAfter: 4}, {BackOut: true}},
			[]move.Phase{move.BackedOut},
		},
		"after the flip": {
			task{DieIn: move.Redirect, DieAfter: 8},
			[]task{{BackOut: true, DieIn: move.Copy, DieAfter: 6}, {}},
			[]move.Phase{move.Done, move.Reversed},
		},
		"right before it forgets": {
			task{DieIn: move.Verify, DieAfter: 8},
			[]task{{BackOut: true, DieIn: move.Verify, DieAfter: 8}, {}},
			[]move.Phase{move.Done, move.Reversed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			d := w.departure(t)
			d.carryOn(t, backOut.killed)
			d.awaitAccepted(t, 4)
			for _, k := range backOut.backwards {
				d.carryOn(t, k)
				d.awaitAccepted(t, 2)
			}
			d.requireAppliedOnce(t, "west")
			history, err := w.mover(nil).History(t.Context(), d.tenant)
			require.NoError(t, err)
			require.Len(t, history, len(backOut.phases))
			for i, m := range history {
				require.Equal(t, backOut.phases[i], m.Phase)
			}
		})
	}
}
