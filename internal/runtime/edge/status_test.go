package edge_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/testkit/dynamotest"
)

func TestStatusOfAnAcceptedEvent(t *testing.T) {
	w := newWorld(t)
	w.post(order)
	a := w.handle(fixture(t, "get.json"))
	require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
	require.Equal(t, "application/json", a.Headers["Content-Type"])
	require.Equal(t, "alpha", a.Headers["X-Cell-Id"])
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, a.body["accepted_at"])
	delete(a.body, "accepted_at")
	require.Equal(t, map[string]any{
		"id": "order-1", "tenant_id": "acme", "cell": "alpha", "type": "order.created", "status": "accepted",
	}, a.body)
}

func TestStatusOfAnEventWithAnOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		item dynamotest.Item
		want map[string]any
	}{
		"processed": {
			dynamotest.Item{"type": item.Text("order.created"), "status": item.Text("processed"), "result": item.Text(`{"count": 3}`)},
			map[string]any{"type": "order.created", "status": "processed", "result": map[string]any{"count": 3.0}},
		},
		"processed without a result": {
			dynamotest.Item{"type": item.Text("order.created"), "status": item.Text("processed")},
			map[string]any{"type": "order.created", "status": "processed"},
		},
		"failed": {
			dynamotest.Item{"status": item.Text("failed"), "reason": item.Text("malformed")},
			map[string]any{"status": "failed", "reason": "malformed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.post(order)
			c.item["id"], c.item["applied_at"] = item.Text("acme#order-1"), item.Text("2026-02-03T04:05:07.000Z")
			w.db.Put(resultsPrefix+"alpha", c.item)
			a := w.get("order-1", "acme")
			require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
			c.want["id"], c.want["tenant_id"], c.want["cell"] = "order-1", "acme", "alpha"
			c.want["applied_at"] = "2026-02-03T04:05:07.000Z"
			require.Equal(t, c.want, a.body)
		})
	}
}

func TestStatusRefuses(t *testing.T) {
	for _, c := range []struct {
		name, id, tenant string
		status           int
		kind, field      string
	}{
		{"an event that is not there", "nothing", "acme", 404, "unknown-event", ""},
		{"another tenant's event", "order-1", "globex", 404, "unknown-tenant", ""},
		{"no tenant", "order-1", "", 400, "malformed-request", "tenant_id"},
		{"two tenants", "order-1", "acme,globex", 400, "malformed-request", "tenant_id"},
		{"what is no id", "a%23b", "acme", 400, "malformed-request", "id"},
		{"a broken escape", "a%2", "acme", 400, "malformed-request", "id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.post(order)
			a := w.get(c.id, c.tenant)
			w.wantProblem(a, c.status, c.kind)
			if c.field != "" {
				require.Equal(t, c.field, a.body["errors"].([]any)[0].(map[string]any)["field"])
			}
		})
	}
}

// Counters and whatever else the business logic keeps share the results table, under keys that no event has.
func TestStatusReachesNothingButEvents(t *testing.T) {
	w := newWorld(t)
	w.db.Put(resultsPrefix+"alpha", dynamotest.Item{"id": item.Text("#counters#acme"), "status": item.Text("processed")})
	for _, c := range [][2]string{{"acme", "#counters"}, {"counters%23acme", ""}, {"%23counters%23acme", "acme"}} {
		require.Equal(t, http.StatusBadRequest, w.get(c[0], c[1]).StatusCode)
	}
}

func TestStatusOfBadDataIsAnInternalError(t *testing.T) {
	for _, item := range []dynamotest.Item{
		{"id": item.Text("acme#order-1"), "applied_at": item.Text("now"), "status": item.Text("Lost")},
		{"id": item.Text("acme#order-1"), "applied_at": item.Text("now"), "status": item.Text("processed"), "result": item.Text("{")},
		{"id": item.Text("acme#order-1"), "status": item.Text("failed")},
	} {
		w := newWorld(t)
		w.db.Put(resultsPrefix+"alpha", item)
		w.wantProblem(w.get("order-1", "acme"), http.StatusInternalServerError, "internal")
	}
	w := newWorld(t)
	w.db.Put(dataPrefix+"alpha", dynamotest.Item{"id": item.Text("acme#order-1")})
	w.wantProblem(w.get("order-1", "acme"), http.StatusInternalServerError, "internal")
}
