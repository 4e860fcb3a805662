package guard_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/runtime/guard"
)

const (
	openFor  = 5 * time.Second
	shortest = 250 * time.Millisecond // patience
	longest  = 3 * time.Second
)

// unlimited is a configuration in which only the breaker refuses, without jitter.
func unlimited(failures, probes int) guard.CellConfig {
	return guard.CellConfig{
		InFlight: 1 << 30, Limit: guard.Limit{Rate: 1 << 30, Burst: 1 << 30},
		Timeout: guard.Timeout{Min: shortest, Max: longest},
		Breaker: guard.BreakerConfig{Failures: failures, OpenFor: openFor, Probes: probes},
		Random:  func() float64 { return 0 },
	}
}

func newCells(t require.TestingT, config guard.CellConfig) *guard.Cells {
	cells, err := guard.NewCells(config)
	require.NoError(t, err)
	return cells
}

// rig is one cell behind its guard, and a clock.
type rig struct {
	*testing.T
	cells *guard.Cells
	now   time.Time
}

func newRig(t *testing.T, config guard.CellConfig) *rig {
	return &rig{t, newCells(t, config), time.Unix(1, 0)}
}

// enter wants to be let in while the breaker is in a state.
func (r *rig) enter(state guard.State) guard.Pass {
	r.Helper()
	pass, refusal, ok := r.cells.Enter(r.now, "alpha")
	require.True(r, ok, "%+v", refusal)
	require.Equal(r, state, pass.State)
	return pass
}

func (r *rig) refused(reason guard.Reason, wait time.Duration) {
	r.Helper()
	_, refusal, ok := r.cells.Enter(r.now, "alpha")
	require.False(r, ok)
	require.Equal(r, guard.Refusal{Reason: reason, Wait: wait}, refusal)
}

// calls makes calls one after the other, and wants none but the last to open the breaker, and the last to if opens.
func (r *rig) calls(n int, outcome guard.Outcome, opens bool) {
	r.Helper()
	for i := range n {
		pass, _, ok := r.cells.Enter(r.now, "alpha")
		require.True(r, ok)
		require.Equal(r, opens && i == n-1, pass.Leave(r.now, outcome, 0), "call %d", i)
	}
}

func TestOpensAfterFailuresInARowAndForAWhile(t *testing.T) {
	r := newRig(t, unlimited(3, 1))
	r.calls(2, guard.Failed, false)
	r.calls(1, guard.Succeeded, false)
	r.calls(3, guard.Failed, true)
	r.refused(guard.BreakerOpen, openFor)
	r.now = r.now.Add(openFor - 1)
	r.refused(guard.BreakerOpen, 1)
	r.now = r.now.Add(1)
	r.enter(guard.HalfOpen)
}

func TestProbesCloseTheBreakerOrOpenItAgain(t *testing.T) {
	r := newRig(t, unlimited(1, 2))
	r.calls(1, guard.Failed, true)
	r.now = r.now.Add(openFor)
	one, two := r.enter(guard.HalfOpen), r.enter(guard.HalfOpen)
	r.refused(guard.BreakerOpen, 0)
	one.Leave(r.now, guard.Succeeded, 0)
	r.refused(guard.BreakerOpen, 0)
	require.True(t, two.Leave(r.now, guard.Failed, 0))
	r.refused(guard.BreakerOpen, openFor)

	r.now = r.now.Add(openFor)
	r.enter(guard.HalfOpen).Leave(r.now, guard.Succeeded, 0)
	r.enter(guard.HalfOpen).Leave(r.now, guard.Neutral, 0)
	r.enter(guard.HalfOpen).Leave(r.now, guard.Succeeded, 0)
	r.enter(guard.Closed)
}

// A thousand calls that hung when the breaker opened end one by one, some of them late.
func TestCallsOfAnEarlierPeriodCountForNothing(t *testing.T) {
	r := newRig(t, unlimited(1, 1))
	hung := []guard.Pass{r.enter(guard.Closed), r.enter(guard.Closed), r.enter(guard.Closed)}
	r.calls(1, guard.Failed, true)
	require.False(t, hung[0].Leave(r.now, guard.Failed, 0))
	r.now = r.now.Add(openFor)
	probe := r.enter(guard.HalfOpen)
	require.False(t, hung[1].Leave(r.now, guard.Failed, 0))
	hung[2].Leave(r.now, guard.Succeeded, 0)
	r.refused(guard.BreakerOpen, 0)
	probe.Leave(r.now, guard.Succeeded, 0)
	r.enter(guard.Closed)
}

func TestJitterKeepsABreakerOpenForLonger(t *testing.T) {
	config := unlimited(1, 1)
	config.Random = func() float64 { return 0.5 }
	r := newRig(t, config)
	r.calls(1, guard.Failed, true)
	r.refused(guard.BreakerOpen, openFor*11/10)
}

// model is what the documentation of the breaker says, in the terms of a reader: what was done since it last changed.
type model struct {
	config  guard.BreakerConfig
	state   guard.State
	since   time.Time       // of the state
	ended   []guard.Outcome // of the calls that began in the state
	probing int             // probes under way
}

func (m *model) letsIn(now time.Time) bool {
	if m.state == guard.Open && now.Sub(m.since) >= m.config.OpenFor {
		m.become(guard.HalfOpen, now)
	}
	return m.state == guard.Closed || m.state == guard.HalfOpen && m.probing+m.count(guard.Succeeded) < m.config.Probes
}

func (m *model) end(outcome guard.Outcome, now time.Time) {
	m.ended = append(m.ended, outcome)
	switch m.state {
	case guard.Closed:
		row := 0
		for _, o := range m.ended {
			switch o {
			case guard.Failed, guard.TimedOut:
				row++
			case guard.Succeeded:
				row = 0
			case guard.Neutral:
			}
		}
		if row >= m.config.Failures {
			m.become(guard.Open, now)
		}
	case guard.HalfOpen:
		m.probing--
		if m.count(guard.Failed)+m.count(guard.TimedOut) > 0 {
			m.become(guard.Open, now)
		} else if m.count(guard.Succeeded) >= m.config.Probes {
			m.become(guard.Closed, now)
		}
	}
}

func (m *model) count(outcome guard.Outcome) int {
	n := 0
	for _, o := range m.ended {
		if o == outcome {
			n++
		}
	}
	return n
}

func (m *model) become(s guard.State, now time.Time) {
	m.state, m.since, m.ended, m.probing = s, now, nil, 0
}

func TestTheBreakerDoesWhatTheModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		config := unlimited(rapid.IntRange(1, 4).Draw(t, "failures"), rapid.IntRange(1, 3).Draw(t, "probes"))
		cells := newCells(t, config)
		m := &model{config: config.Breaker}
		now := time.Unix(1, 0)
		type call struct {
			pass guard.Pass
			turn int
		}
		var underWay []call
		turn := 0 // counts the model's changes of state
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(openFor)*3/2).Draw(t, "by")))
			},
			"a call comes": func(t *rapid.T) {
				before := m.state
				want := m.letsIn(now)
				if m.state != before {
					turn++
				}
				pass, refusal, ok := cells.Enter(now, "alpha")
				require.Equal(t, want, ok)
				require.Equal(t, m.state, pass.State)
				if !ok {
					require.Equal(t, guard.BreakerOpen, refusal.Reason)
					if m.state == guard.Open {
						require.Equal(t, openFor-now.Sub(m.since), refusal.Wait)
					}
					return
				}
				if m.state == guard.HalfOpen {
					m.probing++
				}
				require.GreaterOrEqual(t, pass.Patience, shortest)
				require.LessOrEqual(t, pass.Patience, longest)
				underWay = append(underWay, call{pass: pass, turn: turn})
			},
			"a call ends": func(t *rapid.T) {
				if len(underWay) == 0 {
					t.Skip("no call is under way")
				}
				i := rapid.IntRange(0, len(underWay)-1).Draw(t, "which")
				c := underWay[i]
				underWay = append(underWay[:i], underWay[i+1:]...)
				outcome := rapid.SampledFrom([]guard.Outcome{guard.Neutral, guard.Succeeded, guard.Failed, guard.TimedOut}).Draw(t, "how")
				waited := time.Duration(rapid.Int64Range(0, int64(c.pass.Patience)).Draw(t, "waited"))
				before := m.state
				if c.turn == turn {
					m.end(outcome, now)
				}
				if m.state != before {
					turn++
				}
				require.Equal(t, m.state == guard.Open && before != guard.Open, c.pass.Leave(now, outcome, waited))
			},
		})
	})
}
