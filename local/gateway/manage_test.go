package gateway_test

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/gateway"
)

func newGateway(t *testing.T, o gateway.Options) *gateway.Gateway {
	g := gateway.New(returns(`{}`), o)
	t.Cleanup(g.Close)
	return g
}

func TestAnAPIHasAnEndpointOfItsOwn(t *testing.T) {
	g := newGateway(t, gateway.Options{Region: "eu-west-1", Account: "210987654321"})
	tags := map[string]string{"Layer": "Edge"}
	a, err := g.CreateAPI(gateway.APIConfig{Name: "a", Tags: tags})
	require.NoError(t, err)
	b, err := g.CreateAPI(gateway.APIConfig{Name: "a"})
	require.NoError(t, err)
	require.NotEqual(t, a.Endpoint, b.Endpoint)
	require.NotEqual(t, a.ID, b.ID)
	require.Regexp(t, `^http://127\.0\.0\.1:[0-9]+$`, a.Endpoint)
	require.Regexp(t, `^[a-z0-9]{10}$`, a.ID)
	require.Equal(t, "arn:aws:apigateway:eu-west-1::/apis/"+a.ID, a.ARN)
	require.Equal(t, "arn:aws:execute-api:eu-west-1:210987654321:"+a.ID, a.ExecutionARN)

	tags["Layer"] = "changed by the caller"
	got, err := g.GetAPI(a.ID)
	require.NoError(t, err)
	require.Equal(t, "Edge", got.Config.Tags["Layer"])

	updated, err := g.UpdateAPI(a.ID, gateway.APIConfig{Name: "renamed"})
	require.NoError(t, err)
	require.Equal(t, "renamed", updated.Config.Name)
	require.Equal(t, a.Endpoint, updated.Endpoint)

	require.NoError(t, g.DeleteAPI(a.ID))
	_, err = g.GetAPI(a.ID)
	require.ErrorIs(t, err, gateway.ErrNotFound)
	_, err = net.Dial("tcp", strings.TrimPrefix(a.Endpoint, "http://"))
	require.Error(t, err, "the port is closed")
	resp, err := http.Get(b.Endpoint)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

func TestThePreferredPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := taken.Addr().(*net.TCPAddr).Port
	g := newGateway(t, gateway.Options{Port: port})
	_, err = g.CreateAPI(gateway.APIConfig{Name: "edge"})
	require.ErrorContains(t, err, "create API edge: port "+strconv.Itoa(port)+" of 127.0.0.1 is in use by another program")

	require.NoError(t, taken.Close())
	first, err := g.CreateAPI(gateway.APIConfig{Name: "edge"})
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:"+strconv.Itoa(port), first.Endpoint)
	second, err := g.CreateAPI(gateway.APIConfig{Name: "edge"})
	require.NoError(t, err)
	require.NotEqual(t, first.Endpoint, second.Endpoint)
	require.NoError(t, g.DeleteAPI(first.ID))
	require.NoError(t, g.DeleteAPI(second.ID))
	again, err := g.CreateAPI(gateway.APIConfig{Name: "edge"})
	require.NoError(t, err)
	require.Equal(t, first.Endpoint, again.Endpoint)
}

func TestIntegrationsAreCheckedAndManaged(t *testing.T) {
	const invokeARN = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + functionARN + "/invocations"
	f := returns(`{}`)
	s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "GET /")
	for _, tc := range []struct {
		change func(*gateway.IntegrationConfig)
		want   string
	}{
		{func(c *gateway.IntegrationConfig) { c.Type = "HTTP_PROXY" }, `type is "HTTP_PROXY", want AWS_PROXY`},
		{func(c *gateway.IntegrationConfig) { c.Method = "GET" }, `method is "GET", want POST`},
		{func(c *gateway.IntegrationConfig) { c.PayloadFormatVersion = "1.0" }, `payload format version is "1.0", want 2.0`},
		{func(c *gateway.IntegrationConfig) { c.Timeout = time.Millisecond }, "timeout is 1ms, want 50ms to 30s"},
		{func(c *gateway.IntegrationConfig) { c.Timeout = time.Minute }, "timeout is 1m0s, want 50ms to 30s"},
		{func(c *gateway.IntegrationConfig) { c.URI = "router" }, `URI is "router", want the ARN`},
		{func(c *gateway.IntegrationConfig) { c.URI = functionARN + ":live" }, "without version or alias"},
	} {
		c := proxyTo(functionARN)
		tc.change(&c)
		_, err := s.gateway.CreateIntegration(s.api.ID, c)
		require.ErrorContains(t, err, tc.want)
		_, err = s.gateway.UpdateIntegration(s.api.ID, s.integration.ID, c)
		require.ErrorContains(t, err, tc.want)
	}

	updated, err := s.gateway.UpdateIntegration(s.api.ID, s.integration.ID, proxyTo(strings.ReplaceAll(invokeARN, "router", "router-2")))
	require.NoError(t, err)
	require.Equal(t, 30*time.Second, updated.Config.Timeout)
	got, err := s.gateway.GetIntegration(s.api.ID, s.integration.ID)
	require.NoError(t, err)
	require.Equal(t, updated, got)
	s.get("/")
	require.Equal(t, "router-2", f.name)

	err = s.gateway.DeleteIntegration(s.api.ID, s.integration.ID)
	require.ErrorIs(t, err, gateway.ErrConflict)
	require.ErrorContains(t, err, `route "GET /" leads to it`)
}

func TestRoutesAreCheckedAndManaged(t *testing.T) {
	f := returns(`{}`)
	s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "GET /v1/{id}")
	target := "integrations/" + s.integration.ID
	for _, tc := range []struct {
		config gateway.RouteConfig
		want   string
	}{
		{gateway.RouteConfig{Key: "/v1", Target: target}, `route key is "/v1", want $default or METHOD /path with a method of ANY, DELETE,`},
		{gateway.RouteConfig{Key: "get /v1", Target: target}, "want $default or METHOD /path"},
		{gateway.RouteConfig{Key: "GET v1", Target: target}, "want $default or METHOD /path"},
		{gateway.RouteConfig{Key: "GET /{a}/{a}", Target: target}, "the variable a appears twice"},
		{gateway.RouteConfig{Key: "GET /{a+}/b", Target: target}, "{a+} is not at the end"},
		{gateway.RouteConfig{Key: "GET /x{a}", Target: target}, `"x{a}" is not {name} or {name+}`},
		{gateway.RouteConfig{Key: "GET /", Target: s.integration.ID}, "want integrations/ID"},
		{gateway.RouteConfig{Key: "GET /", Target: "integrations/nope"}, "target: integration nope: not found"},
	} {
		_, err := s.gateway.CreateRoute(s.api.ID, tc.config)
		require.ErrorContains(t, err, tc.want)
	}
	s.get("/").requireError(t, 404, "Not Found")

	_, err := s.gateway.CreateRoute(s.api.ID, gateway.RouteConfig{Key: "GET /v1/{other}", Target: target})
	require.ErrorIs(t, err, gateway.ErrConflict)
	require.ErrorContains(t, err, `create route "GET /v1/{other}": route "GET /v1/{id}" matches the same requests`)

	route, err := s.gateway.CreateRoute(s.api.ID, gateway.RouteConfig{Key: "GET /v2", Target: target, AuthorizationType: "NONE"})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, s.get("/v2").status)
	updated, err := s.gateway.UpdateRoute(s.api.ID, route.ID, gateway.RouteConfig{Key: "GET /v3", Target: target})
	require.NoError(t, err)
	got, err := s.gateway.GetRoute(s.api.ID, route.ID)
	require.NoError(t, err)
	require.Equal(t, updated, got)
	require.Equal(t, http.StatusNotFound, s.get("/v2").status)
	require.Equal(t, http.StatusOK, s.get("/v3").status)

	require.NoError(t, s.gateway.DeleteRoute(s.api.ID, route.ID))
	require.Equal(t, http.StatusNotFound, s.get("/v3").status)
	require.ErrorIs(t, s.gateway.DeleteRoute(s.api.ID, route.ID), gateway.ErrNotFound)
}

func TestStagesAreCheckedAndManaged(t *testing.T) {
	s := newSite(t, returns(`{}`), gateway.Options{}, gateway.StageConfig{}, "GET /")
	stage, err := s.gateway.GetStage(s.api.ID, "$default")
	require.NoError(t, err)
	require.Equal(t, s.api.Endpoint+"/", stage.InvokeURL)
	require.Equal(t, s.api.ARN+"/stages/$default", stage.ARN)
	_, err = s.gateway.CreateStage(s.api.ID, stage.Config)
	require.ErrorIs(t, err, gateway.ErrConflict)
	_, err = s.gateway.GetStage(s.api.ID, "prod")
	require.ErrorIs(t, err, gateway.ErrNotFound)

	for _, tc := range []struct {
		config gateway.StageConfig
		want   string
	}{
		{gateway.StageConfig{Name: "prod", AutoDeploy: true}, `name is "prod", want $default`},
		{gateway.StageConfig{Name: "$default"}, "automatic deployment is off"},
		{gateway.StageConfig{Throttle: &gateway.Throttle{Rate: -1}}, "throttle has rate -1 and burst 0, want at least 0"},
		{gateway.StageConfig{AccessLog: &gateway.AccessLog{Format: "$context.requestId\n"}}, "more than one line"},
		{gateway.StageConfig{AccessLog: &gateway.AccessLog{Format: "$context.status"}}, "$context.requestId or $context.extendedRequestId is missing"},
		{gateway.StageConfig{AccessLog: &gateway.AccessLog{Format: "$context.requestId $context.statsu"}}, "$context.statsu is not a variable of HTTP APIs"},
	} {
		if tc.config.Name == "" {
			tc.config.Name, tc.config.AutoDeploy = "$default", true
		}
		_, err := s.gateway.UpdateStage(s.api.ID, "$default", tc.config)
		require.ErrorContains(t, err, tc.want)
	}
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	s := newSite(t, returns(`{}`), gateway.Options{}, gateway.StageConfig{})
	route := gateway.RouteConfig{Key: "GET /", Target: "integrations/" + s.integration.ID}
	stage := gateway.StageConfig{Name: "$default", AutoDeploy: true}
	for _, api := range []string{s.api.ID, "absent"} {
		for what, call := range map[string]func() error{
			"get integration":    func() error { _, err := s.gateway.GetIntegration(api, "x"); return err },
			"update integration": func() error { _, err := s.gateway.UpdateIntegration(api, "x", proxyTo(functionARN)); return err },
			"delete integration": func() error { return s.gateway.DeleteIntegration(api, "x") },
			"get route":          func() error { _, err := s.gateway.GetRoute(api, "x"); return err },
			"update route":       func() error { _, err := s.gateway.UpdateRoute(api, "x", route); return err },
			"delete route":       func() error { return s.gateway.DeleteRoute(api, "x") },
			"get authorizer":     func() error { _, err := s.gateway.GetAuthorizer(api, "x"); return err },
			"update authorizer":  func() error { _, err := s.gateway.UpdateAuthorizer(api, "x", jwtAuthorizer()); return err },
			"delete authorizer":  func() error { return s.gateway.DeleteAuthorizer(api, "x") },
			"get stage":          func() error { _, err := s.gateway.GetStage(api, "x"); return err },
			"update stage":       func() error { _, err := s.gateway.UpdateStage(api, "x", stage); return err },
			"delete stage":       func() error { return s.gateway.DeleteStage(api, "x") },
		} {
			err := call()
			require.ErrorIs(t, err, gateway.ErrNotFound, what)
			require.ErrorContains(t, err, what)
			require.ErrorContains(t, err, "x")
		}
	}
	_, err := s.gateway.CreateIntegration("absent", proxyTo(functionARN))
	require.ErrorIs(t, err, gateway.ErrNotFound)
	_, err = s.gateway.CreateRoute("absent", route)
	require.ErrorIs(t, err, gateway.ErrNotFound)
	_, err = s.gateway.CreateAuthorizer("absent", jwtAuthorizer())
	require.ErrorIs(t, err, gateway.ErrNotFound)
	_, err = s.gateway.CreateStage("absent", stage)
	require.ErrorIs(t, err, gateway.ErrNotFound)
	_, err = s.gateway.UpdateAPI("absent", gateway.APIConfig{Name: "x"})
	require.ErrorIs(t, err, gateway.ErrNotFound)
	require.ErrorIs(t, s.gateway.DeleteAPI("absent"), gateway.ErrNotFound)
	_, err = s.gateway.CreateAPI(gateway.APIConfig{})
	require.ErrorContains(t, err, "create API: name has 0 characters, want 1 to 128")
}

func TestCloseLetsRequestsInFlightEnd(t *testing.T) {
	called, release := make(chan bool), make(chan bool)
	f := &function{answer: func(ctx context.Context) (string, string, error) {
		close(called)
		<-release
		return `"done"`, "", ctx.Err()
	}}
	s := newSite(t, f, gateway.Options{DrainTimeout: time.Minute}, gateway.StageConfig{}, "GET /")
	answers := make(chan reply)
	go func() { answers <- s.get("/") }()
	<-called
	closed := make(chan bool)
	go func() { s.gateway.Close(); close(closed) }()
	require.Eventually(t, func() bool {
		_, err := net.Dial("tcp", strings.TrimPrefix(s.api.Endpoint, "http://"))
		return err != nil
	}, deadline, tick, "nobody gets in any more")
	close(release)
	require.Equal(t, "done", (<-answers).body)
	<-closed
	_, err := s.gateway.CreateAPI(gateway.APIConfig{Name: "late"})
	require.ErrorContains(t, err, "the gateway is closed")
}

func TestCloseCutsOffWhatDoesNotEnd(t *testing.T) {
	called, ended := make(chan bool), make(chan bool)
	f := &function{answer: func(ctx context.Context) (string, string, error) {
		close(called)
		<-ctx.Done()
		close(ended)
		return "", "", ctx.Err()
	}}
	s := newSite(t, f, gateway.Options{DrainTimeout: time.Millisecond}, gateway.StageConfig{}, "GET /")
	errs := make(chan error)
	go func() {
		_, err := http.Get(s.api.Endpoint)
		errs <- err
	}()
	<-called
	s.gateway.Close()
	require.Error(t, <-errs)
	<-ended
}
