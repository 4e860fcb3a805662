package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"cellular/local/gateway"
)

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:router"

// function stands in for Lambda: it answers, and remembers the events.
type function struct {
	mu     sync.Mutex
	name   string
	events []json.RawMessage
	answer func(ctx context.Context) (response, functionError string, err error)
}

func (f *function) Invoke(ctx context.Context, name, _ string, payload []byte) ([]byte, string, error) {
	f.mu.Lock()
	f.name = name
	f.events = append(f.events, payload)
	f.mu.Unlock()
	response, functionError, err := f.answer(ctx)
	return []byte(response), functionError, err
}

func (f *function) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.events)
}

// last is the last event, read strictly: it has no field that the type does not know.
func (f *function) last(t *testing.T) events.APIGatewayV2HTTPRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	require.NotEmpty(t, f.events, "the function was not called")
	decoder := json.NewDecoder(strings.NewReader(string(f.events[len(f.events)-1])))
	decoder.DisallowUnknownFields()
	var e events.APIGatewayV2HTTPRequest
	require.NoError(t, decoder.Decode(&e))
	return e
}

func returns(response string) *function {
	return &function{answer: func(context.Context) (string, string, error) { return response, "", nil }}
}

// site is one API with one integration, served.
type site struct {
	t           *testing.T
	gateway     *gateway.Gateway
	api         gateway.API
	integration gateway.Integration
}

func newSite(t *testing.T, f *function, o gateway.Options, stage gateway.StageConfig, routes ...string) *site {
	g := gateway.New(f, o)
	t.Cleanup(g.Close)
	api, err := g.CreateAPI(gateway.APIConfig{Name: "edge"})
	require.NoError(t, err)
	integration, err := g.CreateIntegration(api.ID, proxyTo(functionARN))
	require.NoError(t, err)
	s := &site{t: t, gateway: g, api: api, integration: integration}
	for _, key := range routes {
		s.route(key)
	}
	stage.Name, stage.AutoDeploy = "$default", true
	_, err = g.CreateStage(api.ID, stage)
	require.NoError(t, err)
	return s
}

func proxyTo(uri string) gateway.IntegrationConfig {
	return gateway.IntegrationConfig{Type: "AWS_PROXY", URI: uri, PayloadFormatVersion: "2.0"}
}

func (s *site) route(key string) gateway.Route {
	r, err := s.gateway.CreateRoute(s.api.ID, gateway.RouteConfig{Key: key, Target: "integrations/" + s.integration.ID})
	require.NoError(s.t, err)
	return r
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (s *site) do(r *http.Request) reply {
	resp, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func (s *site) request(method, pathAndQuery, contentType, body string) *http.Request {
	r, err := http.NewRequest(method, s.api.Endpoint+pathAndQuery, strings.NewReader(body))
	require.NoError(s.t, err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func (s *site) get(pathAndQuery string) reply {
	return s.do(s.request(http.MethodGet, pathAndQuery, "", ""))
}

func (r reply) requireError(t *testing.T, status int, message string) {
	t.Helper()
	require.Equal(t, status, r.status, r.body)
	require.JSONEq(t, `{"message":"`+message+`"}`, r.body)
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	require.NotEmpty(t, r.header.Get("Apigw-Requestid"))
}

const (
	deadline = 10 * time.Second // of a condition that a test waits for
	tick     = 5 * time.Millisecond
)
