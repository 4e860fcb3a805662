package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/cloudtest"
)

// A client's name for its request leads to the lines of router and consumer, to the event, to its outcome and to each failed
// attempt; what those say, the client is not told.
func TestAnEventIsFollowedFromTheRequestToItsLastAttempt(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	const request = "follow-run-42"
	body := fmt.Appendf(nil, `{"tenant_id":%q,"id":"fails","type":"fault.error","payload":{}}`, tenant)
	a := w.Request(t.Context(), http.MethodPost, "/v1/events", body, "X-Request-Id", request)
	cloudtest.RequireAccepted(t, a)
	require.Equal(t, request, a.Header.Get("X-Request-Id"))
	a = w.AwaitStatus(t, tenant, "failed", "fails")
	require.Equal(t, "error", a.Field("reason"))
	c.awaitLetters(t, c.ConsumerDLQURL, request)

	for _, line := range w.logs.all() {
		if strings.Contains(line, tenant) && !strings.Contains(line, `"method":"GET"`) {
			require.Contains(t, line, `"correlation_id":"`+request+`"`)
		}
	}
	require.NotEmpty(t, w.logged(t, tenant, "fails"))

	attempts, err := ledger.AttemptsFromItem(c.item(t, c.ResultsTable, ledger.AttemptsKey(tenant, "fails")))
	require.NoError(t, err)
	require.Equal(t, request, attempts.CorrelationID)
	require.GreaterOrEqual(t, attempts.Failures, int64(2))
	for _, attempt := range attempts.Latest {
		require.Equal(t, "error", attempt.Reason)
		require.NotEmpty(t, attempt.ReasonText)
		require.NotEmpty(t, attempt.RequestID)
		require.NotContains(t, string(a.Body), attempt.ReasonText)
	}
	outcome := ledger.Peek(c.item(t, c.ResultsTable, event.Key(tenant, "fails")))
	require.Equal(t, request, outcome.CorrelationID)
	require.NotEmpty(t, outcome.ReasonText)
}
