package edge_test

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/dynamotest"
)

const (
	resultTTL = 90 * 24 * time.Hour
	other     = `{"tenant_id":"acme","id":"order-1","type":"order.created","payload":{"total":43}}`
)

var (
	began     = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	dataEnds  = began.Add(dataTTL)
	laterDay  = dataEnds.Add(24 * time.Hour)
	laterEnds = laterDay.Add(dataTTL)
)

// acceptedAt puts the event order-1 into a cell, as a router accepts it at a time.
func (w *world) acceptedAt(cell string, at time.Time, payload string) event.Event {
	e := event.Event{
		TenantID: "acme", ID: "order-1", Type: "order.created", Payload: []byte(payload), Epoch: 7,
		AcceptedAt: at, ExpiresAt: event.Expiry(at, dataTTL),
	}
	w.db.Put(dataPrefix+cell, e.Item())
	return e
}

// decided puts what became of an event, a second after it was accepted.
func (w *world) decided(cell string, e event.Event, status ledger.Status) {
	o := ledger.Of(e, status, e.AcceptedAt.Add(time.Second), resultTTL)
	if status == ledger.Failed {
		o.Reason = "error"
	}
	w.db.Put(resultsPrefix+cell, o.Item())
}

// sweep deletes what has expired, as DynamoDB does some time.
func (w *world) sweep(cell string) {
	for _, table := range []string{dataPrefix + cell, resultsPrefix + cell} {
		for _, stored := range w.db.Items(table) {
			if ledger.Expired(stored, w.now()) {
				w.db.Delete(table, "acme#order-1")
			}
		}
	}
}

// Each row of the table of docs/router.md, whether DynamoDB has deleted what has expired or not.
func TestTheStatusOfAnIDAfterEachDate(t *testing.T) {
	const content = `{"total":42.5}` // that of order
	first := func(w *world) event.Event { return w.acceptedAt("alpha", began, content) }
	decided := func(status ledger.Status) func(*world) {
		return func(w *world) { w.decided("alpha", first(w), status) }
	}
	usedAgain := func(status ledger.Status) func(*world) {
		return func(w *world) {
			w.decided("alpha", first(w), ledger.Processed)
			if e := w.acceptedAt("alpha", laterDay, content); status != ledger.Accepted {
				w.decided("alpha", e, status)
			}
		}
	}
	rows := []struct {
		id    string
		parts func(*world)
		now   time.Time
		get   string
		free  bool // whether the id is a new event's
	}{
		{"accepted, before the event's date", func(w *world) { first(w) }, dataEnds.Add(-time.Millisecond), "accepted", false},
		{"processed, before the event's date", decided(ledger.Processed), dataEnds.Add(-time.Millisecond), "processed", false},
		{"failed, before the event's date", decided(ledger.Failed), dataEnds.Add(-time.Millisecond), "failed", false},
		{"accepted, from the event's date on", func(w *world) { first(w) }, dataEnds, "404", true},
		{"processed, from the event's date on", decided(ledger.Processed), dataEnds, "processed", true},
		{"failed, from the event's date on", decided(ledger.Failed), dataEnds, "failed", true},
		{"used again, and not applied yet", usedAgain(ledger.Accepted), laterDay.Add(time.Second), "accepted", false},
		{"used again, and processed", usedAgain(ledger.Processed), laterDay.Add(2 * time.Second), "processed", false},
		{"used again, from the new event's date on", usedAgain(ledger.Processed), laterEnds, "processed", true},
		{"processed, from the outcome's date on", decided(ledger.Processed), began.Add(time.Second + resultTTL), "404", true},
		{"accepted by a version that stamps no date", func(w *world) {
			e := first(w)
			e.ExpiresAt = time.Time{}
			w.db.Put(dataPrefix+"alpha", e.Item())
		}, began.AddDate(9, 0, 0), "accepted", false},
	}
	page, err := os.ReadFile("../../../docs/router.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(page), "### How long an id is known")
	section, _, _ = strings.Cut(section, "\n### ")
	require.Equal(t, len(rows)+2, strings.Count(section, "\n|"), "the page has a row for each, and its head")
	for _, row := range rows {
		get, same, different := "`"+row.get+"`", "the same 202", "409"
		if row.get == "404" {
			get = row.get
		}
		if row.free {
			same, different = "202, a new event", "202, a new event"
		}
		require.Contains(t, section, "| "+strings.Join([]string{row.id, get, same, different}, " | ")+" |\n")
		for _, swept := range []bool{false, true} {
			t.Run(row.id+", deleted: "+strconv.FormatBool(swept), func(t *testing.T) {
				world := func() *world {
					w := newWorld(t)
					row.parts(w)
					w.setClock(row.now)
					if swept {
						w.sweep("alpha")
					}
					return w
				}
				w := world()
				answer := w.get("order-1", "acme")
				if row.get == "404" {
					w.wantProblem(answer, http.StatusNotFound, "unknown-event")
				} else {
					require.Equal(t, http.StatusOK, answer.StatusCode, answer.Body)
					require.Equal(t, row.get, answer.body["status"])
				}
				for _, body := range []string{order, other} {
					w := world()
					inserted := 0
					w.db.OnInsert(dataPrefix+"alpha", func(dynamotest.Item) { inserted++ })
					answer := w.post(body)
					if !row.free && body == other {
						w.wantProblem(answer, http.StatusConflict, "id-conflict")
						continue
					}
					require.Equal(t, http.StatusAccepted, answer.StatusCode, answer.Body)
					require.Equal(t, !row.free, answer.Headers["Idempotent-Replayed"] == "true")
					require.Equal(t, row.free, inserted == 1, "the stream shows a new event as an insert, and nothing else")
					if row.free {
						require.Equal(t, "accepted", w.get("order-1", "acme").body["status"])
						require.Equal(t, row.now, w.stored("alpha", "acme#order-1").AcceptedAt)
					}
				}
			})
		}
	}
}

// Another router is at the same id, between any two calls of this one.
func TestRouter_LosesTheRaceForAnExpiredID(t *testing.T) {
	for _, c := range []struct {
		name   string
		before string // the call before which the other router acts
		act    func(*world)
		body   string
		status int
		epoch  time.Time // when what is there in the end was accepted
	}{
		{"deleted by another", "DeleteItem", func(w *world) { w.db.Delete(dataPrefix+"alpha", "acme#order-1") }, order, 202, laterDay},
		{"replaced by the same event", "DeleteItem", func(w *world) { w.acceptedAt("alpha", dataEnds, `{"total":42.5}`) }, order, 202, dataEnds},
		{"replaced by another event", "DeleteItem", func(w *world) { w.acceptedAt("alpha", dataEnds, `1`) }, order, 409, dataEnds},
		{"extended by an operator", "DeleteItem", func(w *world) {
			e := w.stored("alpha", "acme#order-1")
			e.ExpiresAt = laterDay.Add(time.Hour)
			w.db.Put(dataPrefix+"alpha", e.Item())
		}, other, 409, began},
		{"put by another in between", "PutItem", func(w *world) {
			if len(w.db.Items(dataPrefix+"alpha")) == 0 {
				w.acceptedAt("alpha", dataEnds, `{"total":42.5}`)
			}
		}, order, 202, dataEnds},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.acceptedAt("alpha", began, `{"total":42.5}`)
			w.setClock(laterDay)
			w.db.Intercept = func(_ context.Context, call dynamotest.Call) error {
				if call.Operation == c.before {
					c.act(w)
				}
				return nil
			}
			answer := w.post(c.body)
			require.Equal(t, c.status, answer.StatusCode, answer.Body)
			require.Equal(t, c.epoch, w.stored("alpha", "acme#order-1").AcceptedAt)
		})
	}
}

// A router that is killed after it has deleted an expired event leaves nothing, and the client's retry finds its id free, at a
// router whose clock is behind, too.
func TestRouter_PutsAnEventAfterOneThatDiedBetweenDeleteAndPut(t *testing.T) {
	w := newWorld(t)
	first := w.acceptedAt("alpha", began, `{"total":42.5}`)
	w.decided("alpha", first, ledger.Processed)
	w.setClock(dataEnds)
	w.db.Intercept = func(_ context.Context, call dynamotest.Call) error {
		if call.Operation == "PutItem" && len(w.db.Items(dataPrefix+"alpha")) == 0 {
			return context.DeadlineExceeded
		}
		return nil
	}
	w.wantProblem(w.post(other), http.StatusServiceUnavailable, "unavailable")
	require.Empty(t, w.db.Items(dataPrefix+"alpha"))
	w.up()
	w.setClock(dataEnds.Add(-10 * time.Second))
	require.Equal(t, http.StatusAccepted, w.post(other).StatusCode)
	second := w.stored("alpha", "acme#order-1")
	require.True(t, second.After(first))
	require.Equal(t, "accepted", w.get("order-1", "acme").body["status"], "the outcome is of the earlier event")
}

// A tenant moves from alpha to beta while an id is used again. Whatever routers know of the move, they see the later event.
func TestI8TheStatusOfAnIDThatIsUsedAgainDuringAMove(t *testing.T) {
	for _, c := range []struct {
		name   string
		parts  func(*world, event.Event)
		status string
	}{
		{"nowhere", func(*world, event.Event) {}, "processed"},
		{"in the new cell", func(w *world, _ event.Event) { w.acceptedAt("beta", laterDay, `1`) }, "accepted"},
		{"in the new cell, failed", func(w *world, _ event.Event) {
			w.decided("beta", w.acceptedAt("beta", laterDay, `1`), ledger.Failed)
		}, "failed"},
		{"in the old cell, diverted", func(w *world, _ event.Event) {
			w.decided("alpha", w.acceptedAt("alpha", laterDay, `1`), ledger.Diverted)
		}, "accepted"},
		{"in the old cell, diverted, and the new cell has the earlier outcome", func(w *world, first event.Event) {
			w.decided("alpha", w.acceptedAt("alpha", laterDay, `1`), ledger.Diverted)
			w.decided("beta", first, ledger.Processed)
		}, "accepted"},
		{"nowhere, and the old cell has a failure from before", func(w *world, first event.Event) {
			w.decided("alpha", first, ledger.Failed)
			w.decided("beta", first, ledger.Processed)
		}, ""}, // the router's own cell answers
	} {
		for cell, peer := range map[string]string{"alpha": "beta", "beta": "alpha"} {
			t.Run(c.name+", by a router that knows "+cell, func(t *testing.T) {
				w := mapsTo(t, cell)
				w.fence("alpha", ledger.Left, "beta")
				w.fence("beta", ledger.Owner, "alpha")
				first := w.acceptedAt("alpha", began, `0`)
				w.decided("alpha", first, ledger.Processed)
				c.parts(w, first)
				w.setClock(laterDay.Add(time.Minute))
				want := c.status
				if want == "" {
					want = string(ledger.Peek(w.db.Item(resultsPrefix+cell, "acme#order-1")).Status)
				}
				answer := w.get("order-1", "acme")
				require.Equal(t, http.StatusOK, answer.StatusCode, answer.Body)
				require.Equal(t, want, answer.body["status"])

				if c.name == "in the new cell" && cell == "alpha" {
					w.down(peer)
					w.wantProblem(w.get("order-1", "acme"), http.StatusServiceUnavailable, "unavailable")
				}
			})
		}
	}
}
