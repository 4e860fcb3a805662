package health_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/health"
	"cellular/local/awsapi"
	"cellular/local/gateway"
)

// front is a router: what it answers to a POST, and to each GET in turn, the last one for ever.
type front struct {
	post func(tenant, id string) (status int, body string)
	get  []func(tenant, id string) (status int, body string)

	mu       sync.Mutex
	looks    map[string]int
	requests []*http.Request
	bodies   []string
	under    int // requests that are under way
	most     int // and how many were at most
}

// aWhile is how long every request takes.
const aWhile = 30 * time.Millisecond

// Do is the front without a network between, for tests in which time is not real.
func (f *front) Do(r *http.Request) (*http.Response, error) {
	f.count(1)
	defer f.count(-1)
	select {
	case <-time.After(aWhile):
	case <-r.Context().Done():
		return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: r.Context().Err()}
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result(), nil
}

func (f *front) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.under += n
	f.most = max(f.most, f.under)
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests, f.bodies = append(f.requests, r), append(f.bodies, string(body))
	answer, tenant, id := f.post, "", ""
	if r.Method == http.MethodPost {
		var e struct {
			TenantID string `json:"tenant_id"`
			ID       string `json:"id"`
		}
		if json.Unmarshal(body, &e) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		tenant, id = e.TenantID, e.ID
	} else {
		tenant, id = r.URL.Query().Get("tenant_id"), strings.TrimPrefix(r.URL.Path, "/v1/events/")
		answer = f.get[min(f.looks[id], len(f.get)-1)]
		f.looks[id]++
	}
	status, text := answer(tenant, id)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func cellOf(tenant string) string { return strings.TrimPrefix(tenant, "cellctl-probe.") }

// tells answers that the tenant's own cell has the event.
func tells(code int, status string) func(tenant, id string) (int, string) {
	return func(tenant, id string) (int, string) {
		return code, `{"id":"` + id + `","cell":"` + cellOf(tenant) + `","status":"` + status + `","reason":"business"}`
	}
}

func says(code int, body string) func(string, string) (int, string) {
	return func(string, string) (int, string) { return code, body }
}

type placements map[string]string // cells other than the tenant's own

func (p placements) PutProbe(_ context.Context, c manifest.Cell) (mapping.Mapping, error) {
	m := mapping.Mapping{TenantID: mapping.ProbeTenant(c.ID), CellID: c.ID}
	if other, ok := p[c.ID]; ok {
		m.CellID = other
	}
	return m, nil
}

// probe probes cells in a bubble: its waits take no time.
func (f *front) probe(t *testing.T, change func(*health.Prober), ids ...string) (results []health.Probed, err error) {
	t.Helper()
	f.looks = map[string]int{}
	authorize, err := health.NewAuthorizer("none", nil, "", "")
	require.NoError(t, err)
	p := health.Prober{Router: manifest.Router{URL: "http://router"}, Placement: placements{}, HTTP: f, Authorize: authorize}
	if change != nil {
		change(&p)
	}
	cells := make([]manifest.Cell, len(ids))
	for i, id := range ids {
		cells[i].ID = id
	}
	synctest.Test(t, func(t *testing.T) { results, err = p.Probe(t.Context(), cells) })
	return results, err
}

func TestAProbeFollowsAnEventThroughItsCell(t *testing.T) {
	f := &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){
		tells(200, "accepted"), says(503, "busy"), says(429, "slowly"), tells(200, "processed"),
	}}
	results, err := f.probe(t, nil, "alpha", "beta")
	require.NoError(t, err)
	require.Len(t, results, 2)
	for i, cell := range []string{"alpha", "beta"} {
		r := results[i]
		require.Equal(t, cell, r.Cell)
		require.Equal(t, "cellctl-probe."+cell, r.Tenant)
		require.Equal(t, aWhile, r.Accepted)
		require.Equal(t, 5*aWhile+350*time.Millisecond, r.Processed, "four looks, with pauses of 50, 100 and 200 ms")
		require.NoError(t, r.Err)
	}
	require.NotEqual(t, results[0].Event, results[1].Event)
	require.Contains(t, f.bodies[0], `"type":"cellular.probe"`)
	require.Contains(t, f.bodies[0], `"payload":{"probe":true}`)
}

func TestAProbeThatFailsSaysWhere(t *testing.T) {
	short := func(p *health.Prober) { p.Patience = time.Second }
	cut := func(p *health.Prober) { p.Patience = 2*aWhile + aWhile/2 + 50*time.Millisecond } // amid the second look
	for _, c := range []struct {
		name   string
		front  *front
		change func(*health.Prober)
		is     error
		text   string
	}{
		{"refused", &front{post: says(503, `{"title":"Unavailable","detail":"The cell did not answer."}`)}, nil, nil, "the router answers 503 Service Unavailable: The cell did not answer."},
		{"not JSON", &front{post: says(502, "bad gateway")}, nil, nil, "502 Bad Gateway: bad gateway"},
		{"accepted elsewhere", &front{post: says(202, `{"cell":"beta","status":"accepted"}`)}, nil, health.ErrElsewhere, `cell "beta" has it`},
		{"processed elsewhere", &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){says(200, `{"cell":"beta","status":"processed"}`)}},
			nil, health.ErrElsewhere, `cell "beta" has it`},
		{"placed elsewhere", &front{}, func(p *health.Prober) { p.Placement = placements{"alpha": "beta"} }, health.ErrElsewhere, "is mapped to cell beta"},
		{"failed", &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){tells(200, "failed")}}, nil, nil, "has failed (business)"},
		{"forgotten", &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){says(404, `{"detail":"The tenant has no such event."}`)}},
			nil, nil, "404 Not Found: The tenant has no such event."},
		{"never processed", &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){tells(200, "accepted")}}, short, health.ErrUnprocessed, "is still accepted"},
		{"cut off", &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){tells(200, "accepted")}}, cut, health.ErrUnprocessed, "is still accepted"},
		{"never accepted", &front{post: tells(202, "accepted")}, func(p *health.Prober) { p.Patience = aWhile / 2 }, health.ErrUnprocessed, "send event"},
		{"never told", &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){says(503, "busy")}}, short, health.ErrUnprocessed, "503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			results, err := c.front.probe(t, c.change, "alpha")
			require.ErrorContains(t, err, "probe cell alpha: ")
			require.ErrorContains(t, err, c.text)
			require.Error(t, results[0].Err)
			require.Zero(t, results[0].Processed)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
		})
	}
}

func TestOneCellThatFailsDoesNotHideTheOthers(t *testing.T) {
	f := &front{post: func(tenant, id string) (int, string) {
		if cellOf(tenant) == "beta" {
			return 503, "down"
		}
		return tells(202, "accepted")(tenant, id)
	}, get: []func(string, string) (int, string){tells(200, "processed")}}
	results, err := f.probe(t, nil, "alpha", "beta", "gamma")
	require.EqualError(t, err, "probe cell beta: send event "+results[1].Event+": the router answers 503 Service Unavailable: down")
	require.NoError(t, results[0].Err)
	require.NoError(t, results[2].Err)
}

func TestProbes_LeaveTheRouterRoomForTenants(t *testing.T) {
	f := &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){tells(200, "processed")}}
	ids := make([]string, 40)
	for i := range ids {
		ids[i] = fmt.Sprintf("c%02d", i)
	}
	_, err := f.probe(t, nil, ids...)
	require.NoError(t, err)
	require.LessOrEqual(t, f.most, 8, "requests at a time: each holds an environment of the router")
}

func TestAProbeThatIsInterruptedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := &front{post: tells(202, "accepted"), looks: map[string]int{}, get: []func(string, string) (int, string){func(tenant, id string) (int, string) {
			cancel()
			return tells(200, "accepted")(tenant, id)
		}}}
		p := health.Prober{
			Router: manifest.Router{URL: "http://router"}, Placement: placements{}, HTTP: f,
			Authorize: func(context.Context, *http.Request, []byte) error { return nil },
		}
		start := time.Now()
		_, err := p.Probe(ctx, []manifest.Cell{{ID: "alpha"}})
		require.Error(t, err)
		require.NotErrorIs(t, err, health.ErrUnprocessed, "it was not given the time")
		require.Equal(t, 2*aWhile, time.Since(start))
	})
}

func TestATokenIsCarriedWhereTheRouterAsksForOne(t *testing.T) {
	_, err := health.NewAuthorizer("jwt", nil, "", "")
	require.ErrorIs(t, err, health.ErrNoToken)
	require.ErrorContains(t, err, "cellctl-probe.CELL")
	_, err = health.NewAuthorizer("basic", nil, "", "")
	require.ErrorContains(t, err, `"basic", want iam, jwt or none`)

	f := &front{post: tells(202, "accepted"), get: []func(string, string) (int, string){tells(200, "processed")}}
	_, err = f.probe(t, func(p *health.Prober) {
		p.Authorize, err = health.NewAuthorizer("jwt", nil, "", "abc")
		require.NoError(t, err)
	}, "alpha")
	require.NoError(t, err)
	for _, r := range f.requests {
		require.Equal(t, "Bearer abc", r.Header.Get("Authorization"))
	}
}

// behind lets requests through the local cloud's API Gateway, which verifies signatures.
type behind struct{ front *front }

func (b behind) Invoke(_ context.Context, _, _ string, payload []byte) ([]byte, string, error) {
	var e struct {
		Body           string
		RequestContext struct{ HTTP struct{ Method, Path string } }
		RawQueryString string
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, "", err
	}
	w := httptest.NewRecorder()
	b.front.ServeHTTP(w, httptest.NewRequest(e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path+"?"+e.RawQueryString, strings.NewReader(e.Body)))
	answer, err := json.Marshal(map[string]any{"statusCode": w.Code, "body": w.Body.String()})
	return answer, "", err
}

func TestRequestsAreSignedForAPIGateway(t *testing.T) {
	f := &front{post: tells(202, "accepted"), looks: map[string]int{}, get: []func(string, string) (int, string){tells(200, "processed")}}
	g := gateway.New(behind{f}, gateway.Options{Region: "eu-west-1", Keys: awsapi.Secrets{"operator": "secret"}.Key})
	defer g.Close()
	api, err := g.CreateAPI(gateway.APIConfig{Name: "router"})
	require.NoError(t, err)
	integration, err := g.CreateIntegration(api.ID, gateway.IntegrationConfig{Type: "AWS_PROXY", URI: "arn:aws:lambda:eu-west-1:123456789012:function:router", PayloadFormatVersion: "2.0"})
	require.NoError(t, err)
	for _, key := range []string{"POST /v1/events", "GET /v1/events/{id}"} {
		_, err := g.CreateRoute(api.ID, gateway.RouteConfig{Key: key, Target: "integrations/" + integration.ID, AuthorizationType: "AWS_IAM"})
		require.NoError(t, err)
	}
	_, err = g.CreateStage(api.ID, gateway.StageConfig{Name: "$default", AutoDeploy: true})
	require.NoError(t, err)

	probe := func(secret string) error {
		authorize, err := health.NewAuthorizer("iam", credentials.NewStaticCredentialsProvider("operator", secret, ""), "eu-west-1", "")
		require.NoError(t, err)
		p := health.Prober{Router: manifest.Router{URL: api.Endpoint}, Placement: placements{}, HTTP: http.DefaultClient, Authorize: authorize}
		_, err = p.Probe(t.Context(), []manifest.Cell{{ID: "alpha"}})
		return err
	}
	require.NoError(t, probe("secret"))
	require.ErrorContains(t, probe("another"), "403 Forbidden")
}
