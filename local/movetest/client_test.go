package movetest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/env"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/placement"
)

const (
	patience = 2 * time.Minute // of a condition that a test awaits; seconds are usual
	tick     = 50 * time.Millisecond
)

// await polls until the condition holds. What it saw last is in the failure.
func await[T any](t *testing.T, what string, look func() (seen T, ok bool)) T {
	t.Helper()
	late := time.After(patience)
	for {
		seen, ok := look()
		if ok {
			return seen
		}
		select {
		case <-late:
			t.Fatalf("not within %s: %s; last seen: %+v", patience, what, seen)
		case <-time.After(tick):
		}
	}
}

// answer is what a router said. Status 0 means that there was no answer; the body says why.
type answer struct {
	Status int
	Body   string
}

// field is a field of the answer's body; "" if it has none of that name that is a string.
func (a answer) field(name string) string {
	var fields map[string]any
	_ = json.Unmarshal([]byte(a.Body), &fields)
	text, _ := fields[name].(string)
	return text
}

// router is a way to send requests. A request's target is a path with a query.
type router interface {
	request(ctx context.Context, method, path string, query url.Values, body string) answer
}

func post(ctx context.Context, r router, tenant, id, eventType string) answer {
	body := fmt.Sprintf(`{"tenant_id":%q,"id":%q,"type":%q,"payload":{"page":1}}`, tenant, id, eventType)
	return r.request(ctx, http.MethodPost, "/v1/events", nil, body)
}

func get(ctx context.Context, r router, tenant, id string) answer {
	return r.request(ctx, http.MethodGet, "/v1/events/"+id, url.Values{"tenant_id": {tenant}}, "")
}

// client is what the tests call the HTTP API with. The local Lambda has ten environments of the router, and answers what
// is beyond them as AWS does, with 503. Fewer connections than that keep the load from being refused by Lambda itself.
var client = &http.Client{
	Timeout:   20 * time.Second, // above the router's own, so that what is seen is the router's answer
	Transport: &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8},
}

// request makes the world the stack's own router. Each of its environments reads a mapping again when it is a second old.
func (w *world) request(ctx context.Context, method, path string, query url.Values, body string) answer {
	req, err := http.NewRequestWithContext(ctx, method, w.outputs.URL+path+"?"+query.Encode(), bytes.NewReader([]byte(body)))
	if err != nil {
		return answer{Body: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return answer{Body: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{Body: err.Error()}
	}
	return answer{resp.StatusCode, string(text)}
}

// lateRouter is one execution environment of the router binary that uses a mapping for all of the hard TTL before it reads
// it again: as long as any router may.
type lateRouter struct {
	world *world

	mu       sync.Mutex // one request at a time: a second one would get an environment of its own
	function string
}

func (w *world) lateRouter(t *testing.T, tenants ...string) *lateRouter {
	t.Helper()
	r := &lateRouter{world: w}
	r.renew(t, tenants...)
	t.Cleanup(func() {
		if err := w.cloud.Lambda.DeleteFunction(context.WithoutCancel(t.Context()), r.function); err != nil {
			t.Error(err)
		}
	})
	return r
}

// renew puts an environment in the place of the one before that has read the tenants' mappings this very moment. It may be
// called from any goroutine.
func (r *lateRouter) renew(t *testing.T, tenants ...string) {
	functions := r.world.cloud.Lambda
	original, err := functions.GetFunction(t.Context(), r.world.fleet.Router.Function)
	if err != nil {
		t.Error(err)
		return
	}
	config := original.Config
	config.Name = "late-" + uuid.NewString()
	config.Env = maps.Clone(config.Env)
	config.Env[env.CacheSoftTTL] = config.Env[env.CacheHardTTL]
	if _, err = functions.CreateFunction(t.Context(), config); err != nil {
		t.Error(err)
		return
	}
	next := &lateRouter{world: r.world, function: config.Name}
	for _, tenant := range tenants {
		if a := get(t.Context(), next, tenant, "nothing-of-that-name"); a.Status != http.StatusNotFound {
			t.Errorf("a late router reads the mapping of tenant %s: %+v", tenant, a)
		}
	}
	r.mu.Lock()
	before := r.function
	r.function = config.Name
	r.mu.Unlock()
	if before != "" {
		if err := functions.DeleteFunction(t.Context(), before); err != nil {
			t.Error(err)
		}
	}
}

func (r *lateRouter) request(ctx context.Context, method, path string, query url.Values, body string) answer {
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RawPath: path, RawQueryString: query.Encode(), QueryStringParameters: map[string]string{},
		Headers: map[string]string{"content-type": "application/json"}, Body: body,
	}
	for name := range query {
		event.QueryStringParameters[name] = query.Get(name)
	}
	event.RequestContext.RequestID = uuid.NewString()
	event.RequestContext.HTTP.Method = method
	payload, err := json.Marshal(event)
	if err != nil {
		return answer{Body: err.Error()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	result, err := r.world.cloud.Lambda.Invoke(ctx, r.function, payload)
	if err != nil {
		return answer{Body: err.Error()}
	}
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(result.Payload, &response); err != nil || result.FunctionError != "" {
		return answer{Body: fmt.Sprintf("%s %s %v", result.FunctionError, result.Payload, err)}
	}
	return answer{response.StatusCode, response.Body}
}

// tenant makes up a tenant that no other test has, and places it.
func (w *world) tenant(t *testing.T, cellID string) string {
	t.Helper()
	name := "t-" + uuid.NewString()[:13]
	_, err := w.tenants.Assign(t.Context(), []manifest.Cell{w.outputs.Cells[cellID]}, placement.Request{TenantID: name, CellID: cellID})
	require.NoError(t, err)
	return name
}

// accept sends events, which have to be accepted, and returns their ids.
func (w *world) accept(t *testing.T, tenant, eventType string, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.NewString()
		a := post(t.Context(), w, tenant, ids[i], eventType)
		require.Equal(t, http.StatusAccepted, a.Status, "%s", a.Body)
	}
	return ids
}
