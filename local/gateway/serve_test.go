package gateway_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/local/gateway"
)

func TestTheFunctionReceivesPayloadFormat2(t *testing.T) {
	f := returns(`{"statusCode":202}`)
	s := newSite(t, f, gateway.Options{Account: "210987654321"}, gateway.StageConfig{Variables: map[string]string{"color": "blue"}}, "POST /v1/events/{id}")
	r := s.request(http.MethodPost, "/v1/events/a%20b?q=1&q=2&e=%26&empty=", "application/json", `{"x":"<é>"}`)
	r.Header.Add("X-Multi", "one")
	r.Header.Add("X-Multi", "two")
	r.Header.Set("Cookie", "a=1; b=2")
	r.Header.Set("User-Agent", "test/1")
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	before := time.Now().Truncate(time.Millisecond)
	answer := s.do(r)
	after := time.Now()

	e := f.last(t)
	require.Equal(t, "router", f.name)
	require.Equal(t, answer.header.Get("Apigw-Requestid"), e.RequestContext.RequestID)
	require.Len(t, e.RequestContext.RequestID, 16)
	started := time.UnixMilli(e.RequestContext.TimeEpoch)
	require.False(t, started.Before(before) || started.After(after), started)
	require.Equal(t, started.UTC().Format("02/Jan/2006:15:04:05 +0000"), e.RequestContext.Time)

	host := strings.TrimPrefix(s.api.Endpoint, "http://")
	_, port, _ := strings.Cut(host, ":")
	want := events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       "POST /v1/events/{id}",
		RawPath:        "/v1/events/a b",
		RawQueryString: "q=1&q=2&e=%26&empty=",
		Cookies:        []string{"a=1", "b=2"},
		Headers: map[string]string{
			"accept-encoding": "gzip", "content-length": "12", "content-type": "application/json", "host": host,
			"user-agent": "test/1", "x-multi": "one,two",
			"x-forwarded-for": "192.0.2.1, 127.0.0.1", "x-forwarded-port": port, "x-forwarded-proto": "http",
		},
		QueryStringParameters: map[string]string{"q": "1,2", "e": "&", "empty": ""},
		PathParameters:        map[string]string{"id": "a b"},
		StageVariables:        map[string]string{"color": "blue"},
		Body:                  `{"x":"<é>"}`,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "POST /v1/events/{id}", AccountID: "210987654321", Stage: "$default", APIID: s.api.ID,
			DomainName: host, DomainPrefix: s.api.ID,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "POST", Path: "/v1/events/a b", Protocol: "HTTP/1.1", SourceIP: "127.0.0.1", UserAgent: "test/1",
			},
			// Different in every request, and checked above.
			RequestID: e.RequestContext.RequestID, Time: e.RequestContext.Time, TimeEpoch: e.RequestContext.TimeEpoch,
		},
	}
	require.Equal(t, want, e)
}

func TestWhatIsAbsentInTheRequestIsAbsentInTheEvent(t *testing.T) {
	f := returns(`{"statusCode":200}`)
	s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "$default")
	s.get("/")
	var keys map[string]any
	require.NoError(t, json.Unmarshal(f.events[0], &keys))
	for _, absent := range []string{"cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"} {
		require.NotContains(t, keys, absent)
	}
	require.Equal(t, "", keys["rawQueryString"])
	require.Equal(t, false, keys["isBase64Encoded"])
	require.NotContains(t, keys["requestContext"], "authentication")
	require.Equal(t, "$default", keys["routeKey"])
}

func TestTheContentTypeDecidesWhetherTheBodyIsText(t *testing.T) {
	for _, tc := range []struct {
		contentType, body string
		text              bool
	}{
		{"application/json", `{}`, true},
		{"application/json; charset=utf-8", `{}`, true},
		{"APPLICATION/JSON", `{}`, true},
		{"application/problem+json", `{}`, true},
		{"application/atom+xml", `<a/>`, true},
		{"application/xml", `<a/>`, true},
		{"application/javascript", `1`, true},
		{"text/csv", `a,b`, true},
		{"text/plain", "\xff\xfe", false},
		{"application/octet-stream", `{}`, false},
		{"application/x-www-form-urlencoded", `a=b`, false},
		{"application/jsonx", `{}`, false},
		{"", `{}`, false},
		{"", ``, true},
	} {
		t.Run(tc.contentType+tc.body, func(t *testing.T) {
			f := returns(`{}`)
			s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "ANY /{rest+}")
			s.do(s.request(http.MethodPut, "/a/b", tc.contentType, tc.body))
			e := f.last(t)
			require.Equal(t, !tc.text, e.IsBase64Encoded)
			if tc.text {
				require.Equal(t, tc.body, e.Body)
			} else {
				require.Equal(t, base64.StdEncoding.EncodeToString([]byte(tc.body)), e.Body)
			}
		})
	}
}

// TestRequestsSurviveTheEvent: what a client sends can be recovered from the event.
func TestRequestsSurviveTheEvent(t *testing.T) {
	f := returns(`{}`)
	s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "POST /in/{id}")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 20, -1)
		id, name, value := text.Draw(t, "id"), text.Draw(t, "name"), text.Draw(t, "value")
		body := rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "body")
		contentType := rapid.SampledFrom([]string{"text/plain", "application/json", "image/png"}).Draw(t, "contentType")
		if id == "." || id == ".." {
			t.Skip("the client resolves it")
		}
		path := "/in/" + url.PathEscape(id) + "?" + url.Values{name: {value}}.Encode()
		answer := s.do(s.request(http.MethodPost, path, contentType, string(body)))
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		e := f.last(s.t)
		require.Equal(t, id, e.PathParameters["id"])
		require.Equal(t, "/in/"+id, e.RawPath)
		require.Equal(t, value, e.QueryStringParameters[name])
		got := []byte(e.Body)
		if e.IsBase64Encoded {
			var err error
			got, err = base64.StdEncoding.DecodeString(e.Body)
			require.NoError(t, err)
		}
		require.Equal(t, body, got)
	})
}

func TestTheFunctionsAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		response    string
		status      int
		body        string
		contentType string
	}{
		"a response":                  {`{"statusCode":202,"headers":{"content-type":"application/json"},"body":"{\"id\":1}"}`, 202, `{"id":1}`, "application/json"},
		"a response of aws-lambda-go": {`{"statusCode":404,"headers":null,"multiValueHeaders":null,"body":"no","cookies":null}`, 404, "no", "text/plain; charset=utf-8"},
		"a binary body":               {`{"statusCode":200,"isBase64Encoded":true,"body":"/w==","headers":{"Content-Type":"image/png"}}`, 200, "\xff", "image/png"},
		"no body":                     {`{"statusCode":204}`, 204, "", "text/plain; charset=utf-8"},
		"an object without a status":  {`{"message": "Hello"}`, 200, `{"message": "Hello"}`, "application/json"},
		"an array":                    {` [1,2] `, 200, `[1,2]`, "application/json"},
		"a string":                    {`"Hello"`, 200, `Hello`, "application/json"},
		"null":                        {`null`, 200, `null`, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, returns(tc.response), gateway.Options{}, gateway.StageConfig{}, "GET /")
			answer := s.get("/")
			require.Equal(t, tc.status, answer.status)
			require.Equal(t, tc.body, answer.body)
			require.Equal(t, tc.contentType, answer.header.Get("Content-Type"))
		})
	}
}

func TestHeadersAndCookiesOfTheFunctionReachTheClient(t *testing.T) {
	s := newSite(t, returns(`{"statusCode":202,"headers":{"x-cell-id":"alpha","location":"/v1/events/1","content-length":"999","connection":"close","upgrade":"h2c","keep-alive":"timeout=1"},
		"cookies":["a=1; Secure","b=2"],"body":"ok"}`), gateway.Options{}, gateway.StageConfig{}, "GET /")
	answer := s.get("/")
	require.Equal(t, "ok", answer.body)
	require.Equal(t, "alpha", answer.header.Get("X-Cell-Id"))
	require.Equal(t, "/v1/events/1", answer.header.Get("Location"))
	require.Equal(t, []string{"a=1; Secure", "b=2"}, answer.header.Values("Set-Cookie"))
	require.Equal(t, "2", answer.header.Get("Content-Length"))
	for _, name := range []string{"Connection", "Upgrade", "Keep-Alive"} {
		require.Empty(t, answer.header.Get(name), "it belongs to the connection")
	}
}

func TestHeadHasNoBody(t *testing.T) {
	s := newSite(t, returns(`{"statusCode":200,"body":"four"}`), gateway.Options{}, gateway.StageConfig{}, "ANY /")
	answer := s.do(s.request(http.MethodHead, "/", "", ""))
	require.Equal(t, http.StatusOK, answer.status)
	require.Equal(t, "4", answer.header.Get("Content-Length"))
}

type throttled struct{}

func (throttled) Error() string   { return "rate exceeded" }
func (throttled) Throttled() bool { return true }

func TestAFailureOfTheFunctionTellsTheClientNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		response, functionError string
		err                     error
		status                  int
		message                 string
	}{
		"the function failed":           {`{"errorMessage":"secret"}`, "Unhandled", nil, 500, "Internal Server Error"},
		"no such function":              {"", "", errors.New("secret"), 500, "Internal Server Error"},
		"throttled by Lambda":           {"", "", fmt.Errorf("invoke: %w", throttled{}), 503, "Service Unavailable"},
		"not JSON":                      {`secret`, "", nil, 500, "Internal Server Error"},
		"nothing":                       {``, "", nil, 500, "Internal Server Error"},
		"a status out of range":         {`{"statusCode":99}`, "", nil, 500, "Internal Server Error"},
		"a status of another type":      {`{"statusCode":"secret"}`, "", nil, 500, "Internal Server Error"},
		"headers of another type":       {`{"statusCode":200,"headers":["secret"]}`, "", nil, 500, "Internal Server Error"},
		"a body that is not base64":     {`{"statusCode":200,"body":"secret!","isBase64Encoded":true}`, "", nil, 500, "Internal Server Error"},
		"a response larger than Lambda": {`"` + strings.Repeat("x", 6<<20) + `"`, "", nil, 500, "Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &function{answer: func(context.Context) (string, string, error) { return tc.response, tc.functionError, tc.err }}
			s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "GET /")
			s.get("/").requireError(t, tc.status, tc.message)
		})
	}
}

func TestTheIntegrationTimeoutIs503(t *testing.T) {
	f := &function{answer: func(ctx context.Context) (string, string, error) { <-ctx.Done(); return "", "", ctx.Err() }}
	s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "GET /")
	c := proxyTo(functionARN)
	c.Timeout = 50 * time.Millisecond
	_, err := s.gateway.UpdateIntegration(s.api.ID, s.integration.ID, c)
	require.NoError(t, err)
	s.get("/").requireError(t, 503, "Service Unavailable")
}

func TestBodiesOverTheLimitsAre413(t *testing.T) {
	for name, tc := range map[string]struct {
		contentType string
		size        int
		status      int
	}{
		"text that Lambda takes":            {"text/plain", 6<<20 - 4096, 200},
		"text over Lambda's limit":          {"text/plain", 6 << 20, 413},
		"binary that base64 makes too long": {"image/png", 5 << 20, 413},
		"over the limit of API Gateway":     {"text/plain", 10<<20 + 1, 413},
	} {
		t.Run(name, func(t *testing.T) {
			f := returns(`"ok"`)
			s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "POST /")
			// "<" is what encoding/json would escape, to six times its size.
			answer := s.do(s.request(http.MethodPost, "/", tc.contentType, strings.Repeat("<", tc.size)))
			if tc.status == 413 {
				answer.requireError(t, 413, "Request Entity Too Large")
				require.Zero(t, f.calls())
				return
			}
			require.Equal(t, tc.status, answer.status)
			require.Len(t, f.last(t).Body, tc.size)
		})
	}
}

func TestTheThrottleIs429(t *testing.T) {
	f := returns(`{}`)
	s := newSite(t, f, gateway.Options{}, gateway.StageConfig{Throttle: &gateway.Throttle{Rate: 0.001, Burst: 2}}, "GET /")
	for range 2 {
		require.Equal(t, http.StatusOK, s.get("/").status)
	}
	s.get("/").requireError(t, 429, "Too Many Requests")
	s.get("/nowhere").requireError(t, 404, "Not Found")
	require.Equal(t, 2, f.calls())

	_, err := s.gateway.UpdateStage(s.api.ID, "$default", gateway.StageConfig{Name: "$default", AutoDeploy: true})
	require.NoError(t, err)
	for range 10 {
		require.Equal(t, http.StatusOK, s.get("/").status)
	}
}

func TestTheMostSpecificRouteGetsTheRequest(t *testing.T) {
	keys := []string{
		"GET /pets", "GET /pets/{id}", "ANY /pets/{id}", "GET /pets/dog/1", "GET /pets/dog/{id}", "POST /pets/dog/{n}",
		"GET /pets/{proxy+}", "ANY /{proxy+}", "GET /{a}/x y", "GET /{a}/b/c", "GET /only/get", "$default",
	}
	f := returns(`{}`)
	s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, keys...)
	for _, tc := range []struct {
		request, route string
		parameters     map[string]string
	}{
		{"GET /pets", "GET /pets", nil},
		{"GET /pets/6", "GET /pets/{id}", map[string]string{"id": "6"}},
		{"PUT /pets/6", "ANY /pets/{id}", map[string]string{"id": "6"}},
		{"GET /pets/dog/1", "GET /pets/dog/1", nil},
		{"GET /pets/dog/2", "GET /pets/dog/{id}", map[string]string{"id": "2"}},
		{"POST /pets/dog/2", "POST /pets/dog/{n}", map[string]string{"n": "2"}},
		{"GET /pets/cat/2/3", "GET /pets/{proxy+}", map[string]string{"proxy": "cat/2/3"}},
		{"GET /pets/b/c", "GET /{a}/b/c", map[string]string{"a": "pets"}}, // greedy comes after
		{"PUT /pets/cat/2", "ANY /{proxy+}", map[string]string{"proxy": "pets/cat/2"}},
		{"GET /pets/", "ANY /{proxy+}", map[string]string{"proxy": "pets/"}}, // no variable is empty
		{"GET /pets/x%20y", "GET /pets/{id}", map[string]string{"id": "x y"}},
		{"GET /fish/x%20y", "GET /{a}/x y", map[string]string{"a": "fish"}},
		{"GET /pets/a%2Fb", "GET /pets/{id}", map[string]string{"id": "a/b"}},
		{"POST /only/get", "ANY /{proxy+}", map[string]string{"proxy": "only/get"}},
		{"GET /PETS", "ANY /{proxy+}", map[string]string{"proxy": "PETS"}},
		{"GET /", "$default", nil},
	} {
		t.Run(tc.request, func(t *testing.T) {
			method, path, _ := strings.Cut(tc.request, " ")
			require.Equal(t, http.StatusOK, s.do(s.request(method, path, "", "")).status)
			e := f.last(t)
			require.Equal(t, tc.route, e.RouteKey)
			require.Equal(t, tc.route, e.RequestContext.RouteKey)
			require.Equal(t, tc.parameters, e.PathParameters)
		})
	}
}

func TestWithoutARouteOrAStageIsNotFound(t *testing.T) {
	f := returns(`{}`)
	s := newSite(t, f, gateway.Options{}, gateway.StageConfig{}, "POST /v1/events", "GET /v1/events/{id}")
	for _, request := range []string{"GET /v1/events", "POST /v1/events/", "POST /v1", "GET /v1/events/", "GET /v1/events/1/2", "DELETE /v1/events/1", "GET //v1/events/1"} {
		method, path, _ := strings.Cut(request, " ")
		s.do(s.request(method, path, "", "")).requireError(t, 404, "Not Found")
	}
	require.Zero(t, f.calls())
	require.NoError(t, s.gateway.DeleteStage(s.api.ID, "$default"))
	s.get("/v1/events/1").requireError(t, 404, "Not Found")
}

// lines is a writer that passes on each line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func (l lines) next(t *testing.T) string {
	select {
	case line := <-l:
		return line
	case <-time.After(deadline):
		require.Fail(t, "nothing was logged")
		return ""
	}
}

func TestTheAccessLogHasTheStagesFormat(t *testing.T) {
	log := make(lines, 10)
	destinations := make(lines, 10)
	f := returns(`{"statusCode":202,"body":"four"}`)
	s := newSite(t, f,
		gateway.Options{AccessLogs: func(arn string) io.Writer { destinations <- arn; return log }},
		gateway.StageConfig{AccessLog: &gateway.AccessLog{
			DestinationARN: "arn:aws:logs:us-east-1:123456789012:log-group:access",
			Format: `{"id":"$context.requestId","route":"$context.routeKey","status":$context.status,"length":$context.responseLength,` +
				`"integration":"$context.integrationStatus/$context.integration.status","agent":"$context.identity.userAgent",` +
				`"path":"$context.path","error":"$context.error.message","why":"$context.integrationErrorMessage",` +
				`"latency":"$context.responseLatency","inner":"$context.integrationLatency","sub":"$context.authorizer.claims.sub"}`,
		}}, "GET /v1/{id}")

	type entry struct {
		ID, Route, Integration, Agent, Path, Error, Why, Latency, Inner, Sub string
		Status, Length                                                       int
	}
	request := func(path string) (reply, entry) {
		r := s.request(http.MethodGet, path, "", "")
		r.Header.Set("User-Agent", `"}<evil>`)
		answer := s.do(r)
		line := log.next(t)
		require.Equal(t, "arn:aws:logs:us-east-1:123456789012:log-group:access", destinations.next(t))
		require.Equal(t, 1, strings.Count(line, "\n"), line)
		var e entry
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		require.Equal(t, answer.header.Get("Apigw-Requestid"), e.ID)
		require.Equal(t, `"}<evil>`, e.Agent)
		require.Equal(t, "-", e.Sub)
		_, err := strconv.Atoi(e.Latency)
		require.NoError(t, err)
		e.ID, e.Agent, e.Sub, e.Latency = "", "", "", ""
		return answer, e
	}

	_, e := request("/v1/a%0Ab")
	_, err := strconv.Atoi(e.Inner)
	require.NoError(t, err)
	e.Inner = ""
	require.Equal(t, entry{Route: "GET /v1/{id}", Integration: "200/202", Path: "/v1/a\nb", Error: "-", Why: "-", Status: 202, Length: 4}, e)

	_, e = request("/nowhere")
	require.Equal(t, entry{Route: "-", Integration: "-/-", Path: "/nowhere", Error: "Not Found", Why: "-", Inner: "-", Status: 404, Length: 23}, e)

	f.answer = func(context.Context) (string, string, error) { return "", "", throttled{} }
	_, e = request("/v1/a")
	e.Inner = ""
	require.Equal(t, entry{Route: "GET /v1/{id}", Integration: "429/-", Path: "/v1/a", Error: "Service Unavailable", Why: "rate exceeded", Status: 503, Length: 33}, e)
}
