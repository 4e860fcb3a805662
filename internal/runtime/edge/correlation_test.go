package edge_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	apiRequest = "JKJaXmPLvHcESHA="
	trace      = "4bf92f3577b34da6a3ce929d0e0e4736"
)

func TestAnEventIsFollowedByWhatItsClientCallsTheRequest(t *testing.T) {
	for _, c := range []struct{ requestID, traceParent, want string }{
		{"", "", apiRequest},
		{"client-42", "", "client-42"},
		{"client-42", "00-" + trace + "-00f067aa0ba902b7-01", "client-42"},
		{"", "00-" + trace + "-00f067aa0ba902b7-01", trace},
		{"two words", "00-" + trace + "-00f067aa0ba902b7-00", trace},
		{"", "cc-" + trace + "-00f067aa0ba902b7-01-what a later version says", trace},
		{"", "00-" + trace + "-00f067aa0ba902b7-01-more", apiRequest},
		{"", "ff-" + trace + "-00f067aa0ba902b7-01", apiRequest},
		{"", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", apiRequest},
		{"", "00-" + trace, apiRequest},
		{"", "evil\r\nSet-Cookie: a=", apiRequest},
	} {
		w := newWorld(t)
		a := w.post(order, header("x-request-id", c.requestID), header("traceparent", c.traceParent))
		require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
		require.Equal(t, c.want, w.stored("alpha", "acme#order-1").CorrelationID)
		require.Equal(t, c.want, w.lastLine(1)["correlation_id"])
		if c.requestID != "client-42" {
			require.Equal(t, apiRequest, a.Headers["X-Request-Id"], "a trace is no request")
		}
	}
}

// An event is known by its content: a client that sends it again under another id of a request gets the same 202, and the event
// keeps the id that its other lines have.
func TestAnEventKeepsTheCorrelationIDOfItsFirstRequest(t *testing.T) {
	w := newWorld(t)
	w.post(order, header("x-request-id", "first"))
	a := w.post(order, header("x-request-id", "second"))
	require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
	require.Equal(t, "true", a.Headers["Idempotent-Replayed"])
	require.Equal(t, "second", a.Headers["X-Request-Id"])
	require.Equal(t, "first", w.stored("alpha", "acme#order-1").CorrelationID)
	line := w.lastLine(2)
	require.Equal(t, "second", line["request"])
	require.Equal(t, "first", line["correlation_id"])

	a = w.get("order-1", "acme")
	require.NotContains(t, a.Body, "first")
	require.NotContains(t, w.lastLine(3), "correlation_id")
}

// A request that was refused is found by what its client calls it, too.
func TestARefusedRequestHasItsCorrelationID(t *testing.T) {
	w := newWorld(t)
	w.down("alpha")
	a := w.post(order, header("x-request-id", "first"))
	require.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
	require.Equal(t, "first", w.lastLine(1)["correlation_id"])
}
