package guard_test

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/guard"
)

// frozen returns what a process reads off its clocks that was frozen for a while at a time: the wall clock has gone on, and
// the monotonic one has stood still. No function of package time makes such a reading.
func frozen(t *testing.T, at time.Time, asleep time.Duration) time.Time {
	t.Helper()
	after := at.Add(asleep)
	(*struct { // as package time has it
		wall      uint64
		monotonic int64
	})(unsafe.Pointer(&after)).monotonic -= int64(asleep)
	require.Zero(t, after.Sub(at))
	require.Equal(t, asleep, after.Round(0).Sub(at.Round(0)))
	return after
}

// What all processes were asked meanwhile did not come in the moment that the process was awake.
func TestPace_CountsTheTimeThatAProcessWasFrozen(t *testing.T) {
	p := newPace(t)
	p.now = time.Now()
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 5})
	p.now = frozen(t, p.now.Add(time.Second), 19*time.Second)
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 5 + 20*90})
	require.Equal(t, 100, p.ask("acme", 100), "90 a second are asked of all processes")
}

// A process that is awake for its requests alone reports all the same.
func TestPace_ReportsAfterAProcessWasFrozen(t *testing.T) {
	p := newPace(t)
	p.now = time.Now()
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 5})
	p.now = frozen(t, p.now, time.Second)
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 10})
}

func TestBuckets_RefillWhileAProcessIsFrozen(t *testing.T) {
	buckets := newBuckets(t, guard.Limit{Rate: 1, Burst: 2}, 10)
	now := time.Now()
	for range 2 {
		_, ok := buckets.Take(now, "acme")
		require.True(t, ok)
	}
	_, ok := buckets.Take(now, "acme")
	require.False(t, ok)
	_, ok = buckets.Take(frozen(t, now, time.Second), "acme")
	require.True(t, ok)
}
