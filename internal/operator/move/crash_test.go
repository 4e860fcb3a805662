package move_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
	"cellular/internal/operator/move"
)

var errDied = errors.New("the mover died")

// A move with events of every kind is killed at each of its calls in turn, before the call takes effect and after it,
// with its answer lost. Then another mover carries it on, or backs it out.
func TestI8AMoverThatDiesAnywhereLosesNothing(t *testing.T) {
	for _, ending := range []string{"carried on", "backed out"} {
		for _, answered := range []bool{false, true} {
			for _, parallel := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s, answer lost %t, %d pages at a time", ending, answered, parallel), func(t *testing.T) {
					calls := atCalls(t, func(at int) bool { return dieAt(t, at, parallel, answered, ending == "backed out") })
					require.GreaterOrEqual(t, calls, 50, "the move made so few calls that the test cannot be right")
				})
			}
		}
	}
}

// atCalls has something happen at each call of a process in turn, and returns how many calls there are. In a short run it
// happens at every seventh one, from one of the first seven on. happen reports whether it came to that call.
func atCalls(t *testing.T, happen func(at int) bool) (calls int) {
	t.Helper()
	first, step := 1, 1
	if testing.Short() {
		step = 7
		first += rand.IntN(step)
	}
	at := first
	for happen(at) {
		calls = at
		at += step
	}
	t.Logf("at every call from %d to %d, in steps of %d", first, calls, step)
	return calls
}

// dieAt kills the mover at its nth call, and reports whether it came to that.
func dieAt(t *testing.T, at, parallel int, answered, backOut bool) bool {
	t.Helper()
	w := newWorld(t)
	w.parallel = parallel
	fresh, stale := &router{}, &router{}
	for i := range 7 {
		w.send(fresh, fmt.Sprintf("done-%d", i), "visit")
	}
	w.send(fresh, "poison", "poison")
	w.quiesce()
	w.refresh(stale)
	w.send(fresh, "in-flight-1", "visit")
	w.send(fresh, "in-flight-2", "visit")
	w.publish(w.cells["alpha"], 1, false)

	h := &hooks{}
	dead := false
	die := func() error {
		if dead || h.calls == at {
			dead = true
			return errDied
		}
		return nil
	}
	if answered {
		// What comes after the call whose answer was lost does not happen at all.
		h.after = die
		h.before = func() error {
			if dead {
				return errDied
			}
			return nil
		}
	} else {
		h.before = die
	}
	first := w.mover(h)
	carryOn := func(m *move.Mover, until move.Phase) error {
		_, err := m.Get(context.Background(), tenant)
		if errors.Is(err, move.ErrNoMove) && w.place().CellID == "alpha" && len(w.owners) == 1 {
			_, err = m.Start(context.Background(), tenant, "beta")
		}
		if err != nil {
			return err
		}
		_, err = m.Run(context.Background(), tenant, until)
		return err
	}
	err := carryOn(first, move.Redirect)
	if err == nil {
		w.send(stale, "late-1", "visit")
		w.send(fresh, "late-2", "visit")
		w.quiesce()
		err = carryOn(first, "")
	}
	require.Equal(t, dead, err != nil, "%v", err)
	if dead {
		require.ErrorIs(t, err, errDied)
		w.readable(stale, "done-1")
		w.readable(fresh, "in-flight-1")
		w.send(stale, "late-3", "visit")
		second := w.mover(&hooks{})
		var err error
		if _, getErr := second.Get(t.Context(), tenant); backOut && getErr == nil {
			_, err = second.BackOut(t.Context(), tenant, "")
			if errors.Is(err, move.ErrTooLate) {
				err = carryOn(second, "")
			} else if err == nil {
				require.Equal(t, "alpha", w.place().CellID, "died at call %d", at)
			}
		} else {
			err = carryOn(second, "")
			if errors.Is(err, move.ErrNoMove) {
				err = nil // it had ended
			}
		}
		require.NoError(t, err, "died at call %d", at)
	}
	w.quiesce()
	w.pass(time.Hour)
	w.quiesce()
	w.settled()
	require.Equal(t, "failed", string(w.statusOf("poison")))
	return dead
}

func (w *world) statusOf(id string) ledger.Status {
	record, err := w.tables().Read(context.Background(), w.place().CellID, tenant, id)
	require.NoError(w, err)
	return record.Status
}
