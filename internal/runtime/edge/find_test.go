package edge_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
	"cellular/internal/testkit/dynamotest"
)

// The parts of these worlds: what a cell may have of the event order-1 of the tenant acme.
func (w *world) accepted(cell string) {
	e := event.Event{
		TenantID: "acme", ID: "order-1", Type: "order.created", Payload: []byte(`1`), Epoch: 7,
		AcceptedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
	}
	w.db.Put(dataPrefix+cell, e.Item())
}

func (w *world) cloned(cell, from string) {
	w.accepted(cell)
	clone := w.db.Item(dataPrefix+cell, "acme#order-1")
	clone[event.AttrClonedFrom] = item.Text(from)
	w.db.Put(dataPrefix+cell, clone)
}

func (w *world) outcome(cell string, status ledger.Status) {
	entry := dynamotest.Item{
		"id": item.Text("acme#order-1"), "type": item.Text("order.created"), "status": item.Text(string(status)), "applied_at": item.Text("2026-02-03T04:05:07.000Z"),
	}
	if status == ledger.Diverted {
		entry["waiting"] = item.Text("acme")
	}
	w.db.Put(resultsPrefix+cell, entry)
}

func (w *world) fence(cell string, state ledger.FenceState, peer string) {
	f := ledger.Fence{TenantID: "acme", Floor: 8, State: state, Peer: peer, UpdatedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}
	w.db.Put(resultsPrefix+cell, f.Item())
}

// mapsTo is a world whose router has the tenant acme in a cell.
func mapsTo(t *testing.T, cell string, changes ...func(*edge.Config)) *world {
	w := newWorld(t, changes...)
	w.mapTenant("acme", cell, mapping.Active)
	return w
}

// A tenant moves from alpha to beta. Routers that know of it and routers that do not give the same answer at every step.
func TestI8TheStatusCanBeReadThroughAWholeMove(t *testing.T) {
	moving := func(w *world) {
		w.fence("alpha", ledger.Outgoing, "beta")
		w.fence("beta", ledger.Incoming, "alpha")
	}
	moved := func(w *world) {
		w.fence("alpha", ledger.Left, "beta")
		w.fence("beta", ledger.Owner, "alpha")
	}
	for _, c := range []struct {
		name   string
		parts  func(*world)
		status ledger.Status
		cell   string
	}{
		{"accepted, and not yet copied", func(w *world) { moving(w); w.accepted("alpha") }, ledger.Accepted, "alpha"},
		{"applied, and not yet copied", func(w *world) { moving(w); w.accepted("alpha"); w.outcome("alpha", ledger.Processed) }, ledger.Processed, "alpha"},
		{"diverted, and not yet copied", func(w *world) { moving(w); w.accepted("alpha"); w.outcome("alpha", ledger.Diverted) }, ledger.Accepted, "alpha"},
		{"diverted, and copied", func(w *world) {
			moved(w)
			w.accepted("alpha")
			w.outcome("alpha", ledger.Diverted)
			w.cloned("beta", "alpha")
		}, ledger.Accepted, "beta"},
		{"diverted, and applied", func(w *world) {
			moved(w)
			w.accepted("alpha")
			w.outcome("alpha", ledger.Diverted)
			w.cloned("beta", "alpha")
			w.outcome("beta", ledger.Processed)
		}, ledger.Processed, "beta"},
		{"diverted, and failed", func(w *world) {
			moved(w)
			w.accepted("alpha")
			w.outcome("alpha", ledger.Diverted)
			w.cloned("beta", "alpha")
			w.outcome("beta", ledger.Failed)
		}, ledger.Failed, "beta"},
		{"accepted by the new cell", func(w *world) { moved(w); w.accepted("beta") }, ledger.Accepted, "beta"},
		{"forgotten by the old cell", func(w *world) {
			w.fence("alpha", ledger.Left, "beta")
			w.fence("beta", ledger.Owner, "")
			w.cloned("beta", "alpha")
			w.outcome("beta", ledger.Processed)
		}, ledger.Processed, "beta"},
	} {
		for _, cell := range []string{"alpha", "beta"} {
			t.Run(c.name+", by a router that knows "+cell, func(t *testing.T) {
				w := mapsTo(t, cell)
				c.parts(w)
				a := w.get("order-1", "acme")
				require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
				require.Equal(t, string(c.status), a.body["status"])
				require.Equal(t, c.cell, a.body["cell"])
				require.Equal(t, c.cell, a.Headers["X-Cell-Id"])
				require.Equal(t, "order.created", a.body["type"])
				require.Equal(t, c.status == ledger.Accepted, a.body["accepted_at"] == "2026-02-03T04:05:06.000Z")
				require.Equal(t, c.status != ledger.Accepted, a.body["applied_at"] == "2026-02-03T04:05:07.000Z")
				require.LessOrEqual(t, len(w.calls("app-")), 5)
				require.Equal(t, c.cell, w.lastLine(1)["cell"])
				require.Equal(t, "INFO", w.lastLine(1)["level"])
			})
		}
	}
}

func TestI10AStatusTakesAtMostFiveReadsInTwoCells(t *testing.T) {
	for name, c := range map[string]struct {
		parts  func(*world)
		status int
		reads  int
	}{
		"a tenant that never moved": {func(*world) {}, http.StatusNotFound, 3},
		"a move that is forgotten":  {func(w *world) { w.fence("alpha", ledger.Owner, "") }, http.StatusNotFound, 3},
		"nothing in either":         {func(w *world) { w.fence("alpha", ledger.Owner, "beta") }, http.StatusNotFound, 5},
		"a peer that names another": {func(w *world) { w.fence("alpha", ledger.Left, "beta"); w.fence("beta", ledger.Left, "gamma") }, http.StatusNotFound, 5},
		"diverted, not in the peer": {func(w *world) { w.fence("alpha", ledger.Left, "beta"); w.outcome("alpha", ledger.Diverted) }, http.StatusOK, 5},
		"diverted by the peer, too": {func(w *world) { w.fence("alpha", ledger.Left, "beta"); w.outcome("beta", ledger.Diverted) }, http.StatusOK, 5},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.parts(w)
			a := w.get("order-1", "acme")
			require.Equal(t, c.status, a.StatusCode, a.Body)
			if c.status == http.StatusNotFound {
				w.wantProblem(a, http.StatusNotFound, "unknown-event")
				require.Equal(t, "alpha", a.Headers["X-Cell-Id"])
			} else {
				require.Equal(t, "accepted", a.body["status"])
			}
			require.Len(t, w.calls("app-"), c.reads)
			require.Empty(t, w.calls("gamma"))
		})
	}
}

func TestI8AnEventIsNeverSentToThePeer(t *testing.T) {
	w := newWorld(t)
	w.fence("alpha", ledger.Left, "beta")
	a := w.post(order)
	require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
	require.Equal(t, "alpha", a.body["cell"])
	require.Empty(t, w.calls("beta"))
	w.down("alpha")
	w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
	w.wantProblem(w.get("order-1", "acme"), http.StatusServiceUnavailable, "unavailable")
	require.Empty(t, w.calls("beta"), "nor is it asked because the cell fails")
}

// The peer counts against itself. What the tenant's own cell knows is answered; what it does not know is not denied.
func TestAPeerThatFailsIsNotTheTenantsCellThatFails(t *testing.T) {
	for name, fail := range map[string]func(*world, string){"down": (*world).down, "hung": (*world).hung} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, breaker(2, 1))
				w.mapTenant("globex", "beta", mapping.Active)
				w.fence("alpha", ledger.Left, "beta")
				w.accepted("alpha")
				w.outcome("alpha", ledger.Diverted)
				fail(w, "beta")

				start := time.Now()
				a := w.get("order-1", "acme")
				require.LessOrEqual(t, time.Since(start), cellTimeout)
				require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
				require.Equal(t, "accepted", a.body["status"])
				require.Equal(t, "2026-02-03T04:05:06.000Z", a.body["accepted_at"])
				require.Equal(t, "alpha", a.Headers["X-Cell-Id"])
				w.wantNoInternals(a)
				line := w.lastLine(1)
				require.Equal(t, "WARN", line["level"])
				require.Equal(t, []any{"alpha", "beta"}, []any{line["cell"], line["peer"]})
				require.Contains(t, line["peer_error"], "cell beta")

				a = w.get("unknown", "acme")
				w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
				require.Equal(t, "beta", a.Headers["X-Cell-Id"], "it is the peer that failed")
				require.EqualValues(t, 1, w.lastLine(2)["breaker_opens"])
				require.Contains(t, w.lastLine(2)["error"], "cell beta")

				reads := len(w.calls("cell-beta"))
				start = time.Now()
				require.Equal(t, http.StatusOK, w.get("order-1", "acme").StatusCode)
				a = w.get("unknown", "acme")
				w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
				require.Equal(t, "5", a.Headers["Retry-After"])
				require.Zero(t, time.Since(start), "the peer's breaker is open")
				require.Len(t, w.calls("cell-beta"), reads)

				a = w.post(`{"tenant_id":"acme","type":"t","payload":1}`)
				require.Equal(t, http.StatusAccepted, a.StatusCode, "the cell itself is well")
				require.Equal(t, "closed", w.lastLine(5)["breaker"])
			})
		})
	}
}

// A cell that takes long must not make its peer look as if it did.
func TestASlowCellDoesNotOpenTheBreakerOfItsPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, breaker(1, 1))
		w.mapTenant("globex", "beta", mapping.Active)
		w.fence("alpha", ledger.Left, "beta")
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			switch {
			case strings.Contains(c.Table, "results-cell-alpha"):
				time.Sleep(900 * time.Millisecond) // twice: the outcome and the fence
			case strings.Contains(c.Table, "cell-beta") && c.Operation == "GetItem":
				time.Sleep(cellTimeout / 2)
			}
			return nil
		}
		a := w.get("order-1", "acme")
		w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
		require.Equal(t, "alpha", a.Headers["X-Cell-Id"])
		require.Contains(t, w.lastLine(1)["error"], "no time is left to ask its peer")
		require.Equal(t, http.StatusAccepted, w.post(`{"tenant_id":"globex","type":"t","payload":1}`).StatusCode)

		w.outcome("alpha", ledger.Diverted)
		a = w.get("order-1", "acme")
		require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
		require.Equal(t, "accepted", a.body["status"])
		require.Contains(t, w.lastLine(3)["peer_error"], "no time is left")
	})
}

func TestAFenceThatCannotBeReadIsAnInternalError(t *testing.T) {
	w := newWorld(t)
	w.fence("alpha", ledger.Left, "beta")
	fence := w.db.Item(resultsPrefix+"alpha", ledger.FenceKey("acme"))
	fence[ledger.AttrPeer] = &types.AttributeValueMemberBOOL{Value: true}
	w.db.Put(resultsPrefix+"alpha", fence)
	w.wantProblem(w.get("order-1", "acme"), http.StatusInternalServerError, "internal")
	require.Contains(t, w.lastLine(1)["error"], "attribute peer_cell is not a string")
}

// The consumer notes an event as failed before its last attempt. A client is told so when that has ended.
func TestAnEventOnItsLastAttemptHasNotFailedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := func(w *world, by string) {
			entry := w.db.Item(resultsPrefix+"alpha", "acme#order-1")
			entry[ledger.AttrReason], entry[ledger.AttrFailedBy] = item.Text("crashed"), item.Text(by)
			w.db.Put(resultsPrefix+"alpha", entry)
		}
		w := mapsTo(t, "alpha")
		w.accepted("alpha")
		w.outcome("alpha", ledger.Failed)
		ahead(w, event.FormatTime(time.Now().Add(30*time.Second)))
		a := w.get("order-1", "acme")
		require.Equal(t, "accepted", a.body["status"], a.Body)
		require.Equal(t, "2026-02-03T04:05:06.000Z", a.body["accepted_at"])
		require.NotContains(t, a.body, "reason")
		require.NotContains(t, a.body, "applied_at")

		time.Sleep(30 * time.Second)
		a = w.get("order-1", "acme")
		require.Equal(t, []any{"failed", "crashed"}, []any{a.body["status"], a.body["reason"]})

		ahead(w, "no time")
		require.Equal(t, "failed", w.get("order-1", "acme").body["status"])

		w.outcome("alpha", ledger.Processed)
		ahead(w, event.FormatTime(time.Now().Add(time.Hour)))
		require.Equal(t, "processed", w.get("order-1", "acme").body["status"], "it has succeeded, whatever else the entry says")

		lone := mapsTo(t, "alpha") // a message that has no event in the cell
		lone.outcome("alpha", ledger.Failed)
		ahead(lone, event.FormatTime(time.Now().Add(time.Hour)))
		require.Equal(t, "failed", lone.get("order-1", "acme").body["status"])
	})
}
