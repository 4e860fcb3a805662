package edge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/env"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/guard"
	"cellular/internal/testkit/dynamotest"
)

// wantMetrics checks the metrics of the log's last line: those named, of the right dimensions, and no other.
func (w *world) wantMetrics(n int, cell string, want ...string) {
	w.Helper()
	line := w.lastLine(n)
	directive := line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
	require.Equal(w, "Cellular/dev", directive["Namespace"])
	dimensions := []any{[]any{}}
	if cell != "" {
		require.Equal(w, cell, line["cell"])
		dimensions = []any{[]any{"cell"}, []any{}}
	}
	require.Equal(w, dimensions, directive["Dimensions"])
	var names []string
	for _, m := range directive["Metrics"].([]any) {
		name := m.(map[string]any)["Name"].(string)
		require.IsType(w, 0.0, line[name], "%s is no field of the line", name)
		names = append(names, name)
	}
	require.ElementsMatch(w, want, names)
	w.wantByVersion(line, want)
}

// wantByVersion checks that those of a line's metrics by which versions are compared, and no others, count for the version, too.
func (w *world) wantByVersion(line map[string]any, metrics []string) {
	w.Helper()
	require.Equal(w, "7", line["version"])
	directives := line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)
	require.Len(w, directives, 2)
	directive := directives[1].(map[string]any)
	require.Equal(w, []any{[]any{"version"}}, directive["Dimensions"])
	var got, want []string
	for _, m := range directive["Metrics"].([]any) {
		got = append(got, m.(map[string]any)["Name"].(string))
	}
	for _, name := range metrics {
		if slices.Contains([]string{"requests_2xx", "requests_4xx", "requests_5xx", "dispatch_ms"}, name) {
			want = append(want, name)
		}
	}
	require.ElementsMatch(w, want, got)
}

func TestEachLineIsTheRequestsMetricsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, breaker(2, 1), func(c *edge.Config) { c.TenantLimit = guard.Limit{Rate: 1, Burst: 8} })
		w.post(order)
		w.wantMetrics(1, "alpha", "requests_2xx", "cache_misses", "breaker_state", "dispatch_ms")
		w.post(order)
		w.wantMetrics(2, "alpha", "requests_2xx", "cache_hits", "breaker_state", "dispatch_ms")
		w.post("nonsense")
		w.wantMetrics(3, "", "requests_4xx")
		w.get("e", "nobody")
		w.wantMetrics(4, "", "requests_4xx", "cache_misses")
		w.get("e", "nobody")
		w.wantMetrics(5, "", "requests_4xx", "cache_hits")

		w.down("mapping")
		w.pass(softTTL)
		w.post(order)
		w.wantMetrics(6, "alpha", "requests_2xx", "stale_answers", "refresh_failures", "breaker_state", "dispatch_ms")
		w.post(order)
		w.wantMetrics(7, "alpha", "requests_2xx", "stale_answers", "breaker_state", "dispatch_ms")
		w.get("e", "newcomer")
		w.wantMetrics(8, "", "requests_5xx", "requests_5xx_unrouted", "refresh_failures")

		throttled := &types.ProvisionedThroughputExceededException{}
		w.failing("alpha", throttled, throttled, throttled, throttled)
		w.pass(softTTL)
		w.post(order)
		w.wantMetrics(9, "alpha", "requests_5xx", "cache_misses", "breaker_state", "dispatch_ms", "retries")
		w.post(order)
		w.wantMetrics(10, "alpha", "requests_5xx", "cache_hits", "breaker_state", "dispatch_ms", "retries", "breaker_opens")
		w.post(order)
		w.wantMetrics(11, "alpha", "requests_5xx", "cache_hits", "breaker_state", "shed_requests")
		require.EqualValues(t, 2, w.lastLine(11)["breaker_state"])
		require.Equal(t, "breaker", w.lastLine(11)["shed"])
		w.post(order)
		w.post(order)
		w.wantMetrics(13, "", "requests_4xx", "shed_requests")
	})
}

// Whatever a client sends that is not an id stays out of the log, whichever way the request goes.
func TestNoSecretGetsIntoTheLog(t *testing.T) {
	const secret = "s3cr3t"
	secretive := func(req *request) {
		for name, value := range map[string]string{
			"authorization": "Bearer " + secret, "cookie": secret, "x-api-key": secret, "user-agent": secret, "x-forwarded-for": secret,
			"content-type": "application/json; " + secret, "x-request-id": "not an id: " + secret,
			"traceparent": secret,
		} {
			req.Headers[name] = value
		}
		req.Cookies = []string{secret}
		req.RawQueryString = "token=" + secret
		if req.QueryStringParameters == nil {
			req.QueryStringParameters = map[string]string{}
		}
		req.QueryStringParameters["token"] = secret
	}
	claims := verified(token(map[string]string{"tid": "acme", "sub": secret, "email": secret}))
	body := fmt.Sprintf(`{"tenant_id":"acme","id":"e1","type":"t","payload":{"card":%q}}`, secret)

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byToken, breaker(1, 1))
		send := func(body string, options ...func(*request)) answer {
			return w.post(body, append([]func(*request){secretive, claims}, options...)...)
		}
		require.Equal(t, http.StatusAccepted, send(body).StatusCode)
		require.Equal(t, http.StatusConflict, send(strings.Replace(body, "card", "other", 1)).StatusCode)
		require.Equal(t, http.StatusUnauthorized, send(body, verified(token(map[string]string{"tid": "not an id: " + secret}))).StatusCode)
		require.Equal(t, http.StatusForbidden, send(strings.Replace(body, "acme", "tenant-"+secret, 1)).StatusCode)
		for _, wrong := range []string{
			secret, `{"` + secret + `":1}`, `{"tenant_id":"not an id ` + secret + `"}`, `{"tenant_id":"acme","type":"` + secret + ` "}`,
			`{"tenant_id":"acme","id":"` + secret + `#","type":"t","payload":1}`, `{"tenant_id":"acme","payload":` + secret,
		} {
			require.Equal(t, http.StatusBadRequest, send(wrong).StatusCode)
		}
		require.Equal(t, http.StatusBadRequest, send(body, header("idempotency-key", secret+"#")).StatusCode)
		require.Equal(t, http.StatusUnsupportedMediaType, send(body, header("content-type", secret)).StatusCode)
		require.Equal(t, http.StatusRequestEntityTooLarge, send(strings.Replace(body, secret, strings.Repeat(secret, 1000), 1)).StatusCode)
		require.Equal(t, http.StatusNotFound, send(body, func(req *request) { req.RawPath = "/" + secret }).StatusCode)
		get := func(req *request) { req.RawPath, req.RequestContext.HTTP.Method = "/v1/events/e1", http.MethodGet }
		require.Equal(t, http.StatusOK, send("", get).StatusCode)

		w.db.Put(resultsPrefix+"alpha", dynamotest.Item{
			"id": item.Text("acme#e1"), "applied_at": item.Text("now"), "status": item.Text("processed"), "result": item.Text(secret),
		})
		require.Equal(t, http.StatusInternalServerError, send("", get).StatusCode, "a result that is no JSON")
		w.db.Put(dataPrefix+"alpha", dynamotest.Item{
			"id": item.Text("acme#e2"), "tenant_id": item.Text("acme"), "event_id": item.Text("e2"), "payload": item.Text("{" + secret),
		})
		require.Equal(t, http.StatusInternalServerError, send(strings.Replace(body, "e1", "e2", 1)).StatusCode, "a payload that is no JSON")
		w.down("alpha")
		require.Equal(t, http.StatusServiceUnavailable, send(body).StatusCode)
		require.Equal(t, http.StatusServiceUnavailable, send(body).StatusCode, "the breaker is open")

		require.Equal(t, 19, strings.Count(w.logs.String(), "\n"), "one line per request")
		require.NotContains(t, w.logs.String(), secret)
	})
}

// An alarm must not depend on how much is logged.
func TestRequest_HasItsMetricsAtEveryLogLevel(t *testing.T) {
	var out strings.Builder
	reader := func(level string) *env.Reader { return variables(map[string]string{env.LogLevel: level}) }
	for _, level := range env.LogLevels {
		out.Reset()
		router, err := edge.FromEnvironment(t.Context(), reader(level), &out)
		require.NoError(t, err)
		_, err = router.Handle(t.Context(), edge.Request{RawPath: "/"})
		require.NoError(t, err)
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(out.String()), &line), "%s: %s", level, &out)
		require.Equal(t, 1.0, line["requests_4xx"], level)
		require.Contains(t, fmt.Sprint(line["_aws"]), "requests_4xx", level)
		require.Equal(t, level == "debug" || level == "info", line["message"] != nil, "%s: %s", level, &out)
	}
}

func TestEveryLineIsWhatAlarmsAndQueriesRelyOn(t *testing.T) {
	w := newWorld(t)
	w.mapTenant("naughty", "alpha", mapping.Suspended)
	w.post(order)
	w.post("nonsense")
	w.post(`{"tenant_id":"naughty","type":"t","payload":1}`)
	for line := range strings.Lines(w.logs.String()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		for _, name := range []string{"timestamp", "level", "message", "request", "method", "status", "total_ms", "_aws"} {
			require.Contains(t, fields, name)
		}
		require.NotContains(t, fmt.Sprint(fields["_aws"]), "tenant")
	}
}
