package resend_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

func TestHome_SendsAnEventOfTheVersionBeforeAndClonesItIntoItsShard(t *testing.T) {
	w := New()
	w.Map("acme", Beta, 4)
	e := w.Accept(Alpha, "acme", "e1", 1, time.Hour)
	w.Outcome(Alpha, e, ledger.Failed, time.Minute)
	w.WrittenBefore(Alpha, e)
	var queue outbox
	got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", want(e))
	require.NoError(t, err)
	require.Equal(t, resend.Sent, got[e.Key()].Verdict)
	require.Len(t, queue.messages(t, Beta.QueueURL), 1)
	clone := w.Tables.Item(Beta.DataTable, e.Key())
	require.Equal(t, event.Sharded(clone), clone)
	require.Contains(t, clone, event.AttrTenantShard)
}
