package movetest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"cellular/internal/model/env"
	"cellular/internal/testkit/cloudtest"
)

// accept sends events, which have to be accepted, and returns their ids.
func (w *world) accept(t *testing.T, tenant, eventType string, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.NewString()
		w.Accept(t, tenant, ids[i], eventType, cloudtest.Page)
	}
	return ids
}

// tenant makes up a tenant that no other test has, and places it.
func (w *world) tenant(t *testing.T, cellID string) string {
	t.Helper()
	return cloudtest.Tenant(t, w.operator.tables, w.outputs.Cells[cellID])
}

// lateRouter is one execution environment of the router binary that uses a mapping for all of the hard TTL before it reads
// it again: as long as any router may.
type lateRouter struct {
	*cloudtest.Client

	world *world

	mu       sync.Mutex // one request at a time: a second one would get an environment of its own
	function string
}

// environment is the one of a function that is called by one client.
func (w *world) environment(function string) *lateRouter {
	r := &lateRouter{world: w, function: function}
	r.Client = &cloudtest.Client{URL: "http://late-router", HTTP: &http.Client{Transport: r}}
	return r
}

func (w *world) lateRouter(t *testing.T, tenants ...string) *lateRouter {
	t.Helper()
	r := w.environment("")
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
	next := r.world.environment(config.Name)
	for _, tenant := range tenants {
		a := insist(t.Context(), func() cloudtest.Answer { return next.Get(t.Context(), tenant, "nothing-of-that-name") })
		if a.Status != http.StatusNotFound {
			t.Errorf("a late router reads the mapping of tenant %s: %s", tenant, a)
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

// RoundTrip has the environment answer a request, as the HTTP API does.
func (r *lateRouter) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RawPath: req.URL.Path, RawQueryString: req.URL.RawQuery, QueryStringParameters: map[string]string{},
		Headers: map[string]string{"content-type": req.Header.Get("Content-Type")}, Body: string(body),
	}
	for name, values := range req.URL.Query() {
		event.QueryStringParameters[name] = values[0]
	}
	event.RequestContext.RequestID = uuid.NewString()
	event.RequestContext.HTTP.Method = req.Method
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	result, err := r.world.cloud.Lambda.Invoke(req.Context(), r.function, payload)
	if err != nil {
		return nil, err
	}
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(result.Payload, &response); err != nil || result.FunctionError != "" {
		return nil, fmt.Errorf("%s %s: %w", result.FunctionError, result.Payload, err)
	}
	return &http.Response{StatusCode: response.StatusCode, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(response.Body))}, nil
}
