package move_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/move"
	"cellular/internal/testkit/dynamotest"
)

const dataTTL = 10 * time.Minute

// goOn has a mover work until its move is in a phase, and die there; "" for its end.
func (w *world) goOn(t *testing.T, phase move.Phase) {
	t.Helper()
	h := &hooks{}
	h.before = func() error {
		if phase != "" && w.phase() == phase {
			return errDied
		}
		return nil
	}
	_, err := w.mover(h).Run(t.Context(), tenant, "")
	if phase == "" {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, errDied)
}

// An id is used again, for other content, when its event has expired: in each phase of a move, through a router that knows the mapping
// of the beginning and through one that knows the present one, before the pipelines have gone on and after it.
func TestI6AnIdThatIsAcceptedOnceMoreDuringAMoveIsAppliedOnceMore(t *testing.T) {
	for _, phase := range []move.Phase{move.Clone, move.Fence, move.Copy, move.Flip, move.Redirect, move.Verify, move.Forget} {
		for _, known := range []string{"at the beginning", "now"} {
			for _, first := range []string{"applied", "waiting"} {
				if first == "waiting" && !before(phase, move.Flip) {
					continue
				}
				t.Run(fmt.Sprintf("%s, by the mapping %s, %s", phase, known, first), func(t *testing.T) {
					w := newWorld(t)
					w.dataTTL = dataTTL
					r := &router{}
					w.refresh(r)
					w.send(r, "e-1", "visit")
					w.send(r, "e-2", "visit")
					w.quiesce()
					w.pass(dataTTL - 30*time.Second)
					w.refresh(r)
					w.send(r, "e-3", "visit")
					if first == "applied" {
						w.quiesce()
					}
					w.upTo(t, move.Clone)
					if phase != move.Clone {
						w.goOn(t, phase)
					}
					if known == "now" {
						w.refresh(r)
					} else {
						r.readAt = w.now
					}
					if before(phase, move.Verify) || known == "now" {
						w.pass(40 * time.Second)
						w.send(r, "e-1", "again")
					} else {
						w.accepted["e-1"] = "visit"
					}
					again := w.accepted["e-1"] == "again"
					w.goOn(t, "")
					w.quiesce()
					require.Equal(t, 1, w.applied["e-1"])
					require.Equal(t, again, w.applied["e-1 again"] == 1, w.describe("e-1"))
					require.Equal(t, 1, w.applied["e-3"])
					home, other := w.cells["beta"], w.cells["alpha"]
					if again {
						data, outcome := w.db.Item(home.DataTable, event.Key(tenant, "e-1")), w.db.Item(home.ResultsTable, event.Key(tenant, "e-1"))
						require.Equal(t, "again", stringIn(data[event.AttrType]))
						require.Equal(t, ledger.Processed, ledger.Peek(outcome).Status)
						require.Equal(t, stringIn(data[event.AttrAcceptedAt]), stringIn(outcome[event.AttrAcceptedAt]))
					}
					require.Empty(t, w.db.Items(other.DataTable))
				})
			}
		}
	}
}

// before reports whether a phase comes before another one.
func before(p, q move.Phase) bool {
	for _, phase := range []move.Phase{move.Clone, move.Fence, move.Copy, move.Flip, move.Redirect, move.Verify, move.Forget} {
		if phase == q {
			return false
		}
		if phase == p {
			return true
		}
	}
	return false
}

func TestMover_LeavesBehindWhatHasExpired(t *testing.T) {
	w := newWorld(t)
	w.dataTTL = dataTTL
	r := &router{}
	w.send(r, "old", "visit")
	w.quiesce()
	w.pass(dataTTL / 2)
	w.send(r, "new", "visit")
	w.quiesce()
	w.pass(dataTTL / 2)
	kept := w.db.Item(w.cells["alpha"].DataTable, event.Key(tenant, "new"))
	w.upTo(t, move.Redirect)
	require.Nil(t, w.db.Item(w.cells["beta"].DataTable, event.Key(tenant, "old")))
	require.NotNil(t, w.db.Item(w.cells["beta"].ResultsTable, event.Key(tenant, "old")), "its outcome is kept for longer")
	there := w.db.Item(w.cells["beta"].DataTable, event.Key(tenant, "new"))
	require.Equal(t, kept[event.AttrAcceptedAt], there[event.AttrAcceptedAt])
	require.Equal(t, kept[event.AttrExpiresAt], there[event.AttrExpiresAt])
	w.goOn(t, "")
	require.Empty(t, w.db.Items(w.cells["alpha"].DataTable))
	require.Equal(t, "1", w.counters(w.cells["beta"])["old"], "state does not expire")
}

// The tenant's move is left in its pause, and an event's date passes. It was accepted, and is applied as long as it is there.
func TestI6AnEventThatExpiresWhileItWaitsIsSentOn(t *testing.T) {
	for name, deleted := range map[string]bool{"still there": false, "deleted by the table": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.dataTTL = dataTTL
			w.upTo(t, move.Copy)
			w.send(&router{}, "waits", "visit")
			w.quiesce()
			w.pass(dataTTL + time.Hour)
			if deleted {
				w.db.Delete(w.cells["alpha"].DataTable, event.Key(tenant, "waits"))
			}
			w.goOn(t, "")
			w.quiesce()
			want := 1
			if deleted {
				want = 0
			}
			require.Equal(t, want, w.applied["waits"])
			require.Empty(t, w.db.Items(w.cells["alpha"].DataTable))
			for _, kept := range w.db.Items(w.cells["alpha"].ResultsTable) {
				require.False(t, ledger.Peek(dynamotest.Item(kept)).Waits())
			}
		})
	}
}

// expire has time go by until a cell's item of an event has expired.
func (w *world) expire(c *cellWorld, id string) {
	e, err := event.FromItem(w.db.Item(c.DataTable, event.Key(tenant, id)))
	require.NoError(w, err)
	w.pass(e.ExpiresAt.Sub(w.now))
}

// A client sends an event to a router that knows of the flip, and then once more to one that does not: both cells have it, and it is one
// acceptance. Its id may be used again once the new cell's item has expired, however late the other cell's was made.
func TestI6AnIdOfAnEventOfBothCellsIsUsedAgainWhenTheNewCellsHasExpired(t *testing.T) {
	w := newWorld(t)
	w.dataTTL = dataTTL
	stale, fresh := &router{}, &router{}
	w.refresh(stale)
	w.upTo(t, move.Redirect)
	w.refresh(fresh)
	w.send(fresh, "e-1", "visit")
	w.pass(3 * time.Minute)
	stale.readAt = w.now // which took until then to write
	w.send(stale, "e-1", "visit")
	alpha, beta := w.cells["alpha"], w.cells["beta"]
	w.publish(alpha, 1, false)
	w.consume(alpha, 0, false)
	w.goOn(t, "")
	require.Len(t, beta.queue, 1, "the event is sent on before the new cell's own pipeline comes to it")
	w.quiesce()
	require.Equal(t, 1, w.applied["e-1"])

	w.expire(beta, "e-1")
	w.refresh(fresh)
	w.send(fresh, "e-1", "again")
	w.quiesce()
	require.Equal(t, 1, w.applied["e-1 again"], w.describe("e-1"))
}

// The other way round: the old cell has the event first, and the tenant comes back to it.
func TestI6AnIdOfAnEventOfBothCellsIsUsedAgainWhenTheTenantHasComeBack(t *testing.T) {
	w := newWorld(t)
	w.dataTTL = dataTTL
	stale, fresh := &router{}, &router{}
	w.refresh(stale)
	w.upTo(t, move.Redirect)
	w.refresh(fresh)
	stale.readAt = w.now
	w.send(stale, "e-1", "visit")
	w.pass(3 * time.Minute)
	fresh.readAt = w.now
	w.send(fresh, "e-1", "visit")
	w.quiesce()
	require.Equal(t, 1, w.applied["e-1"])
	_, err := w.mover(&hooks{}).BackOut(t.Context(), tenant, "")
	require.NoError(t, err)
	w.quiesce()

	w.expire(w.cells["alpha"], "e-1")
	w.refresh(fresh)
	w.send(fresh, "e-1", "again")
	w.quiesce()
	require.Equal(t, 1, w.applied["e-1 again"], w.describe("e-1"))
}
