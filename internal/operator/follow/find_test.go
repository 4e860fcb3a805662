package follow_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/follow"
	"cellular/internal/runtime/edge"
	"cellular/internal/testkit/dynamotest"
)

// step is what the tests compare of a step.
type step struct {
	what follow.What
	cell string
	ago  time.Duration
	text string
}

func stepsOf(t follow.Trail) []step {
	var all []step
	for _, s := range t.Steps() {
		all = append(all, step{s.What, s.CellID, noon.Sub(s.At), s.ReasonText})
	}
	return all
}

func TestEvent_IsFollowedWhereverItIs(t *testing.T) {
	const day = 24 * time.Hour
	failed := func(e event.Event, after time.Duration) ledger.Outcome {
		o := outcome(e, ledger.Failed, after)
		o.Reason, o.ReasonText = "rejected", "lines: want a list"
		return o
	}
	tried := func(e event.Event, ago time.Duration) ledger.Attempts {
		return ledger.AttemptsOf(e).With(ledger.Attempt{At: noon.Add(-ago), ReceiveCount: 1, Reason: "error", ReasonText: "connection refused"}, 20, day)
	}
	moved := func(w *world) {
		w.at.CellID, w.at.Epoch = "beta", 2
		w.results("beta", ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Owner, Peer: "alpha", UpdatedAt: noon}.Item())
		w.results("alpha", ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Left, Peer: "beta", UpdatedAt: noon}.Item())
	}
	for name, c := range map[string]struct {
		world    func(*world)
		status   follow.Status
		cell     string // that says so
		steps    []step
		failedIn string
		failures int
		received bool
	}{
		"never accepted": {world: func(*world) {}},
		"on its way": {
			world:  func(w *world) { w.data("alpha", order("e", time.Second).Item()) },
			status: follow.Accepted, cell: "alpha", steps: []step{{follow.WasAccepted, "alpha", time.Second, ""}},
		},
		"applied": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.data("alpha", e.Item())
				w.results("alpha", outcome(e, ledger.Processed, time.Second).Item())
			},
			status: follow.Processed, cell: "alpha", received: true,
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.WasApplied, "alpha", 59 * time.Second, ""}},
		},
		"applied after a failure": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.data("alpha", e.Item())
				w.results("alpha", tried(e, 50*time.Second).Item())
				w.results("alpha", outcome(e, ledger.Processed, 20*time.Second).Item())
			},
			status: follow.Processed, cell: "alpha", failures: 1, received: true,
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.HasFailed, "alpha", 50 * time.Second, "connection refused"}, {follow.WasApplied, "alpha", 40 * time.Second, ""}},
		},
		"failed, and comes again": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.data("alpha", e.Item())
				w.results("alpha", tried(e, 50*time.Second).Item())
			},
			status: follow.Accepted, cell: "alpha", failures: 1, received: true,
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.HasFailed, "alpha", 50 * time.Second, "connection refused"}},
		},
		"given up": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.data("alpha", e.Item())
				w.results("alpha", failed(e, time.Second).Item())
			},
			status: follow.Failed, cell: "alpha", failedIn: "alpha", failures: 1, received: true,
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.WasGivenUp, "alpha", 59 * time.Second, "lines: want a list"}},
		},
		"given up, with the attempt noted behind it": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.data("alpha", e.Item())
				o := failed(e, time.Second)
				o.Reason, o.ReasonText = "error", "connection refused"
				w.results("alpha", o.Item())
				w.results("alpha", tried(e, 59*time.Second-10*time.Millisecond).Item())
			},
			status: follow.Failed, cell: "alpha", failedIn: "alpha", failures: 1, received: true,
			steps: []step{
				{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.HasFailed, "alpha", 59*time.Second - 10*time.Millisecond, "connection refused"},
				{follow.WasGivenUp, "alpha", 59 * time.Second, "connection refused"},
			},
		},
		"given up, and sent again": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.data("alpha", e.Item())
				w.results("alpha", failed(e, time.Second).Item())
				w.results("alpha", tried(e, 30*time.Second).Item())
			},
			status: follow.Failed, cell: "alpha", failedIn: "alpha", failures: 2, received: true,
			steps: []step{
				{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.WasGivenUp, "alpha", 59 * time.Second, "lines: want a list"},
				{follow.HasFailed, "alpha", 30 * time.Second, "connection refused"},
			},
		},
		"given up by an operator before it was received": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.data("alpha", e.Item())
				o := outcome(e, ledger.Failed, time.Second)
				o.Reason = ledger.ReasonDropped
				w.results("alpha", o.Item())
			},
			status: follow.Failed, cell: "alpha", failedIn: "alpha",
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.WasDropped, "alpha", 59 * time.Second, ""}},
		},
		"on its last attempt": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.data("alpha", e.Item())
				o := failed(e, 59*time.Second)
				o.FailedBy = noon.Add(time.Minute)
				w.results("alpha", o.Item())
			},
			status: follow.Accepted, cell: "alpha", received: true, steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}},
		},
		"expired": {
			world:  func(w *world) { w.data("alpha", order("e", 2*day).Item()) },
			status: follow.Expired, cell: "alpha",
			steps: []step{{follow.WasAccepted, "alpha", 2 * day, ""}, {follow.HasExpired, "alpha", day, ""}},
		},
		"unreadable": {
			world: func(w *world) {
				stored := order("e", time.Minute).Item()
				delete(stored, event.AttrPayload)
				w.data("alpha", stored)
			},
			status: follow.Unreadable, cell: "alpha",
		},
		"of the version before": {
			world: func(w *world) {
				e := order("e", time.Minute)
				e.CorrelationID, e.ExpiresAt = "", time.Time{}
				w.data("alpha", e.Item())
				o := outcome(e, ledger.Failed, time.Second)
				o.Reason, o.AcceptedAt = "panic", time.Time{}
				w.results("alpha", o.Item())
			},
			status: follow.Failed, cell: "alpha", failedIn: "alpha", failures: 1, received: true,
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.WasGivenUp, "alpha", 59 * time.Second, ""}},
		},
		"of which the data is deleted": {
			world:  func(w *world) { w.results("alpha", failed(order("e", time.Minute), time.Second).Item()) },
			status: follow.Failed, cell: "alpha", failedIn: "alpha", failures: 1, received: true,
			steps: []step{{follow.WasAccepted, "", time.Minute, ""}, {follow.WasGivenUp, "alpha", 59 * time.Second, "lines: want a list"}},
		},
		"of an id that was used again": {
			world: func(w *world) {
				first := order("e", 2*day)
				w.results("alpha", failed(first, time.Second).Item())
				w.results("alpha", tried(first, 2*day-time.Second).Item())
				w.data("alpha", order("e", time.Second).Item())
			},
			status: follow.Accepted, cell: "alpha", steps: []step{{follow.WasAccepted, "alpha", time.Second, ""}},
		},
		"diverted, while its tenant leaves": {
			world: func(w *world) {
				e := order("e", time.Minute)
				w.at.MovingTo, w.at.State = "beta", mapping.Moving
				w.data("alpha", e.Item())
				w.data("beta", clone(e, "alpha"))
				w.results("alpha", outcome(e, ledger.Diverted, time.Second).Item())
			},
			status: follow.Diverted, cell: "alpha", received: true,
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.WasDiverted, "alpha", 59 * time.Second, ""}},
		},
		"applied in the new cell": {
			world: func(w *world) {
				e := order("e", time.Minute)
				moved(w)
				w.data("alpha", e.Item())
				w.data("beta", clone(e, "alpha"))
				diverted := outcome(e, ledger.Diverted, time.Second)
				diverted.Waiting = false
				w.results("alpha", diverted.Item())
				w.results("beta", outcome(e, ledger.Processed, 2*time.Second).Item())
			},
			status: follow.Processed, cell: "beta", received: true,
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.WasDiverted, "alpha", 59 * time.Second, ""}, {follow.WasApplied, "beta", 58 * time.Second, ""}},
		},
		"given up before its tenant left": {
			world: func(w *world) {
				e := order("e", time.Minute)
				moved(w)
				w.results("beta", ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Owner, UpdatedAt: noon}.Item()) // the move has ended
				w.data("beta", clone(e, "alpha"))
				w.results("beta", failed(e, time.Second).Item())
				w.results("alpha", tried(e, 59*time.Second).Item())
			},
			status: follow.Failed, cell: "beta", failedIn: "alpha", failures: 2, received: true,
			steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}, {follow.HasFailed, "alpha", 59 * time.Second, "connection refused"}, {follow.WasGivenUp, "alpha", 59 * time.Second, "lines: want a list"}},
		},
		"in the cell that its tenant came from": {
			world: func(w *world) {
				moved(w)
				w.data("alpha", order("e", time.Minute).Item())
			},
			status: follow.Accepted, cell: "alpha", steps: []step{{follow.WasAccepted, "alpha", time.Minute, ""}},
		},
		"in a cell whose peer is lost": {
			world: func(w *world) {
				moved(w)
				w.gone["alpha"] = true
				w.data("beta", order("e", time.Minute).Item())
			},
			status: follow.Accepted, cell: "beta", steps: []step{{follow.WasAccepted, "beta", time.Minute, ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			c.world(w)
			trail, err := w.finder().Event(t.Context(), "acme", "e")
			require.NoError(t, err)
			s := trail.Standing()
			require.Equal(t, c.status, s.Status)
			require.Equal(t, c.steps, stepsOf(trail))
			require.Equal(t, c.failures, trail.Failures())
			require.Equal(t, c.received, trail.Received())
			if c.status == follow.None {
				return
			}
			require.Equal(t, c.cell, s.Copy.CellID)
			if c.status == follow.Failed {
				require.Equal(t, c.failedIn, s.FailedIn())
			}
		})
	}
}

func TestEvent_OfATenantWithoutACellIsAnError(t *testing.T) {
	w := newWorld()
	_, err := w.finder().Event(t.Context(), "beta", "e")
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
	_, err = w.finder().Latest(t.Context(), "beta", follow.Filter{Limit: 1})
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
}

func TestEvent_TakesTwoReadsACellAndWritesNothing(t *testing.T) {
	w := newWorld()
	e := order("e", time.Minute)
	w.at.CellID = "beta"
	w.results("beta", ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Owner, Peer: "gamma", UpdatedAt: noon}.Item())
	w.data("beta", clone(e, "alpha"))
	calls := map[string]int{}
	w.Intercept = func(_ context.Context, call dynamotest.Call) error {
		calls[call.Operation]++
		return nil
	}
	trail, err := w.finder().Event(t.Context(), "acme", "e")
	require.NoError(t, err)
	require.Len(t, trail.Copies, 3)
	require.Equal(t, map[string]int{"BatchGetItem": 6}, calls)
}

func TestEvent_EndsWithAReadThatFails(t *testing.T) {
	w := newWorld()
	down := errors.New("down")
	w.Intercept = func(context.Context, dynamotest.Call) error { return down }
	_, err := w.finder().Event(t.Context(), "acme", "e")
	require.ErrorIs(t, err, down)
	require.ErrorContains(t, err, `look for event "acme#e" in cell alpha`)
}

// What an operator is shown of an event is what the client is told, whatever the tables have.
func TestStanding_IsWhatTheClientIsTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		age := rapid.SampledFrom([]time.Duration{time.Second, 23 * time.Hour, 25 * time.Hour, 100 * 24 * time.Hour})
		e := order("e", age.Draw(t, "age"))
		stored := rapid.SampledFrom([]string{"event", "nothing", "unreadable"}).Draw(t, "data")
		switch item := e.Item(); stored {
		case "unreadable":
			delete(item, event.AttrType)
			fallthrough
		case "event":
			w.data("alpha", item)
		}
		if rapid.Bool().Draw(t, "has an outcome") {
			of := e
			if rapid.Bool().Draw(t, "of another acceptance") {
				of = order("e", age.Draw(t, "age of the other"))
			}
			o := outcome(of, rapid.SampledFrom([]ledger.Status{ledger.Processed, ledger.Failed, ledger.Diverted}).Draw(t, "outcome"), time.Second)
			if o.Status == ledger.Failed {
				o.Reason = "error"
				o.FailedBy = rapid.SampledFrom([]time.Time{{}, noon.Add(-time.Second), noon.Add(time.Second)}).Draw(t, "failed by")
			}
			w.results("alpha", o.Item())
		}
		record, told := edge.Tables{Client: w.DB, DataPrefix: cell("").DataTable, ResultsPrefix: cell("").ResultsTable, Now: func() time.Time { return noon }}.
			Read(t.Context(), "alpha", "acme", "e")
		trail, err := w.finder().Event(t.Context(), "acme", "e")
		require.NoError(t, err)
		s := trail.Standing()
		switch {
		case told != nil:
			require.ErrorIs(t, told, edge.ErrMalformed)
			require.Contains(t, []follow.Status{follow.Unreadable, follow.Diverted, follow.Accepted, follow.Failed, follow.Processed}, s.Status)
		case record.Status == "":
			require.Contains(t, []follow.Status{follow.None, follow.Expired, follow.Unreadable}, s.Status)
		case record.Status == ledger.Accepted:
			require.Contains(t, []follow.Status{follow.Accepted, follow.Diverted}, s.Status)
		default:
			require.Equal(t, follow.Status(record.Status), s.Status)
		}
	})
}
