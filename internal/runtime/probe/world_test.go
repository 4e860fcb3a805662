package probe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/model/openwork"
	cellprobe "cellular/internal/model/probe"
	"cellular/internal/runtime/probe"
	"cellular/internal/runtime/telemetry"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/emftest"
)

const (
	stack    naming.Stack = "dev"
	interval              = time.Minute
	patience              = 20 * time.Second
)

// world is a deployment as the probe sees it. All requests are counted.
type world struct {
	mu       sync.Mutex
	texts    map[string]string // manifests by parameter
	ssmErr   error
	ssmHangs bool
	broken   map[string]fault // cells that are not well
	puts     map[string]int   // of probe tenants
	posts    map[string]int   // by tenant
	accepted map[string]time.Time
	requests int

	tables   *dynamotest.DB
	queryErr error
	lines    []line
}

// fault is what is wrong with a cell.
type fault string

const (
	hangsPlacing   fault = "its mapping is not put, nor refused"
	hangsAccepting fault = "the router does not answer a POST"
	hangsTelling   fault = "the router does not answer a GET"
	isStuck        fault = "its events are never processed"
	isDown         fault = "the router says that it is down"
	isUnrouted     fault = "the router does not get to it"
	isUnmapped     fault = "its tenant is not known"
)

// line is one line of the function, and when it was written.
type line struct {
	at     time.Time
	fields map[string]any
}

func newWorld(t require.TestingT, ids ...string) *world {
	w := &world{
		texts: map[string]string{}, broken: map[string]fault{}, puts: map[string]int{}, posts: map[string]int{},
		accepted: map[string]time.Time{}, tables: dynamotest.NewTables(dynamotest.ControlPlane(stack)),
	}
	for _, id := range ids {
		text, err := manifest.Cell{
			ID: id, Tier: "standard", MaxTenants: 10, DataTable: "d", ResultsTable: "r", TopicARN: "t", QueueURL: "qu", QueueARN: "qa",
			ConsumerDLQURL: "c", SubscriptionDLQURL: "s", StreamDLQURL: "st", Producer: "p", Consumer: "co",
			Settings: manifest.Settings{InlinePayloadBytes: 1, ResultTTL: manifest.Duration(time.Hour)},
		}.JSON()
		require.NoError(t, err)
		w.texts[stack.Cell(id).Parameter()] = text
	}
	return w
}

// rounds are those of one process.
func (w *world) rounds() *probe.Rounds {
	lines := emftest.Strict(w)
	return probe.New(probe.Options{
		Cells:    probe.Manifests{SSM: w, Path: stack.CellParameters()},
		Places:   probe.MappingTable{DynamoDB: w, Name: stack.MappingTable()},
		Prober:   cellprobe.Prober{URL: "http://router", HTTP: w, Sign: func(context.Context, *http.Request, []byte) error { return nil }, Patience: patience},
		Work:     openwork.Counter{DynamoDB: w, Table: stack.MoveTable(), HardTTL: time.Hour, Pages: probe.OpenPages},
		Interval: interval,
		Records:  telemetry.NewRecords(lines, stack.MetricsNamespace(), slog.LevelInfo),
		Logger:   slog.New(slog.NewJSONHandler(w, nil)),
	})
}

// Write takes a line of the function.
func (w *world) Write(text []byte) (int, error) {
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, line{time.Now(), fields})
	return len(text), nil
}

// said returns the lines with a message, in their order.
func (w *world) said(message string) []line {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.lines), func(l line) bool { return l.fields["message"] != message && l.fields["msg"] != message })
}

// cellLines returns the lines of cells, by cell.
func (w *world) cellLines(t require.TestingT) map[string]line {
	all := map[string]line{}
	for _, l := range w.said("cell probed") {
		id := l.fields["cell"].(string)
		require.NotContains(t, all, id, "a line for each cell and round")
		all[id] = l
	}
	return all
}

// metrics are the values of a line's metrics that count for no cell.
func metrics(t require.TestingT, l line) map[string]float64 {
	aws, ok := l.fields["_aws"].(map[string]any)
	if !ok {
		return nil
	}
	values := map[string]float64{}
	for _, d := range aws["CloudWatchMetrics"].([]any) {
		directive := d.(map[string]any)
		require.Equal(t, []any{[]any{}}, directive["Dimensions"])
		for _, m := range directive["Metrics"].([]any) {
			name := m.(map[string]any)["Name"].(string)
			values[name] = l.fields[name].(float64)
		}
	}
	return values
}

func (w *world) count() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests++
}

// GetParametersByPath is SSM.
func (w *world) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	w.count()
	if w.ssmHangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if w.ssmErr != nil && (in.NextToken != nil || len(w.texts) <= int(*in.MaxResults)) { // not with the first of several pages
		return nil, w.ssmErr
	}
	out := &ssm.GetParametersByPathOutput{}
	for _, name := range slices.Sorted(maps.Keys(w.texts)) {
		if in.NextToken != nil && name <= *in.NextToken {
			continue
		}
		if len(out.Parameters) == int(*in.MaxResults) {
			out.NextToken = out.Parameters[len(out.Parameters)-1].Name
			break
		}
		out.Parameters = append(out.Parameters, types.Parameter{Name: &name, Value: aws.String(w.texts[name])})
	}
	return out, nil
}

func (w *world) fault(cellID string) fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken[cellID]
}

// PutItem is the mapping table.
func (w *world) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	w.count()
	tenant := item.Read(in.Item).String(mapping.AttrTenantID)
	w.mu.Lock()
	w.puts[tenant]++
	w.mu.Unlock()
	if w.fault(cellOf(tenant)) == hangsPlacing {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return w.tables.PutItem(ctx, in, o...)
}

// Query is the moves table.
func (w *world) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	w.count()
	if w.queryErr != nil {
		return nil, w.queryErr
	}
	return w.tables.Query(ctx, in, o...)
}

func cellOf(tenant string) string { return strings.TrimPrefix(tenant, mapping.ProbeTenant("")) }

// How long a request to the router takes, and a cell that is well to process an event.
const (
	requestTakes = 5 * time.Millisecond
	cellTakes    = 250 * time.Millisecond
)

// Do is the router. It serves each cell on its own, as the real one does.
func (w *world) Do(r *http.Request) (*http.Response, error) {
	w.count()
	ctx := r.Context()
	cut := func() (*http.Response, error) { return nil, &url.Error{Op: r.Method, URL: r.URL.Path, Err: ctx.Err()} }
	select {
	case <-ctx.Done():
		return cut()
	case <-time.After(requestTakes):
	}
	answer := httptest.NewRecorder()
	tenant := r.URL.Query().Get("tenant_id")
	if r.Method == http.MethodPost {
		var body struct {
			TenantID string `json:"tenant_id"`
			ID       string `json:"id"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return nil, err
		}
		tenant = body.TenantID
		w.mu.Lock()
		w.posts[tenant]++
		if _, again := w.accepted[body.ID]; again {
			w.mu.Unlock()
			return nil, fmt.Errorf("event %s was sent twice", body.ID)
		}
		w.accepted[body.ID] = time.Now()
		w.mu.Unlock()
	}
	cell := cellOf(tenant)
	refuse := func(status int, kind string) (*http.Response, error) {
		answer.WriteHeader(status)
		_, _ = io.WriteString(answer, `{"type":"urn:cellular:problem:`+kind+`","detail":"`+kind+`"}`)
		return answer.Result(), nil
	}
	f := w.fault(cell)
	post := r.Method == http.MethodPost
	switch {
	case f == hangsAccepting && post, f == hangsTelling && !post:
		<-ctx.Done()
		return cut()
	case f == isDown:
		answer.Header().Set("X-Cell-Id", cell)
		return refuse(http.StatusServiceUnavailable, "unavailable")
	case f == isUnrouted:
		return refuse(http.StatusServiceUnavailable, "unavailable")
	case f == isUnmapped:
		return refuse(http.StatusNotFound, "unknown-tenant")
	}
	status := "accepted"
	answer.Header().Set("X-Cell-Id", cell)
	if post {
		answer.WriteHeader(http.StatusAccepted)
	} else {
		w.mu.Lock()
		since := time.Since(w.accepted[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]])
		w.mu.Unlock()
		if f != isStuck && since >= cellTakes {
			status = "processed"
		}
	}
	_, _ = io.WriteString(answer, `{"cell":"`+cell+`","status":"`+status+`"}`)
	return answer.Result(), nil
}
