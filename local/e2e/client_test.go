package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

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
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		case <-time.After(tick):
		}
	}
}

// client is what every test calls the router with. The local Lambda has ten environments of the router, and answers what
// is beyond them as AWS does, with 503. Fewer connections than that keep tests out of each other's way.
var client = &http.Client{
	Timeout:   20 * time.Second, // above the router's own, so that what is seen is the router's answer
	Transport: &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8},
}

// answer is what the router said.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Body) }

// field is a field of the answer's body, as text; "" if it has none of that name.
func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(a.Body, &fields), "%s", a)
	return strings.Trim(string(fields[name]), `"`)
}

// request sends a request as it is.
func (w *world) request(t *testing.T, method, path, contentType string, body []byte) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.outputs.URL+path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, resp.Header, text}
}

// order is a payload that the business logic takes; its result is a total of 3998 cents.
const order = `{"order_id":"A-1","customer":"jane","currency":"EUR","lines":[{"sku":"tea","quantity":2,"unit_price":1999}]}`

const placed = "order.placed"

// post sends an event of a tenant.
func (w *world) post(t *testing.T, tenant, id, eventType, payload string) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"tenant_id": tenant, "id": id, "type": eventType, "payload": json.RawMessage(payload)})
	require.NoError(t, err)
	return w.request(t, http.MethodPost, "/v1/events", "application/json", body)
}

// accept sends an event, which has to be accepted.
func (w *world) accept(t *testing.T, tenant, id, eventType, payload string) {
	t.Helper()
	a := w.post(t, tenant, id, eventType, payload)
	require.Equal(t, http.StatusAccepted, a.Status, "%s", a)
}

// acceptOrders sends good orders with the ids PREFIX-0, PREFIX-1 and so on, and returns the ids.
func (w *world) acceptOrders(t *testing.T, tenant, prefix string, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d", prefix, i)
		w.accept(t, tenant, ids[i], placed, order)
	}
	return ids
}

// get asks what became of an event.
func (w *world) get(t *testing.T, tenant, id string) answer {
	t.Helper()
	return w.request(t, http.MethodGet, "/v1/events/"+url.PathEscape(id)+"?tenant_id="+url.QueryEscape(tenant), "", nil)
}

// awaitStatus polls until the router tells that status of every event, and returns its last answer.
func (w *world) awaitStatus(t *testing.T, tenant, status string, ids ...string) answer {
	t.Helper()
	var last answer
	for _, id := range ids {
		last = await(t, fmt.Sprintf("event %s of tenant %s is %s", id, tenant, status), func() (answer, bool) {
			a := w.get(t, tenant, id)
			return a, a.Status == http.StatusOK && a.field(t, "status") == status
		})
	}
	return last
}

// tenant makes up a tenant that no other test has, and places it.
func (w *world) tenant(t *testing.T, cellID string) string {
	t.Helper()
	name := unplaced()
	w.place(t, name, cellID)
	return name
}

func unplaced() string { return "t-" + uuid.NewString()[:13] }

func (w *world) place(t *testing.T, tenant, cellID string) {
	t.Helper()
	store := placement.NewStore(dynamodb.NewFromConfig(w.cloud.Operator()), manifest.ControlPlane{MappingTable: w.outputs.MappingTable, CellTable: stack.CellTable(), MoveTable: stack.MoveTable()})
	_, err := store.Assign(t.Context(), []manifest.Cell{w.outputs.Cells[cellID]}, placement.Request{TenantID: tenant, CellID: cellID})
	require.NoError(t, err)
}
