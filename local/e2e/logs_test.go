package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

// lineBuffer collects the functions' logs. Each Write is one line.
type lineBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (b *lineBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(line))
	return len(line), nil
}

func (b *lineBuffer) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// record is a line of a function's log, as far as tests look at it.
type record struct {
	Part string `json:"-"` // "router", "cloudwatch", or "cell ID FUNCTION"

	Message, Cell, Tenant, Event string
	Outcome, Reason              string // of the consumer's attempt
	ReceiveCount                 int    `json:"receive_count"`
	Mapping                      string // how the router came by the mapping
	RequestID                    string
}

// logged are the records that tell of a tenant's event; "" is all of its events.
func (w *world) logged(t *testing.T, tenant, id string) []record {
	t.Helper()
	var list []record
	for _, line := range w.logs.all() {
		part, content, ok := strings.Cut(line, " | ")
		require.True(t, ok, "a line without the name of its part: %s", line)
		r := record{Part: part}
		if json.Unmarshal([]byte(content), &r) == nil && r.Tenant == tenant && (id == "" || r.Event == id) {
			list = append(list, r)
		}
	}
	return list
}

// awaitLogged polls until so many records of an event meet the condition.
func (w *world) awaitLogged(t *testing.T, tenant, id, what string, n int, meets func(record) bool) {
	t.Helper()
	cloudtest.Await(t, what, func() ([]record, bool) {
		list := w.logged(t, tenant, id)
		count := 0
		for _, r := range list {
			if meets(r) {
				count++
			}
		}
		return list, count >= n
	})
}

func isDuplicate(r record) bool { return r.Outcome == "duplicate" }

func TestEveryLineOfACellsFunctionsNamesTheCell(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	ids := w.acceptOrders(t, tenant, "logged", 3)
	w.Accept(t, tenant, "bad", placed, `{}`)
	w.AwaitStatus(t, tenant, "processed", ids...)
	w.AwaitStatus(t, tenant, "failed", "bad")
	c.awaitLetters(t, c.ConsumerDLQURL, `"bad"`)

	own := map[string]int{} // part -> lines that the function itself wrote
	for _, line := range w.logs.all() {
		part, content, _ := strings.Cut(line, " | ")
		id, function, ok := strings.Cut(strings.TrimPrefix(part, "cell "), " ")
		if !ok {
			require.Contains(t, []string{"router", "cloudwatch"}, part, "%s", line)
			continue
		}
		require.Contains(t, w.outputs.Cells, id, "%s", line)
		require.Contains(t, []string{"producer", "consumer"}, function, "%s", line)
		fields := decode[map[string]any](t, content)
		if fields["eventSourceMapping"] == nil && !strings.HasPrefix(fields["message"].(string), "Error: ") { // Lambda's words
			require.Equal(t, id, fields["cell"], "%s", line)
			own[part]++
		}
	}
	require.Positive(t, own["cell "+c.ID+" producer"])
	require.Positive(t, own["cell "+c.ID+" consumer"])
}
