package guard_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/guard"
)

func TestI10ACellHasSoManyCallsUnderWayAndNoMore(t *testing.T) {
	config := unlimited(1, 1)
	config.InFlight = 2
	r := newRig(t, config)
	one, two := r.enter(guard.Closed), r.enter(guard.Closed)
	r.refused(guard.CellInFlight, 0)
	_, _, ok := r.cells.Enter(r.now, "beta")
	require.True(t, ok, "another cell's calls are its own")
	one.Leave(r.now, guard.Succeeded, 0)
	three := r.enter(guard.Closed)
	r.refused(guard.CellInFlight, 0)
	two.Leave(r.now, guard.Neutral, 0)
	three.Leave(r.now, guard.Failed, 0)
	r.refused(guard.BreakerOpen, openFor)
	r.refused(guard.BreakerOpen, openFor)
	r.refused(guard.BreakerOpen, openFor)
	r.now = r.now.Add(openFor)
	r.enter(guard.HalfOpen)
}

func TestACellHasARate(t *testing.T) {
	config := unlimited(1, 1)
	config.Limit = guard.Limit{Rate: 10, Burst: 2}
	r := newRig(t, config)
	r.calls(2, guard.Succeeded, false)
	r.refused(guard.CellRate, 100*time.Millisecond)
	r.now = r.now.Add(100 * time.Millisecond)
	r.calls(1, guard.Succeeded, false)
	r.refused(guard.CellRate, 100*time.Millisecond)
}

func TestOneCellsBreakerIsItsOwn(t *testing.T) {
	r := newRig(t, unlimited(1, 1))
	r.calls(1, guard.Failed, true)
	r.refused(guard.BreakerOpen, openFor)
	for i := range 100 {
		pass, _, ok := r.cells.Enter(r.now, fmt.Sprintf("cell-%d", i))
		require.True(t, ok)
		require.Equal(t, guard.Closed, pass.State)
	}
}

func TestManyCallersAtATimeLeaveNothingBehind(t *testing.T) {
	config := unlimited(3, 2)
	config.InFlight = 4
	config.Breaker.OpenFor = time.Nanosecond
	cells := newCells(t, config)
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			for n := range 500 {
				if pass, _, ok := cells.Enter(time.Now(), "alpha"); ok {
					pass.Leave(time.Now(), guard.Outcome((n+i)%4), time.Duration(n))
				}
			}
		})
	}
	callers.Wait()
	require.Eventually(t, func() bool {
		pass, _, ok := cells.Enter(time.Now(), "alpha")
		return ok && !pass.Leave(time.Now(), guard.Succeeded, 0) && pass.State == guard.Closed
	}, time.Second, time.Millisecond, "the breaker closes again")
	for range config.InFlight {
		_, _, ok := cells.Enter(time.Now(), "alpha")
		require.True(t, ok, "every call that ended has given its place back")
	}
}

func TestRefusesImpossibleBounds(t *testing.T) {
	_, err := guard.NewCells(guard.CellConfig{})
	require.EqualError(t, err, `cell rate is 0, want at least 1
cell burst is 0, want at least 1
shortest cell timeout is 0s, want a positive duration
cell timeout is 0s, want a positive duration
breaker failures is 0, want at least 1
breaker open time is 0s, want a positive duration
breaker probes is 0, want at least 1
cell in-flight cap is 0, want at least 1`)
	_, err = guard.NewBuckets(guard.Limit{Rate: 1}, 1)
	require.EqualError(t, err, "tenant burst is 0, want at least 1")
	_, err = guard.NewBuckets(guard.Limit{Rate: 1, Burst: 1}, 0)
	require.ErrorContains(t, err, "size is 0")
}

func BenchmarkEnterAndLeave(b *testing.B) {
	cells := newCells(b, unlimited(3, 1))
	b.ReportAllocs()
	for b.Loop() {
		now := time.Now()
		pass, _, ok := cells.Enter(now, "alpha")
		if !ok {
			b.Fatal("refused")
		}
		pass.Leave(now, guard.Succeeded, 0)
	}
}
