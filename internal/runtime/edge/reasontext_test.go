package edge_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
)

// A client is told the class of a failure. What the error says is for operators: it may quote what is not the client's to know.
func TestAClientIsToldTheClassOfAFailureAlone(t *testing.T) {
	for _, reason := range []string{
		string(consumer.Malformed), string(consumer.Expired), string(consumer.Rejected), string(consumer.Panicked), string(consumer.Deadline),
		string(consumer.Crashed), string(consumer.Failed), ledger.ReasonConflict, ledger.ReasonDropped,
	} {
		w := newWorld(t)
		w.post(order, header("x-request-id", "client-42"))
		e := w.stored("alpha", "acme#order-1")
		failed := ledger.Of(e, ledger.Failed, time.Now(), time.Hour)
		failed.Reason, failed.ReasonText = reason, "dial tcp 10.0.0.7:5432: connection refused"
		w.db.Put(resultsPrefix+"alpha", failed.Item())
		w.db.Put(resultsPrefix+"alpha", ledger.AttemptsOf(e).With(ledger.Attempt{
			At: time.Now(), ReceiveCount: 1, Reason: reason, ReasonText: failed.ReasonText,
		}, 5, time.Hour).Item())

		a := w.get("order-1", "acme")
		require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
		require.Equal(t, "failed", a.body["status"])
		require.Equal(t, reason, a.body["reason"])
		require.NotContains(t, a.Body, "10.0.0.7")
		require.NotContains(t, a.Body, "client-42")
		require.NotContains(t, w.logs.String(), "10.0.0.7")

		a = w.get("%23attempts%23acme%23order-1", "acme")
		require.Equal(t, http.StatusBadRequest, a.StatusCode, "the attempts have no event's id")
	}
}
