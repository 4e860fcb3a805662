package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/testkit/cloudtest"
)

func TestRefusalsAreProblemsThatNameNothingInternal(t *testing.T) {
	t.Parallel()
	w := start(t)
	tenant := w.tenant(t, "east") // which cell does not matter: nothing is accepted
	const jsonType = "application/json"
	for name, c := range map[string]struct {
		method, path, contentType, body string
		status                          int
		kind                            string
	}{
		"an empty body":      {"POST", "/v1/events", jsonType, ``, 400, "malformed-request"},
		"no JSON":            {"POST", "/v1/events", jsonType, `{"tenant_id":`, 400, "malformed-request"},
		"a list":             {"POST", "/v1/events", jsonType, `[]`, 400, "malformed-request"},
		"invalid UTF-8":      {"POST", "/v1/events", jsonType, "{\"tenant_id\":\"\xff\"}", 400, "malformed-request"},
		"missing fields":     {"POST", "/v1/events", jsonType, `{"tenant_id":"` + tenant + `"}`, 400, "malformed-request"},
		"an unknown field":   {"POST", "/v1/events", jsonType, `{"tenant_id":"` + tenant + `","type":"a","payload":1,"größe":1}`, 400, "malformed-request"},
		"a bad tenant id":    {"POST", "/v1/events", jsonType, `{"tenant_id":"a#b","type":"a","payload":1}`, 400, "malformed-request"},
		"a bad event id":     {"POST", "/v1/events", jsonType, `{"tenant_id":"` + tenant + `","id":"é","type":"a","payload":1}`, 400, "malformed-request"},
		"an unknown tenant":  {"POST", "/v1/events", jsonType, `{"tenant_id":"nobody","type":"a","payload":1}`, 404, "unknown-tenant"},
		"a large payload":    {"POST", "/v1/events", jsonType, `{"tenant_id":"` + tenant + `","type":"a","payload":"` + strings.Repeat("x", 384<<10) + `"}`, 413, "too-large"},
		"a large body":       {"POST", "/v1/events", jsonType, strings.Repeat(" ", 4<<20), 413, "too-large"},
		"text":               {"POST", "/v1/events", "text/plain", `{"tenant_id":"` + tenant + `","type":"a","payload":1}`, 415, "unsupported-media-type"},
		"GET: no tenant":     {"GET", "/v1/events/e-1", "", ``, 400, "malformed-request"},
		"GET: bad event id":  {"GET", "/v1/events/a%23b?tenant_id=" + tenant, "", ``, 400, "malformed-request"},
		"GET: unknown event": {"GET", "/v1/events/e-1?tenant_id=" + tenant, "", ``, 404, "unknown-event"},
		"GET: unknown tenant": {
			"GET", "/v1/events/e-1?tenant_id=nobody", "", ``, 404, "unknown-tenant",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cloudtest.RequireProblem(t, w.request(t, c.method, c.path, c.contentType, []byte(c.body)), c.status, c.kind)
		})
	}
}

// What does not get as far as the router is answered by the HTTP API itself, in its own form.
func TestTheHTTPAPIsOwnRefusalsNameNothingInternal(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
	}{
		"another path":                {"GET", "/", "", http.StatusNotFound},
		"another method":              {"DELETE", "/v1/events/e-1", "", http.StatusNotFound},
		"more than the API lets pass": {"POST", "/v1/events", strings.Repeat(" ", 11<<20), http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.request(t, c.method, c.path, "application/json", []byte(c.body))
			require.Equal(t, c.status, a.Status, "%s", a)
			require.NotEmpty(t, a.Field("message"), "%s", a)
			cloudtest.RequireNoInternals(t, a)
		})
	}
}

func TestTheRefusalOfAFieldSaysWhichInTheClientsOwnWords(t *testing.T) {
	t.Parallel()
	w := start(t)
	a := w.request(t, "POST", "/v1/events", "application/json", []byte(`{"tenant_id":"a","type":"a","größe":1}`))
	var problem struct {
		Errors []struct{ Field, Detail string }
	}
	require.NoError(t, json.Unmarshal(a.Body, &problem), "%s", a)
	var fields []string
	for _, e := range problem.Errors {
		require.NotEmpty(t, e.Detail)
		fields = append(fields, e.Field)
	}
	require.ElementsMatch(t, []string{"größe", "payload"}, fields)
}

func TestTheWayOfAnEventAsItsClientSeesIt(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Producer)

	payload := strings.Replace(order, "jane", "Zoë 漢字 🚲 \uFFFF", 1)
	sent := w.post(t, tenant, "e:1", placed, payload)
	cloudtest.RequireAccepted(t, sent)
	require.JSONEq(t, `{"id":"e:1","cell":"`+c.ID+`","status":"accepted"}`, string(sent.Body))
	require.Equal(t, c.ID, sent.Header.Get("X-Cell-Id"))

	seen := func() map[string]json.RawMessage {
		a := w.request(t, http.MethodGet, sent.Header.Get("Location"), "", nil)
		require.Equal(t, http.StatusOK, a.Status, "%s", a)
		return decode[map[string]json.RawMessage](t, string(a.Body))
	}
	accepted := seen()
	require.JSONEq(t, `"accepted"`, string(accepted["status"]))
	require.NotEmpty(t, accepted["accepted_at"])
	require.Nil(t, accepted["result"])

	resume()
	processed := cloudtest.Await(t, "the event is processed", func() (map[string]json.RawMessage, bool) {
		fields := seen()
		return fields, string(fields["status"]) == `"processed"`
	})
	require.JSONEq(t, `{"total":3998,"currency":"EUR"}`, string(processed["result"]))
	require.NotEmpty(t, processed["applied_at"])
	require.Equal(t, payload, cloudtest.Text(c.item(t, c.DataTable, event.Key(tenant, "e:1")), event.AttrPayload), "what the client sent is kept as it is")

	// The same event once more is the same 202; a client that leaves the id to the router gets one.
	again := w.post(t, tenant, "e:1", placed, payload)
	require.Equal(t, http.StatusAccepted, again.Status)
	require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
	body, err := json.Marshal(map[string]any{"tenant_id": tenant, "type": "visit", "payload": nil})
	require.NoError(t, err)
	unnamed := w.request(t, http.MethodPost, "/v1/events", "application/json", body)
	cloudtest.RequireAccepted(t, unnamed)
	w.AwaitStatus(t, tenant, "processed", unnamed.Field("id"))
	require.Equal(t, map[string]int{placed: 1, "visit": 1}, c.counters(t, tenant))
}
