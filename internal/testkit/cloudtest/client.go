package cloudtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
)

// What the shipped business logic takes.
const (
	OrderPlaced = "order.placed"
	// Order is the payload of an order.placed, whose result is a total of 3998 cents.
	Order = `{"order_id":"A-1","customer":"jane","currency":"EUR","lines":[{"sku":"tea","quantity":2,"unit_price":1999}]}`
	Visit = "visit" // is counted, whatever its payload is
	Page  = `{"page":1}`
)

// Connections is how many requests a client has under way at a time. The local Lambda has ten environments of the router
// unless it is configured otherwise, and answers what is beyond them as AWS does, with 503.
const Connections = 8

// Client is a client of a router. Any goroutine may use it.
type Client struct {
	URL  string
	HTTP *http.Client
}

// NewClient returns a client of the router at a URL. It waits longer than the gateway in front of the router does, so that
// what is seen is an answer.
func NewClient(url string) *Client {
	return &Client{url, &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxConnsPerHost: Connections, MaxIdleConnsPerHost: Connections},
	}}
}

// Answer is what the router said. Err says why it said nothing.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Err    error
}

func (a Answer) String() string {
	if a.Err != nil {
		return a.Err.Error()
	}
	return fmt.Sprintf("%d %s", a.Status, a.Body)
}

// Field is a field of the answer's body; "" if it has none of that name that is a string.
func (a Answer) Field(name string) string {
	var fields map[string]any
	_ = json.Unmarshal(a.Body, &fields)
	text, _ := fields[name].(string)
	return text
}

// Send sends a request as it is.
func (c *Client) Send(r *http.Request) Answer {
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, body, err}
}

// Request sends a request about a path, which may have a query. Headers are names and values; the content is JSON unless
// they say otherwise.
func (c *Client) Request(ctx context.Context, method, path string, body []byte, headers ...string) Answer {
	r, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return Answer{Err: err}
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return c.Send(r)
}

// Post sends an event, whose payload travels as it is written.
func (c *Client) Post(ctx context.Context, tenant, id, eventType, payload string) Answer {
	body := fmt.Appendf(nil, `{"tenant_id":%q,"id":%q,"type":%q,"payload":%s}`, tenant, id, eventType, payload)
	return c.Request(ctx, http.MethodPost, "/v1/events", body)
}

// Get asks what became of an event.
func (c *Client) Get(ctx context.Context, tenant, id string) Answer {
	return c.Request(ctx, http.MethodGet, "/v1/events/"+url.PathEscape(id)+"?tenant_id="+url.QueryEscape(tenant), nil)
}

// Accept sends an event, which has to be accepted.
func (c *Client) Accept(t *testing.T, tenant, id, eventType, payload string) {
	t.Helper()
	RequireAccepted(t, c.Post(t.Context(), tenant, id, eventType, payload))
}

// AwaitStatus polls until the router tells that status of every event, and returns its last answer.
func (c *Client) AwaitStatus(t *testing.T, tenant string, status ledger.Status, ids ...string) Answer {
	t.Helper()
	var last Answer
	for _, id := range ids {
		last = Await(t, fmt.Sprintf("event %s of tenant %s is %s", id, tenant, status), func() (Answer, bool) {
			a := c.Get(t.Context(), tenant, id)
			require.NoError(t, a.Err)
			return a, a.Status == http.StatusOK && a.Field("status") == string(status)
		})
	}
	return last
}

// RequireAccepted checks that an event was accepted.
func RequireAccepted(t *testing.T, a Answer) {
	t.Helper()
	require.Equal(t, http.StatusAccepted, a.Status, "%s", a)
}

// RequireProblem checks an error answer: its status, its form, its kind, and that it names nothing of the inside.
func RequireProblem(t *testing.T, a Answer, status int, kind string) {
	t.Helper()
	require.Equal(t, status, a.Status, "%s", a)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), "%s", a)
	require.Equal(t, "urn:cellular:problem:"+kind, a.Field("type"), "%s", a)
	require.NotEmpty(t, a.Field("detail"), "%s", a)
	RequireNoInternals(t, a)
}

// inside are words of what a client must not learn of, in lower case.
var inside = []string{
	string(Stack) + "-", "-cell-", "arn:", "amazonaws", "127.0.0.1", "localhost", "dynamodb", "table", "queue", "topic", "lambda", "goroutine", badDay,
}

// RequireNoInternals checks that an answer names no table, queue, function, ARN or endpoint.
func RequireNoInternals(t *testing.T, a Answer) {
	t.Helper()
	body := strings.ToLower(string(a.Body))
	for _, word := range inside {
		require.NotContains(t, body, word)
	}
}
