package guard_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/runtime/guard"
)

// doublings is how often patience doubles from the shortest to the longest: log2(3 s / 250 ms), rounded up.
const doublings = 4

// served is the longest answer that every call waits for sooner or later. What is left of the longest patience may be gone by the
// time that a call has its connection.
const served = longest * 9 / 10

// caller makes calls one after the other into a cell that takes a time to answer.
type caller struct {
	cells *guard.Cells
	now   time.Time
}

func newCaller(t require.TestingT, config guard.CellConfig) *caller {
	return &caller{newCells(t, config), time.Unix(1, 0)}
}

// call makes one call, whose answer takes that long, and returns its state and whether it was answered. A call that is refused is
// made again when its refusal says.
func (c *caller) call(takes time.Duration) (state guard.State, waited time.Duration, answered bool) {
	pass, refusal, ok := c.cells.Enter(c.now, "alpha")
	if !ok {
		c.now = c.now.Add(refusal.Wait)
		return c.call(takes)
	}
	waited = min(takes, pass.Patience)
	c.now = c.now.Add(waited)
	if takes > pass.Patience {
		pass.Leave(c.now, guard.TimedOut, waited)
		return pass.State, waited, false
	}
	pass.Leave(c.now, guard.Succeeded, waited)
	return pass.State, waited, true
}

// took draws what answers take.
func took(t *rapid.T, atMost time.Duration, name string) time.Duration {
	return time.Duration(rapid.Int64Range(0, int64(atMost)).Draw(t, name))
}

// known makes a few calls, of which each takes at most so long.
func (c *caller) known(t *rapid.T, atMost time.Duration) {
	for range rapid.IntRange(1, 20).Draw(t, "calls before") {
		c.call(took(t, atMost, "takes"))
		c.now = c.now.Add(took(t, 2*time.Minute, "pause"))
	}
}

func TestPatience_ACellThatIsNotKnownIsWaitedForInFull(t *testing.T) {
	c := newCaller(t, unlimited(3, 1))
	_, _, answered := c.call(longest)
	require.True(t, answered)

	c = newCaller(t, unlimited(3, 1))
	var waits []time.Duration
	for range 3 {
		_, waited, _ := c.call(time.Hour)
		waits = append(waits, waited)
	}
	require.Equal(t, []time.Duration{longest, shortest, 2 * shortest}, waits, "and after that as if it were well known")
}

// A hang costs a process little, and little more while it lasts.
func TestI10AHangCostsAProcessAShortWaitForEachOfAFewCalls(t *testing.T) {
	c := newCaller(t, unlimited(3, 1))
	c.call(5 * time.Millisecond)
	var closed, probes []time.Duration
	for range 3 + 2*(doublings+1) {
		state, waited, answered := c.call(time.Hour)
		require.False(t, answered)
		if state == guard.Closed {
			closed = append(closed, waited)
		} else {
			probes = append(probes, waited)
		}
	}
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	require.Equal(t, []time.Duration{ms(250), ms(500), ms(1000)}, closed)
	require.Equal(t, []time.Duration{
		ms(250), ms(500), ms(1000), ms(2000), ms(3000), // a cell that comes back slower than it was is found,
		ms(250), ms(500), ms(1000), ms(2000), ms(3000), // and one that does not costs less than the longest wait each time
	}, probes)
}

func TestI10AHangIsLeftWithinABound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.IntRange(1, 6).Draw(t, "failures")
		c := newCaller(t, unlimited(failures, 1))
		slowest := took(t, served, "slowest")
		steady := rapid.Bool().Draw(t, "steady")
		if !steady {
			c.known(t, 2*longest) // it may have been slow, and have hung
		}
		for i, answered := 0, false; !answered; i++ {
			require.LessOrEqual(t, i, failures+doublings)
			_, _, answered = c.call(slowest)
		}
		lost, calls := time.Duration(0), 0
		for {
			state, waited, _ := c.call(time.Hour)
			if state != guard.Closed {
				break
			}
			lost, calls = lost+waited, calls+1
		}
		require.Equal(t, failures, calls)
		require.LessOrEqual(t, lost, longest*time.Duration(failures))
		if first := max(2*slowest, shortest); steady {
			require.LessOrEqual(t, lost, first*(1<<failures-1))
		}
	})
}

// However a cell's answers come to take longer, as long as they come in time, they are waited for after a few calls.
func TestPatience_ACellThatHasBecomeSlowerIsServedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		config := unlimited(rapid.IntRange(1, 5).Draw(t, "failures"), rapid.IntRange(1, 2).Draw(t, "probes"))
		c := newCaller(t, config)
		c.known(t, longest*2) // well, slow, hanging
		slow := took(t, served, "slow")
		lost, changed := 0, c.now
		for answered := false; !answered; lost++ {
			// In the worst case the breaker opens, and patience begins to double with the probes.
			require.LessOrEqual(t, lost, config.Breaker.Failures+doublings)
			_, _, answered = c.call(slow)
		}
		require.LessOrEqual(t, c.now.Sub(changed), time.Duration(lost)*(longest+openFor))
		for i := range 100 {
			state, _, answered := c.call(took(t, slow, "takes"))
			require.True(t, answered, "call %d", i)
			require.True(t, state == guard.Closed || i < config.Breaker.Probes)
			c.now = c.now.Add(took(t, time.Second/2, "pause"))
		}
	})
}

// A cell that is a little slower is not shed: at most one call is lost, and no breaker opens.
func TestPatience_ACellThatIsThreeTimesSlowerLosesOneCallAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCaller(t, unlimited(3, 1))
		usual := took(t, served/3, "usual")
		c.call(usual)
		lost := 0
		for range 100 {
			state, _, answered := c.call(3 * usual)
			require.Equal(t, guard.Closed, state)
			if !answered {
				lost++
			}
			c.now = c.now.Add(took(t, 2*time.Minute, "pause"))
		}
		require.LessOrEqual(t, lost, 1)
		if 3*usual <= shortest {
			require.Zero(t, lost)
		}
	})
}

// Whatever the distribution: answers that are slow now and then cost a few calls a minute at most, however many there are.
func TestPatience_ACellThatAnswersInTimeLosesAFewCallsAMinuteAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCaller(t, unlimited(1<<30, 1))
		usual := took(t, served, "usual")
		c.call(usual)
		var lost []time.Time
		for range rapid.IntRange(1, 300).Draw(t, "calls") {
			takes := usual
			if rapid.IntRange(0, 9).Draw(t, "slow") == 0 {
				takes = took(t, served, "takes")
			}
			if _, _, answered := c.call(takes); !answered {
				lost = append(lost, c.now)
			}
			c.now = c.now.Add(took(t, 10*time.Second, "pause"))
		}
		for i := 2*doublings + 1; i < len(lost); i++ {
			require.Greater(t, lost[i].Sub(lost[i-2*doublings-1]), time.Minute)
		}
	})
}

func TestPatience_RemembersEveryWaitForAMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCaller(t, unlimited(3, 1))
		c.known(t, shortest) // so that the slow call is at any moment between two turns
		for answered := false; !answered; {
			_, _, answered = c.call(time.Second)
		}
		for slow := c.now; ; {
			c.now = c.now.Add(took(t, 20*time.Second, "pause"))
			pass, _, ok := c.cells.Enter(c.now, "alpha")
			require.True(t, ok)
			if c.now.Sub(slow) >= time.Minute {
				break
			}
			require.GreaterOrEqual(t, pass.Patience, 2*time.Second)
			pass.Leave(c.now, guard.Succeeded, 0)
		}
	})
}

func TestPatience_IsShortAgainSomeMinutesAfterASlowTime(t *testing.T) {
	c := newCaller(t, unlimited(3, 1))
	c.call(2 * time.Second)
	_, waited, _ := c.call(time.Hour)
	require.Equal(t, longest, waited)
	for range 3 {
		c.call(time.Millisecond)
		c.now = c.now.Add(time.Minute)
	}
	_, waited, _ = c.call(time.Hour)
	require.Equal(t, shortest, waited)
}

func TestPatience_IsShortAgainAsSoonAsAHangIsOver(t *testing.T) {
	for probes := range doublings + 1 {
		c := newCaller(t, unlimited(3, 1))
		c.call(time.Millisecond)
		for range 3 + probes {
			c.call(time.Hour)
		}
		state, _, _ := c.call(time.Millisecond)
		require.Equal(t, guard.HalfOpen, state)
		state, waited, _ := c.call(time.Hour)
		require.Equal(t, guard.Closed, state)
		require.Equal(t, shortest, waited, "after %d probes that failed", probes)
	}
}

// What fails at once, or is called off, is no measure of how long answers take.
func TestPatience_LearnsFromAnswersAlone(t *testing.T) {
	for _, outcome := range []guard.Outcome{guard.Neutral, guard.Failed} {
		cells := newCells(t, unlimited(3, 1))
		now := time.Unix(1, 0)
		pass, _, _ := cells.Enter(now, "alpha")
		pass.Leave(now, outcome, time.Millisecond)
		pass, _, _ = cells.Enter(now, "alpha")
		require.Equal(t, longest, pass.Patience, "outcome %d", outcome)
	}
}

func TestPatience_NeverAdaptsWhereTheBoundsAreTheSame(t *testing.T) {
	config := unlimited(1<<30, 1)
	config.Timeout.Min = 2 * longest
	c := newCaller(t, config)
	for range 10 {
		c.call(time.Millisecond)
		_, waited, _ := c.call(time.Hour)
		require.Equal(t, longest, waited)
	}
}

func TestPatience_CallsThatHangAtTheSameTimeDoubleItOnce(t *testing.T) {
	r := newRig(t, unlimited(1<<30, 1))
	r.calls(1, guard.Succeeded, false)
	var hung []guard.Pass
	for range 10 {
		hung = append(hung, r.enter(guard.Closed))
	}
	for _, pass := range hung {
		pass.Leave(r.now, guard.TimedOut, pass.Patience)
	}
	require.Equal(t, 2*shortest, r.enter(guard.Closed).Patience)
}
