package probe_test

import (
	"context"
	"encoding/json"
	"errors"
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
	"pgregory.net/rapid"

	"cellular/internal/model/probe"
	"cellular/local/awsapi"
	"cellular/local/gateway"
)

// front is a router: what it answers to a POST, and to each GET in turn, the last one forever.
type front struct {
	post answer
	get  []answer

	mu       sync.Mutex
	looks    map[string]int
	requests []*http.Request
	bodies   []string
}

type answer func(w http.ResponseWriter, tenant, id string)

// aWhile is how long every request takes.
const aWhile = 30 * time.Millisecond

// Do is the front without a network between, for tests in which time is not real.
func (f *front) Do(r *http.Request) (*http.Response, error) {
	select {
	case <-time.After(aWhile):
	case <-r.Context().Done():
		return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: r.Context().Err()}
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w.Result(), nil
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looks == nil {
		f.looks = map[string]int{}
	}
	f.requests, f.bodies = append(f.requests, r), append(f.bodies, string(body))
	if r.Method == http.MethodPost {
		var e struct {
			TenantID string `json:"tenant_id"`
			ID       string `json:"id"`
		}
		if json.Unmarshal(body, &e) != nil || r.URL.Path != "/v1/probes" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		f.post(w, e.TenantID, e.ID)
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/v1/probes/")
	answers := f.get[min(f.looks[id], len(f.get)-1)]
	f.looks[id]++
	answers(w, r.URL.Query().Get("tenant_id"), id)
}

// tells answers that the tenant's own cell has the event.
func tells(code int, status string) answer {
	return func(w http.ResponseWriter, tenant, id string) {
		cell := strings.TrimPrefix(tenant, "cellctl-probe.")
		w.Header().Set("X-Cell-Id", cell)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"id":"`+id+`","cell":"`+cell+`","status":"`+status+`","reason":"business"}`)
	}
}

// says answers with a text, and that the router asked a cell, if one is given.
func says(code int, body string, cell ...string) answer {
	return func(w http.ResponseWriter, _, _ string) {
		if len(cell) > 0 {
			w.Header().Set("X-Cell-Id", cell[0])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// refuses answers with a problem of the router.
func refuses(code int, kind, detail string, cell ...string) answer {
	return says(code, `{"type":"urn:cellular:problem:`+kind+`","title":"x","detail":"`+detail+`"}`, cell...)
}

var accepted, still, processed = tells(202, "accepted"), tells(200, "accepted"), tells(200, "processed")

func unsigned(context.Context, *http.Request, []byte) error { return nil }

func (f *front) prober() probe.Prober {
	return probe.Prober{URL: "http://router/", HTTP: f, Sign: unsigned, Patience: time.Minute}
}

// probe probes cell alpha in a bubble: its waits take no time.
func (f *front) probe(t *testing.T, change func(*probe.Prober)) (result probe.Result) {
	t.Helper()
	p := f.prober()
	if change != nil {
		change(&p)
	}
	synctest.Test(t, func(t *testing.T) { result = p.Cell(t.Context(), "alpha", nil) })
	return result
}

func TestProber_FollowsAnEventThroughItsCell(t *testing.T) {
	f := &front{post: accepted, get: []answer{still, says(503, "busy"), says(429, "slowly"), processed}}
	r := f.probe(t, nil)
	require.NoError(t, r.Err)
	require.Equal(t, probe.Healthy, r.Verdict)
	require.Equal(t, "alpha", r.Cell)
	require.Equal(t, "cellctl-probe.alpha", r.Tenant)
	require.Equal(t, aWhile, r.Accepted)
	require.Equal(t, 5*aWhile+1500*time.Millisecond, r.Processed, "four looks, after pauses of 100, 200, 400 and 800 ms")
	require.Contains(t, f.bodies[0], `"type":"cellular.probe"`)
	require.Contains(t, f.bodies[0], `"payload":{"probe":true}`)
	require.NotEqual(t, r.Event, f.probe(t, nil).Event)
}

func TestProber_SaysWhereAProbeFailedAndWhoseFaultItIs(t *testing.T) {
	short := func(p *probe.Prober) { p.Patience = time.Second }
	cut := func(p *probe.Prober) { p.Patience = 2*aWhile + aWhile/2 + 300*time.Millisecond } // amid the second look
	unsignable := func(p *probe.Prober) {
		p.Sign = func(context.Context, *http.Request, []byte) error { return errors.New("no credentials") }
	}
	gets := func(answers ...answer) *front { return &front{post: accepted, get: answers} }
	posts := func(a answer) *front { return &front{post: a} }
	for name, c := range map[string]struct {
		front   *front
		change  func(*probe.Prober)
		verdict probe.Verdict
		is      error
		text    string
	}{
		"the cell does not answer":          {posts(refuses(503, "unavailable", "The cell did not confirm the event.", "alpha")), nil, probe.Faulty, nil, "the router answers 503 Service Unavailable: The cell did not confirm the event."},
		"the router does not find the cell": {posts(refuses(503, "unavailable", "The tenant's place cannot be told.")), nil, probe.Unsent, nil, "503 Service Unavailable: The tenant's place"},
		"the API finds no router":           {posts(says(502, "bad gateway")), nil, probe.Unsent, nil, "502 Bad Gateway: bad gateway"},
		"another cell does not answer":      {posts(refuses(503, "unavailable", "No.", "beta")), nil, probe.Unsent, nil, "503"},
		"the API throttles":                 {posts(says(429, `{"message":"Too Many Requests"}`)), nil, probe.Unsent, nil, "429 Too Many Requests: Too Many Requests"},
		"a hot key":                         {posts(refuses(429, "too-many-requests", "Slowly.", "alpha")), nil, probe.Unsent, nil, "429"},
		"the API does not let it in":        {posts(says(403, `{"message":"Forbidden"}`)), nil, probe.Unsent, probe.ErrNotAllowed, "403 Forbidden: Forbidden"},
		"the API has no such route":         {posts(says(404, `{"message":"Not Found"}`)), nil, probe.Unsent, probe.ErrNoRoute, "404 Not Found"},
		"the router has no such route":      {posts(refuses(404, "unknown-resource", "There is POST /v1/events.")), nil, probe.Unsent, probe.ErrNoRoute, "404 Not Found: There is"},
		"suspended":                         {posts(refuses(403, "tenant-suspended", "The tenant is suspended.")), nil, probe.Unsent, nil, "The tenant is suspended"},
		"no signature":                      {&front{}, unsignable, probe.Unsent, nil, "sign the request: no credentials"},
		"accepted elsewhere":                {posts(says(202, `{"cell":"beta","status":"accepted"}`)), nil, probe.Unsent, probe.ErrElsewhere, `cell "beta" has it`},
		"processed elsewhere":               {gets(says(200, `{"cell":"beta","status":"processed"}`)), nil, probe.Unsent, probe.ErrElsewhere, `cell "beta" has it`},
		"never accepted":                    {posts(accepted), func(p *probe.Prober) { p.Patience = aWhile / 2 }, probe.Unsent, probe.ErrUnprocessed, "send event"},
		"failed":                            {gets(tells(200, "failed")), nil, probe.Faulty, nil, "has failed (business)"},
		"forgotten":                         {gets(refuses(404, "unknown-event", "The tenant has no such event.", "alpha")), nil, probe.Faulty, nil, "404 Not Found: The tenant has no such event."},
		"never processed":                   {gets(still), short, probe.Faulty, probe.ErrUnprocessed, "is still accepted"},
		"cut off":                           {gets(still), cut, probe.Faulty, probe.ErrUnprocessed, "is still accepted"},
		"the cell does not tell":            {gets(refuses(503, "unavailable", "The cell did not answer.", "alpha")), short, probe.Faulty, probe.ErrUnprocessed, "The cell did not answer"},
		"the router does not tell":          {gets(says(503, "busy")), short, probe.Unsent, probe.ErrUnprocessed, "503"},
		"the router tells no more":          {gets(still, says(503, "busy")), short, probe.Unsent, probe.ErrUnprocessed, "503"},
		"no time to look":                   {gets(still), func(p *probe.Prober) { p.Patience = aWhile + 50*time.Millisecond }, probe.Unsent, probe.ErrUnprocessed, "no time to look"},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.front.probe(t, c.change)
			require.ErrorContains(t, r.Err, c.text)
			require.Equal(t, c.verdict, r.Verdict)
			require.Zero(t, r.Processed)
			for _, known := range []error{probe.ErrNoRoute, probe.ErrNotAllowed, probe.ErrElsewhere, probe.ErrUnprocessed} {
				require.Equal(t, errors.Is(c.is, known), errors.Is(r.Err, known), "%v", known)
			}
			require.False(t, r.Unmapped())
		})
	}
}

func TestProber_SaysThatItsTenantIsNotMapped(t *testing.T) {
	r := (&front{post: refuses(404, "unknown-tenant", "There is no tenant.")}).probe(t, nil)
	require.True(t, r.Unmapped())
	require.Equal(t, probe.Unsent, r.Verdict)
	require.NotErrorIs(t, r.Err, probe.ErrNoRoute)
}

func TestProber_SendsNothingThatIsNotPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &front{}
		broken := errors.New("the mapping table is down")
		r := f.prober().Cell(t.Context(), "alpha", func(context.Context) error { return broken })
		require.ErrorIs(t, r.Err, broken)
		require.Equal(t, probe.Unsent, r.Verdict)

		start := time.Now()
		r = f.prober().Cell(t.Context(), "alpha", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		require.Equal(t, probe.Unsent, r.Verdict)
		require.Equal(t, time.Minute, time.Since(start))
		require.Empty(t, f.requests)
	})
}

func TestProber_ThatIsInterruptedEndsAndJudgesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := &front{post: accepted, get: []answer{func(w http.ResponseWriter, tenant, id string) {
			cancel()
			still(w, tenant, id)
		}}}
		start := time.Now()
		r := f.prober().Cell(ctx, "alpha", nil)
		require.Error(t, r.Err)
		require.Equal(t, probe.Interrupted, r.Verdict)
		require.NotErrorIs(t, r.Err, probe.ErrUnprocessed, "it was not given the time")
		require.Equal(t, 2*aWhile+probe.FirstPause, time.Since(start))
	})
}

// instant is a router that answers at once, which is when the most requests fit into a probe's patience.
type instant struct{ *front }

func (i instant) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestProber_MakesABoundedNumberOfRequests(t *testing.T) {
	require.Equal(t, 14, probe.MaxRequests(20*time.Second))
	rapid.Check(t, func(rt *rapid.T) {
		patience := time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(rt, "patience"))
		synctest.Test(t, func(t *testing.T) {
			f := &front{post: accepted, get: []answer{still}}
			p := f.prober()
			p.HTTP, p.Patience = instant{f}, patience
			start := time.Now()
			require.Error(t, p.Cell(t.Context(), "alpha", nil).Err)
			require.Equal(t, patience, time.Since(start))
			require.Len(t, f.requests, probe.MaxRequests(patience))
		})
	})
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
	answer, err := json.Marshal(map[string]any{"statusCode": w.Code, "body": w.Body.String(), "headers": map[string]string{"X-Cell-Id": w.Header().Get("X-Cell-Id")}})
	return answer, "", err
}

func TestSigner_SignsForAPIGateway(t *testing.T) {
	f := &front{post: accepted, get: []answer{processed}}
	g := gateway.New(behind{f}, gateway.Options{Region: "eu-west-1", Keys: awsapi.Secrets{"operator": "secret"}.Key})
	defer g.Close()
	api, err := g.CreateAPI(gateway.APIConfig{Name: "router"})
	require.NoError(t, err)
	integration, err := g.CreateIntegration(api.ID, gateway.IntegrationConfig{Type: "AWS_PROXY", URI: "arn:aws:lambda:eu-west-1:123456789012:function:router", PayloadFormatVersion: "2.0"})
	require.NoError(t, err)
	route := func(key string) {
		_, err := g.CreateRoute(api.ID, gateway.RouteConfig{Key: key, Target: "integrations/" + integration.ID, AuthorizationType: "AWS_IAM"})
		require.NoError(t, err)
	}
	_, err = g.CreateStage(api.ID, gateway.StageConfig{Name: "$default", AutoDeploy: true})
	require.NoError(t, err)

	send := func(secret string) error {
		p := f.prober()
		p.URL, p.HTTP = api.Endpoint, http.DefaultClient
		p.Sign = probe.NewSigner(credentials.NewStaticCredentialsProvider("operator", secret, ""), "eu-west-1")
		return p.Cell(t.Context(), "alpha", nil).Err
	}
	require.ErrorIs(t, send("secret"), probe.ErrNoRoute, "an API of the version before")
	route("POST /v1/probes")
	route("GET /v1/probes/{id}")
	require.NoError(t, send("secret"))
	require.ErrorIs(t, send("another"), probe.ErrNotAllowed)
}
