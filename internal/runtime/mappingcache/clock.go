package mappingcache

import "time"

// Instant is one reading of the machine's two clocks, each as the time since an arbitrary origin.
type Instant struct {
	Monotonic time.Duration
	Wall      time.Duration
}

// Clock reads both clocks.
type Clock func() Instant

// SystemClock returns a clock that reads the process's own clocks.
func SystemClock() Clock {
	start := time.Now()
	return func() Instant {
		now := time.Now()
		return Instant{Monotonic: now.Sub(start), Wall: time.Duration(now.UnixNano())}
	}
}

// timeline turns readings of two clocks, neither of which can be trusted alone, into one time that never runs slow.
//
// Lambda freezes a process between invocations, for minutes at times, and the monotonic clock may stand still
// meanwhile; the wall clock goes on, but can be set, also backwards. So time advances between two readings by the
// larger of the two differences, and never goes back. A clock that is set forward makes cached answers look older
// than they are, which costs a read; nothing that a clock does makes one look younger, which would break the hard TTL.
type timeline struct {
	clock Clock
	last  Instant
	now   time.Duration
}

func newTimeline(clock Clock) timeline { return timeline{clock: clock, last: clock()} }

// advance reads the clocks and returns the time since the timeline began.
func (t *timeline) advance() time.Duration {
	i := t.clock()
	t.now += max(i.Monotonic-t.last.Monotonic, i.Wall-t.last.Wall, 0)
	t.last = i
	return t.now
}
