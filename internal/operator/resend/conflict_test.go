package resend_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/resend"
	"cellular/internal/testkit/dynamotest"
	. "cellular/internal/testkit/resendtest"
)

// twins are two events with one key: the first was accepted in alpha, the second in beta, where their tenant is.
func twins(w *World) (here, there event.Event) {
	w.Map("acme", Beta, 2)
	here = w.Accept(Alpha, "acme", "e", 1, time.Hour)
	there = here
	there.Payload = []byte(`{"n":2}`)
	w.Tables.Put(Beta.DataTable, there.Item())
	return here, there
}

func TestAnotherEventWithTheSameKeyIsAConflict(t *testing.T) {
	carried := func(e event.Event) []resend.Wanted { return []resend.Wanted{{Key: e.Key(), Carried: &e}} }
	for name, c := range map[string]struct {
		set  func(*World) []resend.Wanted
		want resend.Verdict
	}{
		"accepted in its tenant's cell": {func(w *World) []resend.Wanted {
			here, _ := twins(w)
			return want(here)
		}, resend.Conflict},
		"applied in its tenant's cell": {func(w *World) []resend.Wanted {
			here, there := twins(w)
			w.Outcome(Beta, there, ledger.Processed, 0)
			return want(here)
		}, resend.Conflict},
		"failed in its tenant's cell": {func(w *World) []resend.Wanted {
			here, there := twins(w)
			w.Outcome(Beta, there, ledger.Failed, 0)
			return carried(here)
		}, resend.Conflict},
		"of another type": {func(w *World) []resend.Wanted {
			here, there := twins(w)
			there.Payload, there.Type = here.Payload, "other"
			w.Tables.Put(Beta.DataTable, there.Item())
			return want(here)
		}, resend.Conflict},
		"and only the message has the content": {func(w *World) []resend.Wanted {
			here, _ := twins(w)
			w.Tables.Delete(Alpha.DataTable, here.Key())
			return carried(here)
		}, resend.Conflict},
		"and only the ledger knows": {func(w *World) []resend.Wanted {
			here, there := twins(w)
			w.Outcome(Beta, there, ledger.Processed, 0)
			w.Outcome(Alpha, here, ledger.Failed, 0)
			entry := w.Tables.Item(Alpha.ResultsTable, here.Key())
			entry[ledger.AttrReason] = item.Text(ledger.ReasonConflict)
			w.Tables.Put(Alpha.ResultsTable, entry)
			w.Tables.Delete(Alpha.DataTable, here.Key())
			return want(here)
		}, resend.Conflict},
		"in one cell": {func(w *World) []resend.Wanted {
			w.Map("acme", Alpha, 1)
			stored := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, stored, ledger.Processed, 0)
			stored.Payload = []byte(`{"n":2}`)
			return carried(stored)
		}, resend.Conflict},
		"before a message about the one that is there": {func(w *World) []resend.Wanted {
			w.Map("acme", Alpha, 1)
			stored := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			other := stored
			other.Payload = []byte(`{"n":2}`)
			return append(carried(other), carried(stored)...)
		}, resend.Conflict},
		"written otherwise is the same event": {func(w *World) []resend.Wanted {
			here, there := twins(w)
			there.Payload = []byte(` {"\u006e": 1} `)
			w.Tables.Put(Beta.DataTable, there.Item())
			return want(here)
		}, resend.Sent},
		"but applied before the other was accepted": {func(w *World) []resend.Wanted {
			here, _ := twins(w)
			w.Outcome(Alpha, here, ledger.Processed, 0)
			return want(here)
		}, resend.AlreadyApplied},
	} {
		t.Run(name, func(t *testing.T) {
			w := New()
			wanted := c.set(w)
			var queue outbox
			got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", wanted)
			require.NoError(t, err)
			require.Equal(t, c.want, got[wanted[0].Key].Verdict)
			if c.want != resend.Sent {
				require.Empty(t, queue.calls)
			}
		})
	}
	require.Contains(t, resend.Conflict.Explain(), "drop this one, or have the client send it again under another id")
}

func TestAnotherEventThatIsAcceptedMeanwhileIsAConflict(t *testing.T) {
	for payload, want := range map[string]resend.Verdict{`{"n":1}`: resend.Sent, `{"n":2}`: resend.Conflict} {
		w := New()
		w.Map("acme", Beta, 2)
		e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
		w.Tables.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "TransactWriteItems" { // the router is a moment faster
				w.Tables.Intercept = nil
				there := e
				there.Payload = []byte(payload)
				w.Tables.Put(Beta.DataTable, there.Item())
			}
			return nil
		}
		var queue outbox
		got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", []resend.Wanted{{Key: e.Key()}})
		require.NoError(t, err)
		require.Equal(t, want, got[e.Key()].Verdict)
		require.Len(t, queue.messages(t, Beta.QueueURL), map[resend.Verdict]int{resend.Sent: 1}[want])
	}
}

func TestAnOutcomeThatComesBeforeADropStands(t *testing.T) {
	w := New()
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	home := w.Home(&outbox{})
	w.Tables.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation == "TransactWriteItems" {
			w.Tables.Intercept = nil
			w.Outcome(Alpha, e, ledger.Processed, 0)
		}
		return nil
	}
	for range 2 {
		got, err := home.Drop(t.Context(), Alpha, "acme", want(e))
		require.NoError(t, err)
		require.Equal(t, map[string]resend.Verdict{e.Key(): resend.AlreadyApplied}, got)
		require.Equal(t, ledger.Processed, w.Status(Alpha, e.Key()))
	}
}

func TestADropWithoutATenantOrAnItemLeavesNothingNew(t *testing.T) {
	w := New()
	failed := w.Accept(Alpha, "hooli", "failed", 1, time.Hour)
	w.Outcome(Alpha, failed, ledger.Failed, 0)
	silent := w.Accept(Alpha, "hooli", "silent", 1, time.Hour)
	got, err := w.Home(&outbox{}).Drop(t.Context(), Alpha, "hooli", want(failed, silent))
	require.NoError(t, err)
	require.Equal(t, map[string]resend.Verdict{failed.Key(): resend.Dropped, silent.Key(): resend.Dropped}, got)
	require.Equal(t, item.Text(ledger.ReasonDropped), w.Tables.Item(Alpha.ResultsTable, failed.Key())[ledger.AttrReason])
	require.Nil(t, w.Tables.Item(Alpha.ResultsTable, silent.Key()))

	w.Map("acme", Alpha, 1)
	got, err = w.Home(&outbox{}).Drop(t.Context(), Alpha, "acme", []resend.Wanted{{Key: "acme#deleted"}})
	require.NoError(t, err)
	require.Equal(t, map[string]resend.Verdict{"acme#deleted": resend.Dropped}, got)
	require.Nil(t, w.Tables.Item(Alpha.ResultsTable, "acme#deleted"))
}

// While an event is being dropped, everything may become of its tenant. Nothing comes back of what was deleted, and nothing
// of a later tenant of the name is marked.
func TestHome_DropsNothingThatIsAnothersMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		home      func(*World) // where the tenant is
		meanwhile func(w *World, e event.Event)
		want      resend.Verdict
		left      string // the reason in the ledger of alpha; "-" for no entry
	}{
		"forgotten by a move, in a cell that the tenant left": {
			func(w *World) { w.Map("acme", Beta, 2) },
			func(w *World, e event.Event) { w.Tables.Delete(Alpha.ResultsTable, e.Key()) }, resend.Dropped, "-",
		},
		"removed, and its mapping gone": {
			func(*World) {},
			func(w *World, e event.Event) { w.Tables.Delete(Alpha.ResultsTable, e.Key()) }, resend.Dropped, "-",
		},
		"removed, in its tenant's cell": {
			func(w *World) { w.Map("acme", Alpha, 1) },
			func(w *World, e event.Event) {
				w.Tables.Delete(Alpha.ResultsTable, e.Key())
				w.Fence(Alpha, "acme", 5, ledger.Left)
			}, resend.Moving, "-",
		},
		"removed, and the next tenant's event of that id has failed": {
			func(*World) {},
			func(w *World, e event.Event) { e.Epoch = 7; w.Outcome(Alpha, e, ledger.Failed, 0) }, resend.Dropped, "",
		},
		"the next tenant's, in a cell that it moved to": {
			func(w *World) { w.Map("acme", Beta, 2) },
			func(w *World, e event.Event) { e.Epoch = 7; w.Outcome(Alpha, e, ledger.Failed, 0) }, resend.Dropped, "",
		},
		"tried again under another epoch": {
			func(w *World) { w.Map("acme", Alpha, 1) },
			func(w *World, e event.Event) { e.Epoch = 2; w.Outcome(Alpha, e, ledger.Failed, 0) }, resend.Moving, "",
		},
		"nothing": {func(w *World) { w.Map("acme", Alpha, 1) }, func(*World, event.Event) {}, resend.Dropped, ledger.ReasonDropped},
	} {
		t.Run(name, func(t *testing.T) {
			w := New()
			c.home(w)
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Failed, time.Minute)
			w.Tables.Intercept = func(_ context.Context, call dynamotest.Call) error {
				if call.Operation == "TransactWriteItems" {
					w.Tables.Intercept = nil
					c.meanwhile(w, e)
				}
				return nil
			}
			got, err := w.Home(&outbox{}).Drop(t.Context(), Alpha, "acme", want(e))
			require.NoError(t, err)
			require.Nil(t, w.Tables.Intercept, "nothing was written")
			require.Equal(t, map[string]resend.Verdict{e.Key(): c.want}, got)
			left := w.Tables.Item(Alpha.ResultsTable, e.Key())
			if c.left == "-" {
				require.Empty(t, left)
				return
			}
			reason, _ := left[ledger.AttrReason].(*types.AttributeValueMemberS)
			require.Equal(t, c.left == ledger.ReasonDropped, reason != nil && reason.Value == ledger.ReasonDropped, "%v", left)
		})
	}
}
