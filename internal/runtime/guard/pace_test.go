package guard_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/guard"
)

// onePace is one process's buckets and a clock.
type onePace struct {
	*testing.T
	*guard.Buckets
	now time.Time
}

// newPace has a limit of 100 a second, whose reports are due every 5 requests.
func newPace(t *testing.T) *onePace {
	return &onePace{t, newBuckets(t, guard.Limit{Rate: 100, Burst: 200}, 10), time.Unix(1_800_000_000, 0)}
}

// ask makes requests and returns how many were let through.
func (p *onePace) ask(tenantID string, n int) (admitted int) {
	for range n {
		if _, ok := p.Take(p.now, tenantID); ok {
			admitted++
		}
	}
	return admitted
}

// report wants a report of so many requests to be due, and ends it with a total.
func (p *onePace) report(tenantID, cellID string, asked int64, total guard.Total) guard.Report {
	p.Helper()
	report, due := p.Due(p.now, tenantID, cellID)
	require.True(p, due)
	require.Equal(p, asked, report.Asked)
	p.Learn(p.now, tenantID, total)
	return report
}

func (p *onePace) notDue(tenantID, cellID string) {
	p.Helper()
	_, due := p.Due(p.now, tenantID, cellID)
	require.False(p, due)
}

// hold makes acme ask ten times its limit of all processes.
func (p *onePace) hold() {
	p.Helper()
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 1000})
	p.now = p.now.Add(2 * time.Second)
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 3000})
	require.Equal(p, 1, p.ask("acme", 10))
}

func TestPace_IsTheLimitsShareOfWhatAllProcessesAreAsked(t *testing.T) {
	p := newPace(t)
	require.Equal(t, 4, p.ask("acme", 4))
	p.notDue("acme", "alpha")
	p.ask("acme", 1)
	p.report("acme", "alpha", 5, guard.Total{Asked: 5})
	p.now = p.now.Add(time.Second - 1)
	require.Equal(t, 20, p.ask("acme", 20))
	p.notDue("acme", "alpha")
	p.now = p.now.Add(1)
	p.report("acme", "alpha", 20, guard.Total{Asked: 405})
	require.Equal(t, 25, p.ask("acme", 100), "400 a second are asked of all processes")
	wait, ok := p.Take(p.now, "acme")
	require.False(t, ok)
	require.Equal(t, 3*time.Second, wait, "what comes in a second takes four")
}

// A burst is let through whole, whichever processes it comes to.
func TestPace_LetsABurstThrough(t *testing.T) {
	p := newPace(t)
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 5})
	p.now = p.now.Add(time.Second)
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 5 + 300})
	require.Equal(t, 50, p.ask("acme", 50), "200 more than in a second at the limit")
	p.now = p.now.Add(time.Second)
	p.report("acme", "alpha", 50, guard.Total{Asked: 5 + 300 + 200})
	require.Equal(t, 20, p.ask("acme", 50), "250 a second are asked of all processes, and the burst is used up")
}

func TestPace_IsLearnedFromAnotherProcess(t *testing.T) {
	p := newPace(t)
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 1e6, Share: guard.Share{Of: 0.2, At: p.now.Add(-time.Second)}})
	require.Equal(t, 2, p.ask("acme", 10))
	p.now = p.now.Add(2 * time.Second)
	require.Equal(t, 0.2, p.report("acme", "", 10, guard.Total{Asked: 1e6 + 100}).Of, "it passes on what it uses")

	stale := newPace(t)
	stale.ask("acme", 5)
	stale.report("acme", "alpha", 5, guard.Total{Asked: 1e6, Share: guard.Share{Of: 0.2, At: stale.now.Add(-time.Minute)}})
	require.Equal(t, 10, stale.ask("acme", 10))
}

func TestPace_OfOneTenantIsNoOthers(t *testing.T) {
	p := newPace(t)
	p.hold()
	require.Equal(t, 100, p.ask("globex", 100))
	p.report("globex", "alpha", 100, guard.Total{Asked: 100})
	p.now = p.now.Add(5 * time.Second)
	_, due := p.Due(p.now, "acme", "")
	require.True(t, due)
	p.Miss("acme", false)
	p.ask("acme", 10)
	p.notDue("acme", "alpha")
	p.ask("globex", 10)
	p.report("globex", "alpha", 10, guard.Total{Asked: 110})
}

// Whatever the totals are of that do not continue each other, no tenant is held back for the difference.
func TestPace_TakesNoOtherCounterForAFlood(t *testing.T) {
	for name, next := range map[string]struct {
		cellID string
		total  int64
	}{
		"the tenant has moved":          {"beta", 1e9},
		"the counter has expired":       {"alpha", 5},
		"the tenant has moved and back": {"beta", 5},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPace(t)
			p.ask("acme", 5)
			p.report("acme", "alpha", 5, guard.Total{Asked: 1e6})
			p.now = p.now.Add(time.Second)
			p.ask("acme", 5)
			p.report("acme", next.cellID, 5, guard.Total{Asked: next.total})
			require.Equal(t, 100, p.ask("acme", 100))
		})
	}
}

func TestPace_EndsWhenTheCounterIsSilentForLong(t *testing.T) {
	p := newPace(t)
	p.hold()
	for range 40 {
		p.now = p.now.Add(time.Second)
		p.ask("acme", 1)
		if _, due := p.Due(p.now, "acme", ""); due {
			p.Miss("acme", false)
		}
	}
	require.Equal(t, 100, p.ask("acme", 100))
}

// A counter that counts and answers too late must not count the same requests again and again.
func TestPace_ReportsNothingAgainThatALateCounterMayHave(t *testing.T) {
	p := newPace(t)
	p.ask("acme", 5)
	_, due := p.Due(p.now, "acme", "alpha")
	require.True(t, due)
	p.Miss("acme", true)
	p.now = p.now.Add(time.Second)
	p.notDue("acme", "alpha")
	p.ask("acme", 5)
	p.report("acme", "alpha", 5, guard.Total{Asked: 10})
}

func TestPace_MakesOneReportAtATime(t *testing.T) {
	p := newPace(t)
	p.ask("acme", 5)
	_, due := p.Due(p.now, "acme", "alpha")
	require.True(t, due)
	p.now = p.now.Add(time.Minute)
	p.ask("acme", 7)
	p.notDue("acme", "alpha")
	p.Miss("acme", false)
	p.now = p.now.Add(time.Second)
	p.report("acme", "alpha", 12, guard.Total{Asked: 12})
	p.notDue("acme", "alpha")
	p.notDue("nobody", "alpha")
}
