package resend_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/resend"
	"cellular/internal/testkit/dynamotest"
	. "cellular/internal/testkit/resendtest"
)

func carried(e event.Event) []resend.Wanted {
	return []resend.Wanted{{Key: e.Key(), Carried: &e}}
}

func recorded(e event.Event) []resend.Wanted {
	return []resend.Wanted{{Key: e.Key(), Accepted: event.Event{AcceptedAt: e.AcceptedAt, ExpiresAt: e.ExpiresAt}}}
}

func expiryOf(t *testing.T, w *World, c manifest.Cell, key string) time.Time {
	t.Helper()
	e, err := event.FromItem(w.Tables.Item(c.DataTable, key))
	require.NoError(t, err)
	return e.ExpiresAt
}

func TestHome_RefusesAnEventWhoseDataHasExpired(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(w *World, e event.Event)
		ways []func(event.Event) []resend.Wanted
		left time.Duration // of its life
	}{
		"and is still there":      {func(*World, event.Event) {}, []func(event.Event) []resend.Wanted{carried, recorded, keyed}, 0},
		"and is gone":             {forget, []func(event.Event) []resend.Wanted{carried, recorded}, 0},
		"by the clock of another": {forget, []func(event.Event) []resend.Wanted{carried, recorded}, 10 * time.Second},
		"and it failed":           {func(w *World, e event.Event) { w.Outcome(Alpha, e, ledger.Failed, 0) }, []func(event.Event) []resend.Wanted{carried, keyed}, 0},
		"and is where its tenant was": {
			func(w *World, _ event.Event) { w.Map("acme", Beta, 2) }, []func(event.Event) []resend.Wanted{carried, recorded, keyed}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, way := range c.ways {
				w := New()
				w.Map("acme", Alpha, 1)
				e := w.Accept(Alpha, "acme", "e", 1, DataTTL-c.left)
				c.set(w, e)
				var queue outbox
				got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", way(e))
				require.NoError(t, err)
				require.Equal(t, resend.Expired, got[e.Key()].Verdict)
				require.True(t, resend.Expired.NeedsOperator())
				require.Contains(t, got[e.Key()].Explain(), "drop its message")
				require.Empty(t, queue.calls)
				require.Nil(t, w.Tables.Item(Beta.DataTable, e.Key()))
			}
		})
	}
}

func keyed(e event.Event) []resend.Wanted { return want(e) }

func forget(w *World, e event.Event) { w.Tables.Delete(Alpha.DataTable, e.Key()) }

// What is sent begins a new retention of its queue, and the id must not be used again before it ends.
func TestHome_KeepsTheDataForAsLongAsTheMessageCanBeOnItsWay(t *testing.T) {
	for name, home := range map[string]manifest.Cell{"in the cell that accepted it": Alpha, "in the cell that it is cloned into": Beta} {
		t.Run(name, func(t *testing.T) {
			for _, way := range []func(event.Event) []resend.Wanted{carried, recorded, keyed} {
				w := New()
				w.Map("acme", home, 2)
				short := w.Accept(Alpha, "acme", "short", 1, DataTTL-time.Hour)
				long := w.Accept(Alpha, "acme", "long", 1, DataTTL-WayAhead-time.Hour)
				old := w.Accept(Alpha, "acme", "old", 1, DataTTL-time.Hour)
				w.WrittenBefore(Alpha, old)
				old.ExpiresAt = time.Time{}
				for _, e := range []event.Event{short, long, old} {
					var queue outbox
					got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", way(e))
					require.NoError(t, err)
					require.Equal(t, resend.Sent, got[e.Key()].Verdict)
					sent := queue.messages(t, home.QueueURL)
					require.Len(t, sent, 1)
					require.Equal(t, e.ExpiresAt, sent[0].ExpiresAt, "the message says when its event was to expire at first")
				}
				require.False(t, expiryOf(t, w, home, short.Key()).Before(w.Clock.Now().Add(WayAhead)), "a life that would end too soon is extended")
				require.Equal(t, long.ExpiresAt, expiryOf(t, w, home, long.Key()), "a life that is long enough is left alone")
				require.Zero(t, expiryOf(t, w, home, old.Key()), "what never expires goes on so")
			}
		})
	}
}

func TestHome_SendsNothingWhoseLifeItCouldNotExtend(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(w *World, e event.Event)
		want      resend.Verdict
	}{
		"deleted": {forget, resend.Expired},
		"restored to what it was": {func(w *World, e event.Event) {
			e.ExpiresAt = w.Clock.Now()
			w.Tables.Put(Alpha.DataTable, e.Item())
		}, resend.Expired},
		"accepted anew": {func(w *World, e event.Event) { w.AcceptAgain(Alpha, e) }, resend.Superseded},
		"extended by another": {func(w *World, e event.Event) {
			e.ExpiresAt = event.Expiry(w.Clock.Now(), WayAhead+event.ClockMargin)
			w.Tables.Put(Alpha.DataTable, e.Item())
		}, resend.Sent},
		"extended by another, and not by enough": {func(w *World, e event.Event) {
			e.ExpiresAt = e.ExpiresAt.Add(time.Minute)
			e.AcceptedAt = e.AcceptedAt.Add(time.Second)
			w.Tables.Put(Alpha.DataTable, e.Item())
		}, resend.Moving},
		"its tenant leaves": {func(w *World, _ event.Event) { w.Fence(Alpha, "acme", 2, ledger.Outgoing) }, resend.Moving},
	} {
		t.Run(name, func(t *testing.T) {
			w := New()
			w.Map("acme", Alpha, 1)
			e := w.Accept(Alpha, "acme", "e", 1, DataTTL-time.Hour)
			w.Tables.Intercept = func(_ context.Context, call dynamotest.Call) error {
				if call.Operation == "TransactWriteItems" {
					w.Tables.Intercept = nil
					c.meanwhile(w, e)
				}
				return nil
			}
			var queue outbox
			got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", carried(e))
			require.NoError(t, err)
			require.Nil(t, w.Tables.Intercept, "nothing was written")
			require.Equal(t, c.want, got[e.Key()].Verdict)
			require.Equal(t, c.want == resend.Sent, len(queue.calls) > 0)
		})
	}
}

func TestHome_NeverSendsAnEventWhoseIDWasUsedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(w *World, e event.Event)
		want resend.Verdict
	}{
		"accepted anew": {func(w *World, e event.Event) { w.AcceptAgain(Alpha, e) }, resend.Superseded},
		"accepted anew, with the same content": {func(w *World, e event.Event) {
			again := w.AcceptAgain(Alpha, e)
			again.Payload = e.Payload
			w.Tables.Put(Alpha.DataTable, again.Item())
		}, resend.Superseded},
		"applied anew, and expired once more": {func(w *World, e event.Event) {
			w.Outcome(Alpha, w.AcceptAgain(Alpha, e), ledger.Processed, 0)
			forget(w, e)
		}, resend.Superseded},
		"accepted anew where its tenant is now": {func(w *World, e event.Event) {
			w.Map("acme", Beta, 2)
			w.AcceptAgain(Beta, e)
		}, resend.Superseded},
		"accepted anew, and applied before": {func(w *World, e event.Event) {
			w.Outcome(Alpha, e, ledger.Processed, 0)
			w.AcceptAgain(Alpha, e)
		}, resend.AlreadyApplied},
	} {
		t.Run(name, func(t *testing.T) {
			for _, way := range []func(event.Event) []resend.Wanted{carried, recorded} {
				w := New()
				w.Map("acme", Alpha, 1)
				e := w.Accept(Alpha, "acme", "e", 1, DataTTL-time.Hour)
				c.set(w, e)
				var queue outbox
				got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", way(e))
				require.NoError(t, err)
				require.Equal(t, c.want, got[e.Key()].Verdict)
				require.Empty(t, queue.calls)
			}
		})
	}
}

func TestHome_TakesNoOutcomeOfAnEarlierAcceptanceForTheEvents(t *testing.T) {
	for name, c := range map[string]struct {
		status ledger.Status
		reason string
	}{
		"applied": {ledger.Processed, ""}, "dropped": {ledger.Failed, ledger.ReasonDropped}, "diverted": {ledger.Diverted, ""},
	} {
		for _, home := range []manifest.Cell{Alpha, Beta} {
			t.Run(name+", the tenant is in "+home.ID, func(t *testing.T) {
				for _, way := range []func(event.Event) []resend.Wanted{carried, recorded, keyed} {
					w := New()
					w.Map("acme", home, 1)
					earlier := w.Accept(Alpha, "acme", "e", 1, DataTTL)
					w.Tables.Put(home.DataTable, earlier.Item()) // and nothing has deleted it yet
					w.Outcome(home, earlier, c.status, 0)
					if c.reason != "" {
						entry := w.Tables.Item(home.ResultsTable, earlier.Key())
						entry[ledger.AttrReason] = item.Text(c.reason)
						w.Tables.Put(home.ResultsTable, entry)
					}
					e := w.AcceptAgain(Alpha, earlier)
					var queue outbox
					got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", way(e))
					require.NoError(t, err)
					require.Equal(t, resend.Sent, got[e.Key()].Verdict)
					sent := queue.messages(t, home.QueueURL)
					require.Len(t, sent, 1)
					require.JSONEq(t, string(e.Payload), string(sent[0].Payload))
					stored, err := event.FromItem(w.Tables.Item(home.DataTable, e.Key()))
					require.NoError(t, err)
					require.Equal(t, e, stored, "the item of the earlier one is replaced")
				}
			})
		}
	}
}

func TestHome_DropsNothingOfALaterAcceptance(t *testing.T) {
	for _, status := range []ledger.Status{"", ledger.Failed, ledger.Processed} {
		for _, deleted := range []bool{false, true} {
			w := New()
			w.Map("acme", Alpha, 1)
			e := w.Accept(Alpha, "acme", "e", 1, DataTTL-time.Hour)
			again := w.AcceptAgain(Alpha, e)
			if status != "" {
				w.Outcome(Alpha, again, status, 0)
			}
			if deleted && status != "" {
				forget(w, e)
			}
			before := w.Tables.Item(Alpha.ResultsTable, e.Key())
			got, err := w.Home(&outbox{}).Drop(t.Context(), Alpha, "acme", carried(e))
			require.NoError(t, err)
			require.Equal(t, resend.Superseded, got[e.Key()])
			require.Equal(t, before, w.Tables.Item(Alpha.ResultsTable, e.Key()))
		}
	}
}

func TestHome_DropsNothingOfALaterAcceptanceThatComesMeanwhile(t *testing.T) {
	for _, failed := range []bool{false, true} {
		w := New()
		w.Map("acme", Alpha, 1)
		e := w.Accept(Alpha, "acme", "e", 1, DataTTL-time.Hour)
		if failed {
			w.Outcome(Alpha, e, ledger.Failed, 0)
		}
		w.Tables.Intercept = func(_ context.Context, call dynamotest.Call) error {
			if call.Operation == "TransactWriteItems" {
				w.Tables.Intercept = nil
				w.Outcome(Alpha, w.AcceptAgain(Alpha, e), ledger.Failed, 0)
			}
			return nil
		}
		got, err := w.Home(&outbox{}).Drop(t.Context(), Alpha, "acme", carried(e))
		require.NoError(t, err)
		require.Nil(t, w.Tables.Intercept, "nothing was written")
		require.Equal(t, resend.Superseded, got[e.Key()])
		require.Equal(t, item.Text("rejected"), w.Tables.Item(Alpha.ResultsTable, e.Key())[ledger.AttrReason])
	}
}

func TestHome_DropsAnEventOverTheOutcomeOfAnEarlierAcceptance(t *testing.T) {
	w := New()
	w.Map("acme", Alpha, 1)
	earlier := w.Accept(Alpha, "acme", "e", 1, DataTTL)
	w.Outcome(Alpha, earlier, ledger.Processed, 0)
	e := w.AcceptAgain(Alpha, earlier)
	got, err := w.Home(&outbox{}).Drop(t.Context(), Alpha, "acme", carried(e))
	require.NoError(t, err)
	require.Equal(t, resend.Dropped, got[e.Key()])
	outcome := ledger.Peek(w.Tables.Item(Alpha.ResultsTable, e.Key()))
	require.Equal(t, []any{ledger.Failed, ledger.ReasonDropped, e.AcceptedAt, e.ExpiresAt},
		[]any{outcome.Status, outcome.Reason, outcome.AcceptedAt, outcome.EventExpiresAt})
}

func TestHome_NotesNothingOfAnExpiredEventThatIsDropped(t *testing.T) {
	w := New()
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e", 1, DataTTL)
	got, err := w.Home(&outbox{}).Drop(t.Context(), Alpha, "acme", carried(e))
	require.NoError(t, err)
	require.Equal(t, resend.Dropped, got[e.Key()])
	require.Nil(t, w.Tables.Item(Alpha.ResultsTable, e.Key()), "who asks for it is told what is told of any expired event")
}

// During a move one event may be accepted in both cells, at different times. The id may be used again once the item that its tenant's
// cell has has expired, so that the message, and with it the outcome, must not say that it lives for longer.
func TestI6AMessageOfAnEventOfBothCellsExpiresNoLaterThanItsItem(t *testing.T) {
	for name, apart := range map[string]time.Duration{"first in the tenant's cell": -time.Hour, "first in the other one": time.Hour} {
		t.Run(name, func(t *testing.T) {
			for _, way := range []func(event.Event) []resend.Wanted{carried, recorded, keyed} {
				w := New()
				w.Map("acme", Beta, 2)
				late := w.Accept(Alpha, "acme", "e", 1, time.Hour)
				w.Accept(Beta, "acme", "e", 2, time.Hour-apart)
				var queue outbox
				got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", way(late))
				require.NoError(t, err)
				require.Equal(t, resend.Sent, got[late.Key()].Verdict)
				sent := queue.messages(t, Beta.QueueURL)
				require.Len(t, sent, 1)
				expires := expiryOf(t, w, Beta, late.Key())
				require.False(t, sent[0].ExpiresAt.After(expires), "the message says %s, the item %s", sent[0].ExpiresAt, expires)
				again := event.Event{AcceptedAt: expires}
				require.True(t, ledger.Of(sent[0].Event, ledger.Processed, w.Clock.Now(), ResultTTL).Before(again), "the next acceptance is applied")
			}
		})
	}
}
