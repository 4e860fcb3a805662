package edge_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/env"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/guard"
	"cellular/internal/runtime/mappingcache"
	"cellular/internal/runtime/telemetry"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/emftest"
)

// The physical names of the tables in these tests. No answer may contain any part of one.
const (
	mappingTable   = "dev-global-tenant-cell-mapping"
	dataPrefix     = "dev-app-data-cell-"
	resultsPrefix  = "dev-app-results-cell-"
	countersPrefix = "dev-rate-counters-cell-"
)

const (
	softTTL        = 30 * time.Second
	hardTTL        = time.Hour
	readTimeout    = 500 * time.Millisecond
	cellTimeout    = 3 * time.Second
	minCellTimeout = 250 * time.Millisecond
	dataTTL        = 35 * 24 * time.Hour
	maxPayload     = 1024
	openFor        = 5 * time.Second
)

// configured is a router's configuration that lets everybody in and limits nobody, with changes.
func configured(changes ...func(*edge.Config)) edge.Config {
	plenty := guard.Limit{Rate: 1 << 20, Burst: 1 << 20}
	c := edge.Config{
		Auth:    edge.Auth{Type: env.AuthNone},
		DataTTL: dataTTL, CounterTimeout: 50 * time.Millisecond, MaxPayloadBytes: maxPayload, TenantLimit: plenty, Tenants: 100,
		Cell: guard.CellConfig{
			InFlight: 1 << 20, Limit: plenty, Timeout: guard.Timeout{Min: minCellTimeout, Max: cellTimeout},
			Breaker: guard.BreakerConfig{Failures: 1 << 20, OpenFor: openFor, Probes: 1},
			Random:  func() float64 { return 0 },
		},
		NewID:  func() string { return "made-by-the-router" },
		Random: func() float64 { return 0 },
	}
	for _, change := range changes {
		change(&c)
	}
	return c
}

func newRouter(t testing.TB, directory edge.Directory, cells edge.Cells, config edge.Config, log io.Writer) *edge.Handler {
	t.Helper()
	router, err := edge.New(directory, cells, config, telemetry.NewRecords(log, "Cellular/dev", slog.LevelInfo).ByVersion("7", edge.ByVersion...))
	require.NoError(t, err)
	return router
}

// world is a router with the real cache and the real tables' code in front of a database in memory: everything but AWS.
type world struct {
	*testing.T
	db     *dynamotest.DB
	router *edge.Handler
	logs   *lines

	mu     sync.Mutex
	passed time.Duration // on the cache's clocks
	wall   time.Time     // the router's clock; zero for time.Now
}

func newWorld(t *testing.T, changes ...func(*edge.Config)) *world {
	t.Helper()
	w := &world{T: t, logs: new(lines), db: dynamotest.NewTables(dynamotest.Deployment("dev", "alpha", "beta"))}
	w.router = w.process(configured(changes...))
	w.mapTenant("acme", "alpha", mapping.Active)
	return w
}

// process is one more process of the router, with a cache of its own.
func (w *world) process(config edge.Config) *edge.Handler {
	w.Helper()
	cache, err := mappingcache.New(mapping.NewStore(w.db, mappingTable), mappingcache.Config{
		Size: 100, SoftTTL: softTTL, HardTTL: hardTTL, NegativeTTL: 5 * time.Second, ReadTimeout: readTimeout,
		Clock: w.clock, Random: func() float64 { return 0 },
	})
	require.NoError(w, err)
	if config.Now == nil {
		config.Now = w.now
	}
	return newRouter(w, cache, w.tables(), config, w.logs)
}

// counters are the cells' counters.
func (w *world) counters() edge.CounterTables {
	return edge.CounterTables{Client: w.db, Prefix: countersPrefix}
}

func (w *world) tables() edge.Tables {
	return edge.Tables{Client: w.db, DataPrefix: dataPrefix, ResultsPrefix: resultsPrefix, Now: w.now}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wall.IsZero() {
		return time.Now()
	}
	return w.wall
}

func (w *world) setClock(to time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall = to
}

func (w *world) clock() mappingcache.Instant {
	w.mu.Lock()
	defer w.mu.Unlock()
	return mappingcache.Instant{Monotonic: w.passed, Wall: w.passed}
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed += d
}

func (w *world) mapTenant(tenant, cell string, state mapping.State) {
	w.db.Put(mappingTable, dynamotest.Item{
		"tenant_id":  item.Text(tenant),
		"cell_id":    item.Text(cell),
		"epoch":      item.Number(7),
		"state":      item.Text(string(state)),
		"tier":       item.Text("standard"),
		"updated_at": item.Text("2026-02-03T04:05:06.000Z"),
	})
}

// down makes every call to a table whose name contains part fail, with an error that names the table.
func (w *world) down(part string) {
	w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if strings.Contains(c.Table, part) {
			return fmt.Errorf("ProvisionedThroughputExceededException: arn:aws:dynamodb:us-east-1:123456789012:table/%s", c.Table)
		}
		return nil
	}
}

// hung makes every call to a table whose name contains part last until its context ends.
func (w *world) hung(part string) {
	w.db.Intercept = func(ctx context.Context, c dynamotest.Call) error {
		if strings.Contains(c.Table, part) {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
}

func (w *world) up() { w.db.Intercept = nil }

// calls returns the calls that arrived at tables whose name contains part.
func (w *world) calls(part string) []dynamotest.Call {
	var calls []dynamotest.Call
	for _, c := range w.db.Calls() {
		if strings.Contains(c.Table, part) {
			calls = append(calls, c)
		}
	}
	return calls
}

// answer is a response with its body decoded.
type answer struct {
	edge.Response
	body map[string]any
}

func (w *world) handle(req request) answer {
	w.Helper()
	return w.handledBy(w.router, req)
}

// handledBy has one of the router's processes handle a request.
func (w *world) handledBy(process *edge.Handler, req request) answer {
	w.Helper()
	response, err := process.Invoke(w.Context(), wire(w.T, req))
	require.NoError(w, err)
	var a answer
	require.NoError(w, json.Unmarshal(response, &a.Response), "response %q", response)
	require.NoError(w, json.Unmarshal([]byte(a.Body), &a.body), "body %q", a.Body)
	return a
}

// post submits a body. Options change the request.
func (w *world) post(body string, options ...func(*request)) answer {
	w.Helper()
	return w.handle(post(w.T, body, options...))
}

func post(t testing.TB, body string, options ...func(*request)) request {
	req := fixture(t, "post.json")
	req.Body = body
	for _, o := range options {
		o(&req)
	}
	return req
}

func header(name, value string) func(*request) {
	return func(req *request) { req.Headers[name] = value }
}

func (w *world) get(id, tenant string) answer {
	w.Helper()
	req := fixture(w.T, "get.json")
	req.RawPath = "/v1/events/" + id
	req.QueryStringParameters = map[string]string{"tenant_id": tenant}
	return w.handle(req)
}

// wantProblem checks that an answer is a well-formed problem of a kind.
func (w *world) wantProblem(a answer, status int, kind string) {
	w.Helper()
	require.Equal(w, status, a.StatusCode, a.Body)
	require.Equal(w, "application/problem+json", a.Headers["Content-Type"])
	require.Equal(w, "urn:cellular:problem:"+kind, a.body["type"])
	require.EqualValues(w, status, a.body["status"])
	require.Equal(w, a.Headers["X-Request-Id"], a.body["instance"])
	require.NotEmpty(w, a.body["title"])
	require.NotEmpty(w, a.body["detail"])
	late := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	require.Equal(w, late, a.Headers["Retry-After"] != "", "Retry-After belongs to 429 and 503")
	require.Equal(w, status == http.StatusUnauthorized, a.Headers["WWW-Authenticate"] != "", "WWW-Authenticate belongs to 401")
	w.wantNoInternals(a)
}

// wantNoInternals checks that an answer names nothing of what is inside.
func (w *world) wantNoInternals(a answer) {
	w.Helper()
	whole := strings.ToLower(a.Body)
	for _, v := range a.Headers {
		whole += "\n" + strings.ToLower(v)
	}
	for _, secret := range []string{"dev-", "app-data", "app-results", "mapping", "dynamo", "table", "arn:", "goroutine", "panic"} {
		require.NotContains(w, whole, secret)
	}
}

// request is all that API Gateway says of a request.
type request = events.APIGatewayV2HTTPRequest

func fixture(t testing.TB, name string) request {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var req request
	require.NoError(t, json.Unmarshal(b, &req))
	return req
}

// wire is a request as API Gateway sends it to the router. It encodes a body that is no text.
func wire(t testing.TB, req request) []byte {
	t.Helper()
	if !utf8.ValidString(req.Body) {
		req.Body, req.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(req.Body)), true
	}
	b, err := json.Marshal(req)
	require.NoError(t, err)
	return b
}

// received is a request as the router reads it.
func received(t testing.TB, req request) edge.Request {
	t.Helper()
	var got edge.Request
	require.NoError(t, json.Unmarshal(wire(t, req), &got))
	return got
}

// lines is the log, of lines whose metrics CloudWatch takes.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return emftest.Strict(&l.b).Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// last returns the log's last line, and fails unless there are n.
func (w *world) lastLine(n int) map[string]any {
	w.Helper()
	all := strings.Split(strings.TrimSpace(w.logs.String()), "\n")
	require.Len(w, all, n)
	var line map[string]any
	require.NoError(w, json.Unmarshal([]byte(all[n-1]), &line))
	return line
}

const order = `{"tenant_id":"acme","id":"order-1","type":"order.created","payload":{"total":42.5}}`
