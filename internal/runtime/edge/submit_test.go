package edge_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
	"cellular/internal/testkit/dynamotest"
)

func (w *world) stored(cell, key string) event.Event {
	w.Helper()
	e, err := event.FromItem(w.db.Item(dataPrefix+cell, key))
	require.NoError(w, err)
	return e
}

func TestAnEventIsAcceptedIntoItsTenantsCell(t *testing.T) {
	for _, name := range []string{"post.json", "post-base64.json", "post-iam.json"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := time.Now().Truncate(time.Millisecond)
			a := w.handle(fixture(t, name))
			require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
			require.Equal(t, map[string]any{"id": "order-1", "cell": "alpha", "status": "accepted"}, a.body)
			require.Equal(t, map[string]string{
				"Content-Type":  "application/json",
				"Cache-Control": "no-store",
				"Location":      "/v1/events/order-1?tenant_id=acme",
				"X-Cell-Id":     "alpha",
				"X-Request-Id":  "JKJaXmPLvHcESHA=",
			}, a.Headers)

			e := w.stored("alpha", "acme#order-1")
			require.WithinRange(t, e.AcceptedAt, before, time.Now())
			require.Equal(t, event.Expiry(e.AcceptedAt, dataTTL), e.ExpiresAt)
			require.Equal(t, "JKJaXmPLvHcESHA=", e.CorrelationID)
			e.AcceptedAt, e.ExpiresAt, e.CorrelationID = time.Time{}, time.Time{}, ""
			require.Equal(t, event.Event{
				TenantID: "acme", ID: "order-1", Type: "order.created", Epoch: 7,
				Payload: []byte(`{"total":42.5,"note":"größer als 40 € – 注文"}`),
			}, e)
			require.Empty(t, w.calls("beta"))
		})
	}
}

func TestAnEventWithoutAnIDGetsOne(t *testing.T) {
	w := newWorld(t)
	a := w.post(`{"tenant_id":"acme","type":"t","payload":null}`)
	require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
	require.Equal(t, "made-by-the-router", a.body["id"])
	require.Equal(t, "null", string(w.stored("alpha", "acme#made-by-the-router").Payload))
}

func TestMadeIDsAreTimeOrderedUUIDs(t *testing.T) {
	w := newWorld(t)
	w.router = newRouter(t, everybodyIn("alpha"), w.tables(), configured(func(c *edge.Config) { c.NewID = nil }), w.logs)
	a := w.post(`{"tenant_id":"acme","type":"t","payload":1}`)
	id, err := uuid.Parse(a.body["id"].(string))
	require.NoError(t, err)
	require.Equal(t, uuid.Version(7), id.Version())
	require.True(t, event.ValidID(id.String()))
}

func TestLocationLeadsToTheStatus(t *testing.T) {
	w := newWorld(t)
	w.mapTenant("a.b_c-D", "beta", mapping.Active)
	a := w.post(`{"tenant_id":"a.b_c-D","id":"x:1._-","type":"t","payload":1}`)
	require.Equal(t, "/v1/events/x:1._-?tenant_id=a.b_c-D", a.Headers["Location"])
	require.Equal(t, http.StatusOK, w.get("x:1._-", "a.b_c-D").StatusCode)
	require.Equal(t, http.StatusOK, w.get("x%3A1._-", "a.b_c-D").StatusCode)
}

func TestTheSameEventIsTheSame202(t *testing.T) {
	w := newWorld(t)
	first := w.post(order)
	require.Empty(t, first.Headers["Idempotent-Replayed"])
	stored := w.stored("alpha", "acme#order-1")
	for name, body := range map[string]string{
		"as it was":        order,
		"other notation":   `{ "payload":{"t\u006ftal" : 42.5}, "type":"order\u002ecreated", "id":"order-1", "tenant_id":"acme" }`,
		"by header":        `{"tenant_id":"acme","type":"order.created","payload":{"total":42.5}}`,
		"by body & header": order,
	} {
		t.Run(name, func(t *testing.T) {
			a := w.post(body, header("idempotency-key", "order-1"))
			require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
			require.Equal(t, first.Body, a.Body)
			require.Equal(t, "true", a.Headers["Idempotent-Replayed"])
			require.Equal(t, first.Headers["Location"], a.Headers["Location"])
		})
	}
	require.Equal(t, stored, w.stored("alpha", "acme#order-1"), "a replay changes nothing")
}

func TestTheSameIDWithOtherContentIsAConflict(t *testing.T) {
	w := newWorld(t)
	w.post(order)
	stored := w.stored("alpha", "acme#order-1")
	for _, body := range []string{
		`{"tenant_id":"acme","id":"order-1","type":"order.created","payload":{"total":42}}`,
		`{"tenant_id":"acme","id":"order-1","type":"order.created","payload":{"total":42.50}}`,
		`{"tenant_id":"acme","id":"order-1","type":"order.created","payload":{"total":4.25e1}}`,
		`{"tenant_id":"acme","id":"order-1","type":"order.created","payload":{"total":42.500000000000000000001}}`,
		`{"tenant_id":"acme","id":"order-1","type":"order.changed","payload":{"total":42.5}}`,
		`{"tenant_id":"acme","id":"order-1","type":"order.created","payload":"{\"total\":42.5}"}`,
	} {
		a := w.post(body)
		w.wantProblem(a, http.StatusConflict, "id-conflict")
		require.Equal(t, "order-1", a.body["event_id"])
		require.Equal(t, "alpha", a.Headers["X-Cell-Id"])
	}
	require.Equal(t, stored, w.stored("alpha", "acme#order-1"))

	w.mapTenant("globex", "alpha", mapping.Active)
	a := w.post(`{"tenant_id":"globex","id":"order-1","type":"order.changed","payload":1}`)
	require.Equal(t, http.StatusAccepted, a.StatusCode, "another tenant's ids are its own")
}

func TestIdempotencyKey(t *testing.T) {
	for _, c := range []struct {
		name, key, body string
		status          int
		id              string
	}{
		{"bare", "k-1", `{"tenant_id":"acme","type":"t","payload":1}`, 202, "k-1"},
		{"quoted", `"k-1"`, `{"tenant_id":"acme","type":"t","payload":1}`, 202, "k-1"},
		{"same as in the body", "order-1", order, 202, "order-1"},
		{"other than in the body", "k-1", order, 400, ""},
		{"not an id", "k/1", `{"tenant_id":"acme","type":"t","payload":1}`, 400, ""},
		{"one quote", `"`, `{"tenant_id":"acme","type":"t","payload":1}`, 400, ""},
		{"empty quotes", `""`, `{"tenant_id":"acme","type":"t","payload":1}`, 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.post(c.body, header("idempotency-key", c.key))
			require.Equal(t, c.status, a.StatusCode, a.Body)
			if c.status == http.StatusAccepted {
				require.Equal(t, c.id, a.body["id"])
				return
			}
			w.wantProblem(a, http.StatusBadRequest, "malformed-request")
			require.Equal(t, "Idempotency-Key", a.body["errors"].([]any)[0].(map[string]any)["field"])
			require.Empty(t, w.db.Calls())
		})
	}
}

func TestWhatIsNotJSONIsRefused(t *testing.T) {
	for contentType, status := range map[string]int{
		"":                                  202,
		"application/json":                  202,
		"Application/JSON; charset=utf-8":   202,
		"application/vnd.acme+json":         202,
		"application/cloudevents+json; v=1": 202,
		"application/x-www-form-urlencoded": 415,
		"text/json":                         415,
		"application/xml":                   415,
	} {
		t.Run(contentType, func(t *testing.T) {
			w := newWorld(t)
			a := w.post(order, header("content-type", contentType))
			require.Equal(t, status, a.StatusCode, a.Body)
			if status != http.StatusAccepted {
				w.wantProblem(a, status, "unsupported-media-type")
			}
		})
	}
}

func TestPayloadsUpToTheLimitAreAccepted(t *testing.T) {
	body := func(size int) string {
		return `{"tenant_id":"acme","type":"t","payload":"` + strings.Repeat("x", size-2) + `"}`
	}
	w := newWorld(t)
	require.Equal(t, http.StatusAccepted, w.post(body(maxPayload)).StatusCode)
	a := w.post(body(maxPayload + 1))
	w.wantProblem(a, http.StatusRequestEntityTooLarge, "too-large")
	require.Contains(t, a.body["detail"], "1025 bytes, at most 1024")

	a = w.post("\n" + strings.Repeat(" ", 10000) + order)
	w.wantProblem(a, http.StatusRequestEntityTooLarge, "too-large")

	encoded := func(req *request) {
		req.Body, req.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(req.Body)), true
	}
	require.Equal(t, http.StatusAccepted, w.post(`{"tenant_id":"acme","id":"b","type":"t","payload":"`+strings.Repeat("x", maxPayload-2)+`"}`, encoded).StatusCode)
	w.wantProblem(w.post(body(maxPayload+1), encoded), http.StatusRequestEntityTooLarge, "too-large")
}

func TestABodyThatIsNoBase64IsMalformed(t *testing.T) {
	w := newWorld(t)
	a := w.post("{}", func(req *request) { req.IsBase64Encoded = true })
	w.wantProblem(a, http.StatusBadRequest, "malformed-request")
	require.Contains(t, a.body["detail"], "base64")
}

func TestUnknownAndSuspendedTenantsReachNoCell(t *testing.T) {
	w := newWorld(t)
	w.mapTenant("naughty", "alpha", mapping.Suspended)
	w.mapTenant("moving", "beta", mapping.Moving)

	a := w.post(`{"tenant_id":"nobody","type":"t","payload":1}`)
	w.wantProblem(a, http.StatusNotFound, "unknown-tenant")
	require.NotContains(t, a.Headers, "X-Cell-Id")
	w.wantProblem(w.get("e1", "nobody"), http.StatusNotFound, "unknown-tenant")

	a = w.post(`{"tenant_id":"naughty","type":"t","payload":1}`)
	w.wantProblem(a, http.StatusForbidden, "tenant-suspended")
	require.NotContains(t, a.Headers, "X-Cell-Id")
	w.wantProblem(w.get("e1", "naughty"), http.StatusForbidden, "tenant-suspended")
	require.Empty(t, w.calls("app-"))

	require.Equal(t, http.StatusAccepted, w.post(`{"tenant_id":"moving","type":"t","payload":1}`).StatusCode)
}

func TestI5KnownTenantsAreRoutedWithoutTheControlPlane(t *testing.T) {
	w := newWorld(t)
	body := `{"tenant_id":"acme","type":"t","payload":1,"id":"`
	require.Equal(t, http.StatusAccepted, w.post(body+`1"}`).StatusCode)
	w.down("mapping")

	a := w.post(`{"tenant_id":"newcomer","type":"t","payload":1}`)
	w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
	require.NotContains(t, a.Headers, "X-Cell-Id", "never a guessed cell")

	w.pass(hardTTL - 1)
	a = w.post(body + `2"}`)
	require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
	require.Equal(t, "alpha", a.Headers["X-Cell-Id"])
	require.Equal(t, "stale", w.lastLine(3)["mapping"])
	require.Equal(t, "WARN", w.lastLine(3)["level"])
	require.Equal(t, http.StatusOK, w.get("2", "acme").StatusCode)

	w.pass(1)
	a = w.post(body + `3"}`)
	w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
	require.NotContains(t, a.Headers, "X-Cell-Id")
	require.Empty(t, w.calls("beta"))

	w.up()
	require.Equal(t, http.StatusAccepted, w.post(body+`3"}`).StatusCode)
}

func TestI5AControlPlaneThatHangsCostsItsDeadlineOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.post(order)
		w.hung("mapping")
		w.pass(softTTL)
		start := time.Now()
		for range 10 {
			require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		}
		require.Equal(t, readTimeout, time.Since(start), "the first waits, the rest do not")
	})
}

func TestACellThatFailsIsA503AndNoOtherCellIsTried(t *testing.T) {
	for name, fail := range map[string]func(*world){
		"throttled":  func(w *world) { w.down("alpha") },
		"hung":       func(w *world) { w.hung("alpha") },
		"not there":  func(w *world) { w.mapTenant("acme", "gamma", mapping.Active) },
		"not let in": func(w *world) { w.db.Intercept = refuse("alpha") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.mapTenant("globex", "beta", mapping.Active)
				fail(w)
				start := time.Now()
				a := w.post(order)
				require.LessOrEqual(t, time.Since(start), cellTimeout)
				w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
				require.NotEmpty(t, a.Headers["X-Cell-Id"])
				require.Empty(t, w.calls("beta"))
				require.Len(t, w.calls("app-data"), 1, "and not tried twice")
				w.wantProblem(w.get("order-1", "acme"), http.StatusServiceUnavailable, "unavailable")

				a = w.post(`{"tenant_id":"globex","type":"t","payload":1}`)
				require.Equal(t, http.StatusAccepted, a.StatusCode, "another cell's tenants notice nothing")
			})
		})
	}
}

func refuse(part string) func(context.Context, dynamotest.Call) error {
	return func(_ context.Context, c dynamotest.Call) error {
		if strings.Contains(c.Table, part) {
			return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not authorized on arn:aws:dynamodb:::table/" + c.Table}
		}
		return nil
	}
}

// The write may have arrived although the answer did not. The client must be able to ask again without doubling it, even
// if the router made the id.
func TestARetryAfterATimeoutIsTheSameEvent(t *testing.T) {
	w := newWorld(t)
	body := `{"tenant_id":"acme","type":"t","payload":{"n":1}}`
	lost := true
	w.router = newRouter(t, everybodyIn("alpha"), &losesAnswers{Cells: w.tables(), lost: &lost},
		configured(func(c *edge.Config) { c.NewID = nil }), w.logs)
	for _, options := range [][]func(*request){nil, {header("idempotency-key", "the-clients-own")}} {
		lost = true
		a := w.post(body, options...)
		w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
		id := a.Headers["Idempotency-Key"]
		require.Equal(t, id, a.body["event_id"])
		require.Equal(t, options != nil, id == "the-clients-own")
		require.NotNil(t, w.db.Item(dataPrefix+"alpha", "acme#"+id))

		lost = false
		a = w.post(body, header("idempotency-key", id))
		require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
		require.Equal(t, id, a.body["id"])
		require.Equal(t, "true", a.Headers["Idempotent-Replayed"])
	}
}

// losesAnswers is cells that do what they are asked, and whose answers get lost.
type losesAnswers struct {
	edge.Cells
	lost *bool
}

func (l *losesAnswers) Write(ctx context.Context, cellID string, e event.Event) (*event.Event, error) {
	existing, err := l.Cells.Write(ctx, cellID, e)
	if *l.lost {
		return nil, context.DeadlineExceeded
	}
	return existing, err
}

func TestBadDataInACellIsNotTheClientsToRetry(t *testing.T) {
	w := newWorld(t)
	w.db.Put(dataPrefix+"alpha", dynamotest.Item{"id": item.Text("acme#order-1")})
	a := w.post(order)
	w.wantProblem(a, http.StatusInternalServerError, "internal")
	require.Contains(t, w.lastLine(1)["error"], "attribute type is missing")
}
