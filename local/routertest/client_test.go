package routertest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/placement"
	"cellular/local"
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

// client is what every test calls the router with. It never has more requests under way than the router has environments,
// because Lambda itself refuses what is beyond them.
var client = &http.Client{
	Timeout:   time.Minute, // above the router's own, so that what is seen is the router's answer
	Transport: &http.Transport{MaxConnsPerHost: environments, MaxIdleConnsPerHost: environments},
}

// answer is what a client sees.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
	err    error
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %s", a.Status, a.Body)
}

// field is a field of the answer's body, as text; "" if it has none of that name.
func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(a.Body, &fields), "%s", a)
	return strings.Trim(string(fields[name]), `"`)
}

// send sends the text of an event. It may be called from any goroutine.
func (w *world) send(body []byte, headers ...string) answer {
	r, err := http.NewRequest(http.MethodPost, w.outputs.URL+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text, err}
}

// post sends an event. It may be called from any goroutine.
func (w *world) post(tenant, id, eventType, payload string) answer {
	return w.send(fmt.Appendf(nil, `{"tenant_id":%q,"id":%q,"type":%q,"payload":%s}`, tenant, id, eventType, payload))
}

const visit = "visit" // a type of events that the shipped business logic counts

// visit sends an event whose content does not matter.
func (w *world) visit(tenant, id string) answer { return w.post(tenant, id, visit, `{"page":1}`) }

func requireAccepted(t *testing.T, a answer) {
	t.Helper()
	require.Equal(t, http.StatusAccepted, a.Status, "%s", a)
}

// requireProblem checks an error answer: its status, its form, its kind, and that it names nothing of the inside.
func requireProblem(t *testing.T, a answer, status int, kind string) {
	t.Helper()
	require.Equal(t, status, a.Status, "%s", a)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), "%s", a)
	require.Equal(t, "urn:cellular:problem:"+kind, a.field(t, "type"), "%s", a)
	requireNoInternals(t, a)
}

// requireComeBack checks a refusal that is to be over some time: 429 or 503.
func requireComeBack(t *testing.T, a answer, status int, kind string, latest time.Duration) {
	t.Helper()
	requireProblem(t, a, status, kind)
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	require.NoError(t, err, "%s: Retry-After", a)
	require.Positive(t, seconds)
	require.LessOrEqual(t, time.Duration(seconds)*time.Second, latest.Truncate(time.Second)+time.Second, "Retry-After")
}

func requireNoInternals(t *testing.T, a answer) {
	t.Helper()
	body := strings.ToLower(string(a.Body))
	for _, word := range []string{"arn:", "amazonaws", "127.0.0.1", "dynamodb", "table", "lambda", "goroutine", "-cell-", "bad day"} {
		require.NotContains(t, body, word)
	}
}

// tenant makes up a tenant that no other test has, and places it.
func (w *world) tenant(t *testing.T, cell manifest.Cell) string {
	t.Helper()
	name := unplaced()
	store := placement.NewStore(w.tables, manifest.ControlPlane{
		MappingTable: w.outputs.MappingTable, CellTable: naming.Stack(local.StackName).CellTable(), MoveTable: naming.Stack(local.StackName).MoveTable(),
	})
	_, err := store.Assign(t.Context(), []manifest.Cell{cell}, placement.Request{TenantID: name, CellID: cell.ID})
	require.NoError(t, err)
	return name
}

func unplaced() string { return "t-" + uuid.NewString()[:13] }

// kept are the payloads of a tenant's events in a cell, by id.
func (w *world) kept(t *testing.T, cell manifest.Cell, tenant string) map[string]string {
	t.Helper()
	found := map[string]string{}
	pages := dynamodb.NewScanPaginator(w.tables, &dynamodb.ScanInput{
		TableName:                 &cell.DataTable,
		FilterExpression:          aws.String("begins_with(#key, :tenant)"),
		ExpressionAttributeNames:  map[string]string{"#key": event.AttrKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":tenant": &types.AttributeValueMemberS{Value: event.Key(tenant, "")}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, item := range page.Items {
			e, err := event.FromItem(item)
			require.NoError(t, err)
			found[e.ID] = string(e.Payload)
		}
	}
	return found
}

// requireNothingKept checks that no cell has an event of the tenant.
func (w *world) requireNothingKept(t *testing.T, tenant string) {
	t.Helper()
	for id, cell := range w.outputs.Cells {
		require.Empty(t, w.kept(t, cell, tenant), "cell %s", id)
	}
}
