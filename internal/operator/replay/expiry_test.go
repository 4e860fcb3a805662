package replay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

// sinceTheBeginning is a scope as far back as the ledger remembers.
func (w *world) sinceTheBeginning() replay.Scope {
	s := w.scope()
	s.Since = w.Clock.Now().Add(-ResultTTL + time.Minute)
	return s
}

func TestReplay_ListsAnEventWhoseDataHasExpiredAndSendsItNot(t *testing.T) {
	w := newWorld()
	w.here("acme")
	expired := w.Accept(Alpha, "acme", "expired", 1, DataTTL)
	w.Outcome(Alpha, w.Accept(Alpha, "acme", "expired and applied", 1, DataTTL), ledger.Processed, time.Hour)
	failed := w.Accept(Alpha, "acme", "failed", 1, DataTTL)
	w.Outcome(Alpha, failed, ledger.Failed, time.Hour)
	waiting := w.Accept(Alpha, "acme", "waiting", 1, DataTTL)
	w.Outcome(Alpha, waiting, ledger.Diverted, time.Hour)
	w.Tables.Delete(Alpha.DataTable, waiting.Key())
	w.Map("acme", Alpha, 3)
	lost := w.Accept(Alpha, "acme", "lost", 1, DataTTL-time.Hour)

	got := w.run(t, w.sinceTheBeginning())
	require.Equal(t, map[resend.Verdict]int{resend.Expired: 3, resend.Sent: 1}, got.Verdicts)
	require.Equal(t, map[replay.Reason]int{replay.NoOutcome: 2, replay.FailedGone: 1, replay.StillWaits: 1}, got.Reasons)
	var listed []string
	for _, e := range got.First {
		if e.Verdict == resend.Expired {
			listed = append(listed, e.Key)
		}
	}
	require.ElementsMatch(t, []string{expired.Key(), failed.Key(), waiting.Key()}, listed)
	require.Equal(t, []string{lost.Key()}, w.Keys(Alpha.QueueURL))
	stored, err := event.FromItem(w.Tables.Item(Alpha.DataTable, lost.Key()))
	require.NoError(t, err)
	require.False(t, stored.ExpiresAt.Before(w.Clock.Now().Add(WayAhead)), "what is sent is kept for as long as it can be on its way")
}

// An outcome says nothing about a later acceptance of the id, and neither does a letter.
func TestReplay_FindsALostEventWhoseIDHasAnOutcomeOfAnEarlierAcceptance(t *testing.T) {
	for _, status := range []ledger.Status{ledger.Processed, ledger.Failed, ledger.Diverted} {
		w := newWorld()
		w.here("acme")
		earlier := w.Accept(Alpha, "acme", "e", 1, DataTTL)
		w.Outcome(Alpha, earlier, status, 0)
		entry := w.Tables.Item(Alpha.ResultsTable, earlier.Key())
		delete(entry, ledger.AttrWaiting)
		w.Tables.Put(Alpha.ResultsTable, entry)
		later := w.AcceptAgain(Alpha, earlier)
		w.Clock.Advance(time.Hour)

		s := w.scope()
		s.InDLQ = map[string]time.Time{earlier.Key(): earlier.ExpiresAt}
		got := w.run(t, s)
		require.Equal(t, map[replay.Reason]int{replay.NoOutcome: 1}, got.Reasons)
		require.Equal(t, map[resend.Verdict]int{resend.Sent: 1}, got.Verdicts)
		w.Consume(t, Alpha)
		require.Equal(t, []int{0, 1}, []int{w.EffectsOf(Alpha, earlier), w.EffectsOf(Alpha, later)})

		w.Clock.Advance(time.Hour)
		require.Zero(t, w.run(t, s).Found, "the outcome of this acceptance settles it")
		s.InDLQ[later.Key()] = later.ExpiresAt
		w.Tables.Delete(Alpha.ResultsTable, later.Key())
		require.Equal(t, 1, w.run(t, s).Skipped.InDLQ, "and a letter of this one is for a redrive")
	}
}

// The event was diverted, and its id was used again where the tenant is now.
func TestReplay_SendsNoDivertedEventWhoseIDWasUsedAgain(t *testing.T) {
	w := newWorld()
	earlier := left(w, "globex", "g")
	w.Outcome(Alpha, earlier, ledger.Diverted, 0)
	w.AcceptAgain(Beta, earlier)
	got := w.run(t, w.sinceTheBeginning())
	require.Equal(t, map[resend.Verdict]int{resend.Superseded: 1}, got.Verdicts)
	require.Empty(t, w.Keys(Beta.QueueURL))
}
