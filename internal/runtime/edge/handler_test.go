package edge_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/mappingcache"
)

// everybodyIn is a directory that has every tenant in one cell.
type everybodyIn string

func (c everybodyIn) Lookup(_ context.Context, tenantID string) (mapping.Mapping, mappingcache.Outcome, error) {
	return mapping.Mapping{TenantID: tenantID, CellID: string(c), Epoch: 1, State: mapping.Active, Tier: "standard"}, mappingcache.Hit, nil
}

func TestRoutes(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		kind, allow  string
	}{
		{"GET", "/v1/events", 405, "method-not-allowed", "POST"},
		{"PUT", "/v1/events", 405, "method-not-allowed", "POST"},
		{"POST", "/v1/events/e1", 405, "method-not-allowed", "GET"},
		{"DELETE", "/v1/events/e1", 405, "method-not-allowed", "GET"},
		{"POST", "/v1/events/", 404, "unknown-resource", ""},
		{"GET", "/v1/events/a/b", 404, "unknown-resource", ""},
		{"GET", "/", 404, "unknown-resource", ""},
		{"GET", "", 404, "unknown-resource", ""},
		{"POST", "/v2/events", 404, "unknown-resource", ""},
		{"POST", "/v1/eventsX", 404, "unknown-resource", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			w := newWorld(t)
			a := w.post(order, func(req *request) {
				req.RawPath, req.RequestContext.HTTP.Method = c.path, c.method
			})
			w.wantProblem(a, c.status, c.kind)
			require.Equal(t, c.allow, a.Headers["Allow"])
			require.Empty(t, w.db.Calls())
		})
	}
}

func TestRequestIDIsTheClientsIfItCanBeRepeated(t *testing.T) {
	for given, want := range map[string]string{
		"":                       "JKJaXmPLvHcESHA=",
		"client-42":              "client-42",
		"two words":              "JKJaXmPLvHcESHA=",
		"evil\r\nSet-Cookie: a=": "JKJaXmPLvHcESHA=",
	} {
		w := newWorld(t)
		a := w.post(order, header("x-request-id", given))
		require.Equal(t, want, a.Headers["X-Request-Id"])
		require.Equal(t, want, w.lastLine(1)["request"])
		a = w.post("", header("x-request-id", given))
		require.Equal(t, want, a.body["instance"])
	}
}

func TestOneLinePerRequest(t *testing.T) {
	w := newWorld(t)
	w.post(`{"tenant_id":"acme","id":"e1","type":"t","payload":"the payload"}`)
	line := w.lastLine(1)
	for _, key := range []string{"mapping_ms", "dispatch_ms", "total_ms", "timestamp", "_aws"} {
		require.Contains(t, line, key)
		delete(line, key)
	}
	require.Equal(t, map[string]any{
		"level": "INFO", "message": "request", "status": 202.0, "method": "POST", "request": "JKJaXmPLvHcESHA=", "correlation_id": "JKJaXmPLvHcESHA=",
		"cell": "alpha", "tenant": "acme", "event": "e1", "mapping": "miss", "breaker": "closed", "attempts": 1.0, "patience_ms": 3000.0,
		"requests_2xx": 1.0, "cache_misses": 1.0, "breaker_state": 0.0, "version": "7",
	}, line)

	w.post(`{"tenant_id":"acme","id":"e1","type":"t","payload":"the payload"}`)
	line = w.lastLine(2)
	require.Equal(t, "hit", line["mapping"])
	require.Equal(t, true, line["replayed"])

	w.post(`{"tenant_id":"acme","the field":"the payload"}`)
	line = w.lastLine(3)
	require.Equal(t, "INFO", line["level"])
	require.Equal(t, "malformed-request", line["problem"])
	require.NotContains(t, line, "cell")

	w.down("alpha")
	w.post(order)
	line = w.lastLine(4)
	require.Equal(t, "ERROR", line["level"])
	require.Contains(t, line["error"], dataPrefix+"alpha", "the log, unlike the answer, says what failed")
}

// panics is cells in which every call panics.
type panics struct{ edge.Cells }

func (panics) Write(context.Context, string, event.Event) (*event.Event, error) { panic("boom") }

func TestAPanicIsAnAnswerAndTheProcessGoesOn(t *testing.T) {
	w := newWorld(t)
	w.router = newRouter(t, everybodyIn("alpha"), panics{}, configured(func(c *edge.Config) { c.Cell.InFlight = 1 }), w.logs)
	for range 2 {
		a := w.post(order)
		w.wantProblem(a, http.StatusInternalServerError, "internal")
		require.Equal(t, "order-1", a.body["event_id"])
	}
	require.Contains(t, w.lastLine(2)["error"], "panic: boom")
}

func BenchmarkSubmit(b *testing.B) {
	router := newRouter(b, everybodyIn("alpha"), acceptsAll{}, configured(), io.Discard)
	req := received(b, post(b, order))
	b.ReportAllocs()
	for b.Loop() {
		if a, _ := router.Handle(b.Context(), req); a.StatusCode != http.StatusAccepted {
			b.Fatal(a.Body)
		}
	}
}

// acceptsAll is cells that take everything and keep nothing.
type acceptsAll struct{ edge.Cells }

func (acceptsAll) Write(context.Context, string, event.Event) (*event.Event, error) { return nil, nil }
