package deadletter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/deadletter"
	. "cellular/internal/testkit/resendtest"
)

// probed is an event that a cell was probed with some time ago.
func (w *world) probed(id string, age time.Duration) event.Event {
	e := w.Accept(Alpha, mapping.ProbeTenant("alpha"), id, 1, age)
	e.ExpiresAt = event.Expiry(e.AcceptedAt, event.SyntheticTTL)
	w.Tables.Put(Alpha.DataTable, e.Item())
	return e
}

// A cell that was sick for a day has a letter for each minute of it: they are no operator's work, and keep no redrive from its end.
func TestRedrive_DeletesProbesThatHaveExpiredAndSaysNothingOfThem(t *testing.T) {
	w := newWorld(t)
	w.Map(mapping.ProbeTenant("alpha"), Alpha, 1)
	w.Map("acme", Alpha, 1)
	old := w.probed("old", event.SyntheticTTL)
	w.deadMessage(Alpha.ConsumerDLQURL, old)
	w.deadMessage(Alpha.SubscriptionDLQURL, old)
	reference, err := event.EncodeMessage(old, 0)
	require.NoError(t, err)
	w.letter(Alpha.ConsumerDLQURL, string(reference))
	w.letterOf(Alpha.ConsumerDLQURL, "unreadable", old.TenantID, old.ID)
	gone := w.probed("gone", 2*event.SyntheticTTL)
	w.Tables.Delete(Alpha.DataTable, gone.Key())
	w.deadMessage(Alpha.ConsumerDLQURL, gone)
	w.letterOf(Alpha.ConsumerDLQURL, "unreadable", gone.TenantID, gone.ID)
	w.stream.addOf(old)
	w.letter(Alpha.StreamDLQURL, ejected(0, 0, w.Clock.Now()))
	fresh := w.probed("fresh", time.Minute)
	w.deadMessage(Alpha.ConsumerDLQURL, fresh)
	mine := w.Accept(Alpha, "acme", "mine", 1, 2*event.SyntheticTTL)
	w.deadMessage(Alpha.ConsumerDLQURL, mine)

	got := w.redrive(t, deadletter.Filter{})
	require.Equal(t, deadletter.Summary{Received: 9, Redriven: 9, Sent: 2, AlreadyApplied: 7}, got)
	require.Empty(t, w.left(Alpha))
	require.ElementsMatch(t, []string{fresh.Key(), mine.Key()}, w.sent(Alpha))
}
