package resend_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/resend"
	"cellular/internal/testkit/dynamotest"
	. "cellular/internal/testkit/resendtest"
)

func TestHome_GetsOverEveryDocumentedFault(t *testing.T) {
	t.Run("send", func(t *testing.T) {
		dynamotest.EveryFault(t, func(t *testing.T) dynamotest.Scenario {
			w := New()
			w.Map("acme", Beta, 4)
			e := w.Accept(Alpha, "acme", "e1", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Failed, time.Minute)
			queue := &outbox{}
			var got map[string]resend.Assessed
			return dynamotest.Scenario{
				DB: w.Tables,
				Act: func() (err error) {
					got, err = w.Home(queue).Send(t.Context(), Alpha, "acme", want(e))
					return err
				},
				Done: func() {
					require.Equal(t, resend.Sent, got[e.Key()].Verdict)
					require.Len(t, queue.messages(t, Beta.QueueURL), 1)
					require.NotNil(t, w.Tables.Item(Beta.DataTable, e.Key()), "a message without its item")
				},
			}
		})
	})
	t.Run("drop", func(t *testing.T) {
		dynamotest.EveryFault(t, func(t *testing.T) dynamotest.Scenario {
			w := New()
			w.Map("acme", Alpha, 1)
			e := w.Accept(Alpha, "acme", "e1", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Failed, time.Minute)
			var got map[string]resend.Verdict
			return dynamotest.Scenario{
				DB: w.Tables,
				Act: func() (err error) {
					got, err = w.Home(&outbox{}).Drop(t.Context(), Alpha, "acme", want(e))
					return err
				},
				Done: func() {
					require.Equal(t, resend.Dropped, got[e.Key()])
					require.Equal(t, item.Text(ledger.ReasonDropped), w.Tables.Item(Alpha.ResultsTable, e.Key())[ledger.AttrReason])
				},
			}
		})
	})
}
