package edge_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/env"
	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/guard"
)

const probeBody = `{"tenant_id":"cellctl-probe.alpha","id":"probe-1","type":"cellular.probe","payload":{"probe":true}}`

func toProbes(req *request) {
	req.RawPath = strings.Replace(req.RawPath, "/v1/events", "/v1/probes", 1)
}

// prober signs a request, as the deployment's probe does.
func prober(req *request) { verified(principal("AROAEXAMPLE:probe"))(req) }

func newProbedWorld(t *testing.T, changes ...func(*edge.Config)) *world {
	w := newWorld(t, changes...)
	w.mapTenant(mapping.ProbeTenant("alpha"), "alpha", mapping.Active)
	return w
}

// probe submits a body as a probe.
func (w *world) probe(body string, options ...func(*request)) answer {
	w.Helper()
	return w.post(body, append([]func(*request){toProbes, prober}, options...)...)
}

func (w *world) getProbe(id, tenant string, options ...func(*request)) answer {
	w.Helper()
	req := fixture(w.T, "get.json")
	req.RawPath = "/v1/probes/" + id
	req.QueryStringParameters = map[string]string{"tenant_id": tenant}
	prober(&req)
	for _, o := range options {
		o(&req)
	}
	return w.handle(req)
}

// auths are the ways of telling tenants' callers apart, and a caller of each that may speak for acme.
var auths = map[string]struct {
	configure func(*edge.Config)
	caller    *authorizer
}{
	"iam":  {byIAM, principal("AIDACKCEVSQ6C2EXAMPLE")},
	"jwt":  {byToken, token(map[string]string{"tid": "acme"})},
	"none": {authenticated(edge.Auth{Type: env.AuthNone}), nil},
}

func TestProbe_IsTakenFromAPrincipalWhateverTenantsShow(t *testing.T) {
	for name, auth := range auths {
		t.Run(name, func(t *testing.T) {
			w := newProbedWorld(t, auth.configure)
			a := w.probe(probeBody)
			require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
			require.Equal(t, map[string]any{"id": "probe-1", "cell": "alpha", "status": "accepted"}, a.body)
			require.Equal(t, "/v1/probes/probe-1?tenant_id=cellctl-probe.alpha", a.Headers["Location"])
			require.Equal(t, "alpha", a.Headers["X-Cell-Id"])

			a = w.getProbe("probe-1", "cellctl-probe.alpha")
			require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
			require.Equal(t, "accepted", a.body["status"])

			require.Equal(t, http.StatusAccepted, w.probe(probeBody).StatusCode, "the same event again")
			w.wantProblem(w.probe(strings.Replace(probeBody, "true", "false", 1)), http.StatusConflict, "id-conflict")
			w.wantProblem(w.getProbe("probe-2", "cellctl-probe.alpha"), http.StatusNotFound, "unknown-event")
			w.wantProblem(w.probe("nonsense"), http.StatusBadRequest, "malformed-request")
			w.wantProblem(w.getProbe("probe-1/x", "cellctl-probe.alpha"), http.StatusNotFound, "unknown-resource")
		})
	}
}

// A token is none of an operator's, also one that names the tenant that the cell is probed with.
func TestProbe_IsRefusedWithoutAPrincipal(t *testing.T) {
	for name, auth := range auths {
		for _, by := range []*authorizer{nil, principal(""), token(map[string]string{"tid": "cellctl-probe.alpha"})} {
			t.Run(name, func(t *testing.T) {
				w := newProbedWorld(t, auth.configure)
				for _, a := range []answer{w.probe(probeBody, verified(by)), w.getProbe("probe-1", "cellctl-probe.alpha", verified(by))} {
					w.wantProblem(a, http.StatusUnauthorized, "unauthorized")
					require.Equal(t, "AWS4-HMAC-SHA256", a.Headers["WWW-Authenticate"])
				}
				require.Empty(t, w.db.Calls(), "no cell and no mapping is asked")
			})
		}
	}
}

func TestProbe_IsOfATenantThatCellsAreProbedWith(t *testing.T) {
	w := newProbedWorld(t)
	known, unknown := w.probe(order), w.probe(strings.Replace(order, "acme", "nobody", 1))
	w.wantProblem(known, http.StatusForbidden, "foreign-tenant")
	require.Equal(t, known.body["detail"], unknown.body["detail"], "whether there is such a tenant or not")
	w.wantProblem(w.getProbe("order-1", "acme"), http.StatusForbidden, "foreign-tenant")
	require.Empty(t, w.db.Calls(), "no cell and no mapping is asked")
}

func TestProbe_ExpiresSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newProbedWorld(t)
		accepted := time.Now()
		require.Equal(t, http.StatusAccepted, w.probe(probeBody).StatusCode)
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		expiry := func(key string) time.Time {
			e, err := event.FromItem(w.db.Item(dataPrefix+"alpha", key))
			require.NoError(t, err)
			return e.ExpiresAt
		}
		require.Equal(t, event.Expiry(accepted, event.SyntheticTTL), expiry("cellctl-probe.alpha#probe-1"))
		require.Equal(t, event.Expiry(accepted, dataTTL), expiry("acme#order-1"))

		time.Sleep(event.SyntheticTTL + time.Second)
		w.wantProblem(w.getProbe("probe-1", "cellctl-probe.alpha"), http.StatusNotFound, "unknown-event")
		require.Equal(t, http.StatusOK, w.get("order-1", "acme").StatusCode)
	})
}

// What alarms and comparisons count is tenants' requests, whatever becomes of a probe.
func TestProbe_IsCountedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newProbedWorld(t, breaker(2, 1), func(c *edge.Config) { c.TenantLimit = guard.Limit{Rate: 1, Burst: 6} })
		w.probe(probeBody)
		w.wantProbeMetrics(1, "alpha", "probe_requests_2xx")
		require.Equal(t, true, w.lastLine(1)["probe"])
		require.Contains(t, w.lastLine(1), "dispatch_ms")
		w.probe(order)
		w.wantProbeMetrics(2, "", "probe_requests_4xx")
		w.down("mapping")
		w.pass(softTTL)
		w.probe(probeBody)
		w.wantProbeMetrics(3, "alpha", "probe_requests_2xx")
		w.getProbe("e", "cellctl-probe.gamma")
		w.wantProbeMetrics(4, "", "probe_requests_5xx")
		w.up()

		w.down("app-data-cell-alpha")
		w.probe(probeBody)
		w.wantProbeMetrics(5, "alpha", "probe_requests_5xx")
		w.probe(probeBody)
		w.wantProbeMetrics(6, "alpha", "probe_requests_5xx", "breaker_opens")
		w.probe(probeBody)
		w.wantProbeMetrics(7, "alpha", "probe_requests_5xx")
		w.probe(probeBody)
		w.probe(probeBody)
		require.Equal(t, "tenant-rate", w.lastLine(9)["shed"], "a probe has a limit as any tenant")
		w.wantProbeMetrics(9, "", "probe_requests_4xx")
	})
}

// wantProbeMetrics checks the metrics of the log's last line, which no version is compared by.
func (w *world) wantProbeMetrics(n int, cell string, want ...string) {
	w.Helper()
	line := w.lastLine(n)
	require.NotContains(w, line, "version")
	directives := line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)
	require.Len(w, directives, 1)
	dimensions := []any{[]any{}}
	if cell != "" {
		require.Equal(w, cell, line["cell"])
		dimensions = []any{[]any{"cell"}, []any{}}
	}
	require.Equal(w, dimensions, directives[0].(map[string]any)["Dimensions"])
	var names []string
	for _, m := range directives[0].(map[string]any)["Metrics"].([]any) {
		names = append(names, m.(map[string]any)["Name"].(string))
	}
	require.ElementsMatch(w, want, names)
}

// A probe costs its cell no write of a counter, which no tenant's total needs.
func TestProbe_IsNotReportedToTheCounters(t *testing.T) {
	w := newProbedWorld(t)
	router := w.process(configured(func(c *edge.Config) {
		c.Counters, c.TenantLimit = w.counters(), guard.Limit{Rate: 1, Burst: 1}
	}))
	for range 3 {
		req := post(t, probeBody)
		toProbes(&req)
		prober(&req)
		w.handledBy(router, req)
	}
	require.Empty(t, w.calls("rate-counters"))
	w.handledBy(router, post(t, order))
	require.NotEmpty(t, w.calls("rate-counters"), "a tenant's request is")
}

// A tenant's events are not taken for probes, which nobody counts among them and whose business nobody does.
func TestSubmission_TakesNoTenantThatCellsAreProbedWith(t *testing.T) {
	for name, auth := range auths {
		t.Run(name, func(t *testing.T) {
			w := newProbedWorld(t, auth.configure)
			callers := []*authorizer{auth.caller}
			if name == "jwt" { // also where the tenants' issuer says so
				callers = append(callers, token(map[string]string{"tid": "cellctl-probe.alpha"}))
			}
			for _, by := range callers {
				w.wantProblem(w.post(probeBody, verified(by)), http.StatusForbidden, "foreign-tenant")
				w.wantProblem(w.getWith("probe-1", "cellctl-probe.alpha", by), http.StatusForbidden, "foreign-tenant")
			}
			require.Empty(t, w.db.Calls(), "no cell and no mapping is asked")
			require.Equal(t, http.StatusAccepted, w.post(order, verified(auth.caller)).StatusCode)
		})
	}
}
