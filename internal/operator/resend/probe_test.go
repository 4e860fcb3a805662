package resend_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

const probeTenant = "cellctl-probe.alpha"

// probed is a synthetic event that a cell accepted some time ago.
func probed(w *World, age time.Duration) event.Event {
	w.Map(probeTenant, Alpha, 1)
	e := w.Accept(Alpha, probeTenant, "p", 1, age)
	e.ExpiresAt = event.Expiry(e.AcceptedAt, event.SyntheticTTL)
	w.Tables.Put(Alpha.DataTable, e.Item())
	return e
}

// What a sick cell could not apply for a day is no operator's work.
func TestHome_HasNothingToDoForAProbeThatHasExpired(t *testing.T) {
	for name, set := range map[string]func(*World, event.Event){"and is still there": func(*World, event.Event) {}, "and is gone": forget} {
		t.Run(name, func(t *testing.T) {
			for _, way := range []func(event.Event) []resend.Wanted{carried, recorded, keyed} {
				w := New()
				e := probed(w, event.SyntheticTTL)
				set(w, e)
				var queue outbox
				got, err := w.Home(&queue).Send(t.Context(), Alpha, probeTenant, way(e))
				require.NoError(t, err)
				verdict := got[e.Key()].Verdict
				require.Equal(t, resend.Lapsed, verdict)
				require.True(t, verdict.Settled() && !verdict.NeedsOperator())
				require.Empty(t, queue.calls)
			}
		})
	}
}

func TestHome_SendsAProbeAndDoesNotExtendItsLife(t *testing.T) {
	w := New()
	e := probed(w, event.SyntheticTTL-time.Minute)
	var queue outbox
	got, err := w.Home(&queue).Send(t.Context(), Alpha, probeTenant, carried(e))
	require.NoError(t, err)
	require.Equal(t, resend.Sent, got[e.Key()].Verdict)
	require.Equal(t, e.ExpiresAt, queue.messages(t, Alpha.QueueURL)[0].ExpiresAt)
	require.Equal(t, e.ExpiresAt, expiryOf(t, w, Alpha, e.Key()))
}
