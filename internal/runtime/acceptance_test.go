package runtime_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/testkit/dynamotest"
)

// contents are what clients post under the one id. One travels in its message, and one stays in the table.
var contents = []string{`1`, `"does not travel"`}

// Clients post one id with two contents, by routers whose clocks are up to 20 s apart, mostly about the dates on which the event
// and its outcome expire. DynamoDB deletes what has expired at any time from then on, or never. Requests are slow, die between
// two calls and meet at the same item; records and messages come more than once, and late. Whatever is accepted is applied
// once, with its own content, and routers say so.
func TestI6AnIDThatIsUsedAgainIsAppliedOnceAndNeverDropped(t *testing.T) {
	again := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"post", "post", "post", "pass", "pass", "pass", "sweep", "publish", "deliver", "deliver", "look"}).Draw(t, "step") {
			case "post":
				w.post(0)
			case "pass":
				w.pass(w.drawPause())
			case "sweep":
				w.sweep()
			case "publish":
				if i := w.drawIndex(len(w.acceptances)); i >= 0 && w.now.Before(w.acceptances[i].AcceptedAt.Add(publishedBy)) {
					w.publish(w.acceptances[i])
				}
			case "deliver":
				if i := w.drawIndex(len(w.messages)); i >= 0 && w.now.Before(w.messages[i].of.AcceptedAt.Add(w.until(w.messages[i].of))) {
					w.deliver(w.messages[i], rapid.SampledFrom([]int{1, maxReceives}).Draw(t, "receives"), rapid.IntRange(0, 3).Draw(t, "rejected") == 0)
				}
			}
			w.check()
		}
		w.catchUp(w.now.Add(appliedBy + maxSkew))
		w.check()
		for _, a := range w.acceptances {
			require.EqualValues(t, 1, w.effects(a), "the event that was accepted at %s", event.FormatTime(a.AcceptedAt))
		}
		again = max(again, len(w.acceptances))
	})
	require.Greater(t, again, 2, "no id was used again")
}

// until is how long after its acceptance a message of an event may come. Only a duplicate may be late.
func (w *world) until(a *acceptance) time.Duration {
	if a.applied {
		return late
	}
	return appliedBy
}

// drawIndex draws an index below n, most of the time the last; -1 where n is 0.
func (w *world) drawIndex(n int) int {
	if n == 0 {
		return -1
	}
	return n - 1 - rapid.IntRange(0, n-1).Draw(w.T, "from the last")
}

// drawPause draws how much time passes: some seconds, some hours, or what is left until about a date of the last event.
func (w *world) drawPause() time.Duration {
	short := []time.Duration{time.Millisecond, time.Second, 7 * time.Second, 15 * time.Second, 3 * time.Hour, 30 * time.Hour}
	d := rapid.SampledFrom(append(short, -dataTTL, -dataTTL, -resultTTL)).Draw(w.T, "pause")
	if d > 0 {
		return d
	}
	if len(w.acceptances) == 0 {
		return 0
	}
	date := w.acceptances[len(w.acceptances)-1].AcceptedAt.Add(-d)
	about := time.Duration(rapid.IntRange(-30_000, 30_000).Draw(w.T, "about")) * time.Millisecond
	return max(0, date.Add(about).Sub(w.now))
}

// pass lets time pass. What is due to be published or applied meanwhile is.
func (w *world) pass(d time.Duration) {
	w.catchUp(w.now.Add(d))
	w.now = w.now.Add(d)
}

// catchUp publishes and applies what would be overdue at a time.
func (w *world) catchUp(at time.Time) {
	for _, a := range w.acceptances {
		if !a.published && !at.Before(a.AcceptedAt.Add(publishedBy)) {
			w.publish(a)
		}
	}
	for _, m := range w.messages {
		if !m.of.applied && !at.Before(m.of.AcceptedAt.Add(appliedBy)) {
			w.deliver(m, 1, false)
		}
	}
}

// post posts a content by a router. In the midst of it, other things happen, to some depth: another router is at the same id, the
// table deletes what has expired, time passes, or the router dies.
func (w *world) post(depth int) {
	router, content := rapid.IntRange(0, len(w.routers)-1).Draw(w.T, "router"), rapid.SampledFrom(contents).Draw(w.T, "content")
	began, dies := w.now, false
	before := w.db.Intercept
	w.db.Intercept = w.interrupt(before, began, depth, &dies)
	answer := w.submit(router, content)
	w.db.Intercept = before
	stored := w.stored()
	switch answer.StatusCode {
	case http.StatusAccepted:
		require.NotNil(w, stored)
		require.Equal(w, content, string(stored.Payload))
	case http.StatusConflict:
		require.NotEqual(w, content, string(stored.Payload))
		require.True(w, w.now.Before(stored.ExpiresAt.Add(maxSkew+maxRequest)), "what has expired is in nobody's way")
	default:
		require.Equal(w, http.StatusServiceUnavailable, answer.StatusCode, answer.Body)
		require.True(w, dies, "nothing failed: %s", answer.Body)
	}
}

var errDied = errors.New("the router has died")

// interrupt is what may happen before a call of a router's.
func (w *world) interrupt(before func(context.Context, dynamotest.Call) error, began time.Time, depth int, dies *bool) func(context.Context, dynamotest.Call) error {
	var self func(context.Context, dynamotest.Call) error
	self = func(_ context.Context, call dynamotest.Call) error {
		if *dies {
			return errDied
		}
		w.db.Intercept = before
		defer func() { w.db.Intercept = self }()
		switch rapid.SampledFrom([]string{"", "", "", "sweep", "pass", "other", "dies"}).Draw(w.T, "before "+call.Operation) {
		case "sweep":
			w.sweep()
		case "pass":
			w.pass(min(time.Duration(rapid.IntRange(0, int(maxRequest/time.Second)).Draw(w.T, "seconds"))*time.Second, began.Add(maxRequest).Sub(w.now)))
		case "other":
			if depth == 0 {
				w.post(depth + 1)
			}
		case "dies":
			*dies = true
			return errDied
		}
		return nil
	}
	return self
}

// check asks each router for the status of the event, where all clocks agree on which one there is.
func (w *world) check() {
	stored := w.stored()
	for router := range w.routers {
		status := w.status(router)
		switch {
		case stored != nil && w.now.Before(stored.ExpiresAt.Add(-maxSkew)):
			require.Equal(w, w.want(stored), status)
		case stored == nil || !w.now.Before(stored.ExpiresAt.Add(maxSkew)):
			require.NotEqual(w, "accepted", status, "what has expired is absent")
		}
	}
}

// want is the status of an event by what the consumer has done with it.
func (w *world) want(stored *event.Event) string {
	for _, a := range w.acceptances {
		if !a.AcceptedAt.Equal(stored.AcceptedAt) {
			continue
		}
		switch {
		case a.applied:
			return "processed"
		case a.failed:
			return "failed"
		}
	}
	return "accepted"
}
