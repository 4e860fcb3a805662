package movetest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/move"
)

func TestI8ATenantMovesThereAndBackUnderLoad(t *testing.T) {
	t.Parallel()
	w := start(t)
	tenant := w.tenant(t, "west")
	late := w.lateRouter(t, tenant)
	moved := w.load(t, tenant, 1, w.Client, late.Client)
	var bystanders []*load
	for _, id := range []string{"west", "east"} {
		bystander := w.tenant(t, id)
		bystanders = append(bystanders, w.load(t, bystander, 0.25, w.Client, w.lateRouter(t, bystander).Client))
	}
	moved.awaitAccepted(t, 16)

	there := w.move(t, moved, "east", late)
	moved.awaitAccepted(t, 10)
	back := w.move(t, moved, "west", late)
	moved.awaitAccepted(t, 10)

	moved.requireAppliedOnce(t, "west")
	for i, id := range []string{"west", "east"} {
		bystanders[i].requireAppliedOnce(t, id)
		require.Zero(t, bystanders[i].acceptedBy(there.From, time.Time{})*bystanders[i].acceptedBy(there.To, time.Time{}))
	}
	for _, m := range []move.Move{there, back} {
		requireLate(t, moved, m)
		require.NotZero(t, moved.acceptedBy(m.To, m.FlippedAt))
		require.NotZero(t, m.Counts.Sent, "events that were diverted and sent on")
		require.Zero(t, m.Counts.Conflicts+m.Counts.Unreadable+m.Counts.Expired)
		require.NotZero(t, m.Counts.SameEvents.Items)
	}
}

// A tenant with few events is moved faster than the last router forgets its old cell.
func TestI8AMoveLastsUntilNoRouterKnowsTheOldCell(t *testing.T) {
	t.Parallel()
	w := start(t)
	tenant := w.tenant(t, "east")
	late := w.lateRouter(t, tenant)
	moved := w.load(t, tenant, 2, late.Client)
	moved.awaitAccepted(t, 1)
	m := w.move(t, moved, "west", late)
	moved.awaitAccepted(t, 3)
	moved.requireAppliedOnce(t, "west")
	requireLate(t, moved, m)
}

// requireLate checks that events came to the old cell when the new one had been the owner for long: without them a test
// shows little. A machine so slow that the late router forgets its mapping while the flip is under way has none to offer.
func requireLate(t *testing.T, l *load, m move.Move) {
	t.Helper()
	if l.acceptedBy(m.From, m.FlippedAt) > 0 {
		return
	}
	for _, p := range m.Phases {
		if p.Phase == move.Flip && p.Took > 2*time.Second {
			t.Logf("no event came late to cell %s: the flip alone took %s", m.From, p.Took)
			return
		}
	}
	t.Errorf("no event came late to cell %s: %+v", m.From, m.Phases)
}

// move moves the tenant of a load, and has the late router read the mapping at the last moment before it changes.
func (w *world) move(t *testing.T, l *load, to string, late *lateRouter) move.Move {
	t.Helper()
	mover := w.mover(func(m move.Move) {
		switch {
		case m.Phase == move.Flip:
			late.renew(t, l.tenant)
		case m.Phase == move.Redirect && !m.FlippedAt.IsZero():
			// However slow the clients are, and however often this is called: one event comes late for sure.
			l.write(t.Context(), late.Client, "late-to-"+to)
		}
	})
	_, err := mover.Start(t.Context(), l.tenant, to)
	require.NoError(t, err)
	m, err := mover.Run(t.Context(), l.tenant, "")
	require.NoError(t, err)
	require.Equal(t, move.Done, m.Phase)
	t.Logf("moved to %s: %+v %+v", to, m.Counts, m.Phases)
	return m
}
