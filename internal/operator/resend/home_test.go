package resend_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/resend"
	"cellular/internal/testkit/dynamotest"
	. "cellular/internal/testkit/resendtest"
)

func want(events ...event.Event) []resend.Wanted {
	var list []resend.Wanted
	for _, e := range events {
		list = append(list, resend.Wanted{Key: e.Key()})
	}
	return list
}

func TestAnEventGoesToItsTenantsCellInItsEpoch(t *testing.T) {
	w := New()
	w.Map("acme", Beta, 4)
	e := w.Accept(Alpha, "acme", "e1", 1, time.Hour)
	w.Outcome(Alpha, e, ledger.Failed, time.Minute)
	var queue outbox

	got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", want(e, e))
	require.NoError(t, err)
	require.Equal(t, resend.Sent, got[e.Key()].Verdict)
	require.Empty(t, queue.messages(t, Alpha.QueueURL))
	sent := queue.messages(t, Beta.QueueURL)
	require.Len(t, sent, 1, "an event that is wanted twice is sent once")
	require.Equal(t, int64(4), sent[0].Epoch)

	clone := w.Tables.Item(Beta.DataTable, e.Key())
	require.Equal(t, item.Text("alpha"), clone[event.AttrClonedFrom])
	stored, err := event.FromItem(clone)
	require.NoError(t, err)
	require.Equal(t, e, stored, "the clone is the event as it was accepted")

	_, err = w.Home(&queue).Send(t.Context(), Alpha, "acme", want(e))
	require.NoError(t, err, "the clone is there already")
}

func TestWhatIsNotSent(t *testing.T) {
	old := ResultTTL + time.Hour
	for name, c := range map[string]struct {
		set  func(*World) event.Event
		want resend.Verdict
	}{
		"applied": {func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Processed, 0)
			return e
		}, resend.AlreadyApplied},
		"applied where the tenant is now": {func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Map("acme", Beta, 2)
			w.Outcome(Alpha, e, ledger.Diverted, 0)
			w.Outcome(Beta, e, ledger.Processed, 0)
			return e
		}, resend.AlreadyApplied},
		"applied where the tenant was": {func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Map("acme", Beta, 2)
			w.Outcome(Alpha, e, ledger.Processed, 0)
			return e
		}, resend.AlreadyApplied},
		"older than the ledger remembers": {func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, old)
			w.WrittenBefore(Alpha, e)
			return e
		}, resend.TooOld},
		"as old, and failed elsewhere": {func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, old)
			w.Map("acme", Beta, 2)
			w.Outcome(Alpha, e, ledger.Failed, 0)
			w.WrittenBefore(Alpha, e)
			return e
		}, resend.TooOld},
		"diverted in this very epoch": {func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Diverted, 0)
			return e
		}, resend.Moving},
		"to be cloned into a cell that the tenant is leaving": {func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Map("acme", Beta, 2)
			w.Fence(Beta, "acme", 3, ledger.Outgoing)
			return e
		}, resend.Moving},
		"deleted": {func(*World) event.Event {
			return event.Event{TenantID: "acme", ID: "e"}
		}, resend.Gone},
		"broken": {func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Tables.Put(Alpha.DataTable, dynamotest.Item{event.AttrKey: item.Text(e.Key())})
			return e
		}, resend.Malformed},
		"of a tenant that has gone": {func(w *World) event.Event {
			w.Tables.Delete(Control.MappingTable, "acme")
			return w.Accept(Alpha, "acme", "e", 1, time.Hour)
		}, resend.Unmapped},
	} {
		t.Run(name, func(t *testing.T) {
			w := New()
			w.Map("acme", Alpha, 1)
			e := c.set(w)
			var queue outbox
			got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", want(e))
			require.NoError(t, err)
			require.Equal(t, c.want, got[e.Key()].Verdict)
			require.NotEmpty(t, c.want.Explain())
			require.Empty(t, queue.calls)
			require.Nil(t, w.Tables.Item(Beta.DataTable, e.Key()))
		})
	}
}

func TestWhatIsSentAllTheSame(t *testing.T) {
	for name, set := range map[string]func(*World) event.Event{
		"nothing known": func(w *World) event.Event { return w.Accept(Alpha, "acme", "e", 1, time.Hour) },
		"its tenant is suspended": func(w *World) event.Event {
			w.Tables.Put(Control.MappingTable, mapping.Mapping{
				TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Suspended, Tier: mapping.TierStandard,
			}.Item())
			return w.Accept(Alpha, "acme", "e", 1, time.Hour)
		},
		"failed long ago": func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, ResultTTL+time.Hour)
			w.Outcome(Alpha, e, ledger.Failed, time.Hour)
			w.WrittenBefore(Alpha, e)
			return e
		},
		"diverted, and the tenant has come back": func(w *World) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Diverted, time.Hour)
			w.Map("acme", Alpha, 3)
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := New()
			w.Map("acme", Alpha, 1)
			e := set(w)
			var queue outbox
			_, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", want(e))
			require.NoError(t, err)
			require.Len(t, queue.messages(t, Alpha.QueueURL), 1)
		})
	}
}

func TestWhatAMessageCarriesStandsInForADeletedItem(t *testing.T) {
	w := New()
	w.Map("acme", Alpha, 2)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	w.Tables.Delete(Alpha.DataTable, e.Key())
	var queue outbox
	_, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", []resend.Wanted{{Key: e.Key(), Carried: &e}})
	require.NoError(t, err)
	require.Len(t, queue.messages(t, Alpha.QueueURL), 1)
	require.Contains(t, w.Tables.Item(Alpha.DataTable, e.Key()), event.AttrClonedFrom, "the stream must not publish what is put back")
}

func TestACloneIsTriedAgainWhileOthersUseTheFence(t *testing.T) {
	w := New()
	w.Map("acme", Beta, 2)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	conflict := &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
		{Code: new("None")}, {Code: new("TransactionConflict")},
	}}
	tries := 0
	w.Tables.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation == "TransactWriteItems" {
			if tries++; tries < 3 {
				return conflict
			}
		}
		return nil
	}
	got, err := w.Home(&outbox{}).Send(t.Context(), Alpha, "acme", want(e))
	require.NoError(t, err)
	require.Equal(t, resend.Sent, got[e.Key()].Verdict)

	w.Tables.Delete(Beta.DataTable, e.Key())
	w.Tables.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation == "TransactWriteItems" {
			return errors.New("no route")
		}
		return nil
	}
	var queue outbox
	_, err = w.Home(&queue).Send(t.Context(), Alpha, "acme", want(e))
	require.ErrorContains(t, err, `clone event "acme#e" into cell beta`)
	require.Empty(t, queue.calls, "an event is not sent to a cell that lacks its item")
}

func TestAssessChangesNothing(t *testing.T) {
	w := New()
	w.Map("acme", Beta, 2)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	var queue outbox
	got, err := w.Home(&queue).Assess(t.Context(), Alpha, "acme", want(e))
	require.NoError(t, err)
	require.Equal(t, resend.Due, got[e.Key()].Verdict)
	require.Empty(t, queue.calls)
	require.Nil(t, w.Tables.Item(Beta.DataTable, e.Key()))
}

// A move looks at its tenant's events when it begins, and before the flip at those that were accepted since.
func TestI8NoOlderEventIsPutIntoACellThatAMoveTakesItsTenantFrom(t *testing.T) {
	for name, c := range map[string]struct {
		movingTo string
		want     resend.Verdict
	}{"before the flip": {"gamma", resend.Moving}, "after the flip": {Beta.ID, resend.Sent}, "without a move": {"", resend.Sent}} {
		t.Run(name, func(t *testing.T) {
			w := New()
			w.Tables.Put(Control.MappingTable, mapping.Mapping{
				TenantID: "acme", CellID: Beta.ID, Epoch: 2, State: mapping.Moving, MovingTo: c.movingTo, Tier: mapping.TierStandard, UpdatedAt: w.Clock.Now(),
			}.Item())
			lacking, there := w.Accept(Alpha, "acme", "lacking", 1, time.Hour), w.Accept(Alpha, "acme", "there", 1, time.Hour)
			w.Tables.Put(Beta.DataTable, there.Item())
			var queue outbox
			got, err := w.Home(&queue).Send(t.Context(), Alpha, "acme", append(carried(lacking), carried(there)...))
			require.NoError(t, err)
			require.Equal(t, c.want, got[lacking.Key()].Verdict)
			require.Equal(t, c.want == resend.Sent, w.Tables.Item(Beta.DataTable, lacking.Key()) != nil)
			require.Equal(t, resend.Sent, got[there.Key()].Verdict, "what the cell has is on the move's list")
		})
	}
}
