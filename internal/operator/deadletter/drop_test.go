package deadletter_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

func (w *world) drop(t *testing.T, o deadletter.Dropping) deadletter.Dropped {
	got, err := w.letters.Drop(t.Context(), Alpha, deadletter.Kinds(), o)
	require.NoError(t, err)
	return got
}

// replay replays the events of a tenant of the first cell that are of the last day.
func (w *world) replay(t *testing.T, tenant string) replay.Summary {
	r := &replay.Replayer{DynamoDB: w.Tables, Home: w.letters.Home}
	got, err := r.Run(t.Context(), Alpha, replay.Scope{Tenant: tenant, Since: w.Clock.Now().Add(-24 * time.Hour)}, replay.Options{Rate: 1000})
	require.NoError(t, err)
	return got
}

func TestADropTakesWhatIsNamedAndNothingByAccident(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	id := w.deadMessage(Alpha.ConsumerDLQURL, e)
	other := w.letterOf(Alpha.ConsumerDLQURL, "broken", "globex", "g")
	third := w.letter(Alpha.StreamDLQURL, "s")

	_, err := w.letters.Drop(t.Context(), Alpha, deadletter.Kinds(), deadletter.Dropping{})
	require.ErrorIs(t, err, deadletter.ErrEverything)

	acme := deadletter.Filter{Tenant: "acme"}
	full := errors.New("disk full")
	_, err = w.letters.Drop(t.Context(), Alpha, deadletter.Kinds(), deadletter.Dropping{Filter: acme, Save: func([]deadletter.Letter) error { return full }})
	require.ErrorIs(t, err, full)
	require.ElementsMatch(t, []string{id, other, third}, w.left(Alpha), "what could not be saved is kept")
	require.Empty(t, w.Status(Alpha, e.Key()), "and not given up")

	var saved []string
	got := w.drop(t, deadletter.Dropping{Filter: acme, Save: func(letters []deadletter.Letter) error {
		require.Contains(t, w.Bodies(Alpha.ConsumerDLQURL), Body(t, e), "saved before it is deleted")
		for _, l := range letters {
			saved = append(saved, l.Body)
		}
		return nil
	}})
	require.Equal(t, []string{Body(t, e)}, saved)
	require.Equal(t, 1, got.Dropped[deadletter.Consumer])
	require.ElementsMatch(t, []string{other, third}, w.left(Alpha))

	got = w.drop(t, deadletter.Dropping{All: true})
	require.Equal(t, map[deadletter.Kind]int{deadletter.Stream: 1, deadletter.Consumer: 1}, got.Dropped)
	require.Empty(t, w.left(Alpha))
}

func TestWhatWasDroppedIsNeitherReplayedNorRedriven(t *testing.T) {
	for name, letter := range map[string]func(w *world, e event.Event) string{
		"failed": func(w *world, e event.Event) string {
			w.Outcome(Alpha, e, ledger.Failed, 30*time.Minute)
			return w.deadMessage(Alpha.ConsumerDLQURL, e)
		},
		"failed, its body broken": func(w *world, e event.Event) string {
			w.Outcome(Alpha, e, ledger.Failed, 30*time.Minute)
			return w.letterOf(Alpha.ConsumerDLQURL, "broken", e.TenantID, e.ID)
		},
		"never delivered": func(w *world, e event.Event) string { return w.deadMessage(Alpha.SubscriptionDLQURL, e) },
		"never published": func(w *world, e event.Event) string {
			w.stream.add(types.OperationTypeInsert, e.Key())
			return w.letter(Alpha.StreamDLQURL, ejected(0, 0, w.Clock.Now()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Map("acme", Alpha, 1)
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			id := letter(w, e)
			w.drop(t, deadletter.Dropping{Filter: deadletter.Filter{MessageIDs: []string{id}}})
			require.Empty(t, w.left(Alpha))
			require.Equal(t, ledger.Failed, w.Status(Alpha, e.Key()), "who asks for it is told that it failed")
			w.Clock.Advance(time.Hour)

			got := w.replay(t, "acme")
			require.Zero(t, got.Found)
			require.Equal(t, 1, got.Skipped.Dropped)

			again := w.deadMessage(Alpha.ConsumerDLQURL, e)
			letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
			require.NoError(t, err)
			require.Equal(t, resend.Dropped.Explain(), letters[0].Note)
			summary := w.redrive(t, deadletter.Filter{})
			require.Equal(t, 1, summary.NeedOperator)
			require.Equal(t, []string{again}, w.left(Alpha), "a redrive deletes nothing that it does not send")
			require.Empty(t, w.sent(Alpha))
		})
	}
}

func TestADropIsKnownWhereTheTenantIsNow(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	w.Outcome(Alpha, e, ledger.Failed, 30*time.Minute)
	w.deadMessage(Alpha.ConsumerDLQURL, e)
	w.Move("acme", Beta, 2)
	w.drop(t, deadletter.Dropping{All: true})
	r := &replay.Replayer{DynamoDB: w.Tables, Home: w.letters.Home}
	got, err := r.Run(t.Context(), Beta, replay.Scope{Tenant: "acme", Since: w.Clock.Now().Add(-24 * time.Hour)}, replay.Options{Rate: 1000})
	require.NoError(t, err)
	require.Zero(t, got.Found)
	require.Equal(t, 1, got.Skipped.Dropped)
}

func TestALetterIsNotDroppedWhileItsTenantIsBeingMoved(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	w.Fence(Alpha, "acme", 2, ledger.Outgoing)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	w.Outcome(Alpha, e, ledger.Failed, 30*time.Minute)
	id := w.deadMessage(Alpha.ConsumerDLQURL, e)
	before := w.Tables.Items(Alpha.ResultsTable)
	got := w.drop(t, deadletter.Dropping{All: true})
	require.Equal(t, 1, got.Kept)
	require.Equal(t, []deadletter.Note{{Kind: deadletter.Consumer, MessageID: id, Event: e.Key(), Reason: resend.Moving.Explain()}}, got.Notes)
	require.Equal(t, []string{id}, w.left(Alpha))
	require.Equal(t, before, w.Tables.Items(Alpha.ResultsTable))
}

func TestADropOfABatchLeavesAloneWhatWasPublished(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	for _, status := range []ledger.Status{ledger.Processed, ledger.Failed} {
		e := w.Accept(Alpha, "acme", string(status), 1, time.Hour)
		w.Outcome(Alpha, e, status, time.Minute)
		w.stream.add(types.OperationTypeInsert, e.Key())
	}
	w.letter(Alpha.StreamDLQURL, ejected(0, 1, w.Clock.Now()))
	before := w.Tables.Items(Alpha.ResultsTable)
	w.drop(t, deadletter.Dropping{All: true})
	require.Equal(t, before, w.Tables.Items(Alpha.ResultsTable))
}

func TestI6ADropBrokenOffAtAnyCallAndRunAgainGivesUpEverything(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t)
			w.Map("acme", Alpha, 1)
			for _, id := range []string{"e1", "e2"} {
				w.deadMessage(Alpha.SubscriptionDLQURL, w.Accept(Alpha, "acme", id, 1, time.Hour))
			}
			calls := w.BreakAt(n, lost, errBroken)
			_, err := w.letters.Drop(t.Context(), Alpha, deadletter.Kinds(), deadletter.Dropping{All: true})
			w.Mend()
			w.Clock.Advance(10 * time.Minute)
			w.drop(t, deadletter.Dropping{All: true})
			require.Empty(t, w.left(Alpha))
			require.Equal(t, 2, w.replay(t, "acme").Skipped.Dropped)
			if *calls < n {
				require.NoError(t, err)
				require.Greater(t, n, 10)
				break
			}
		}
	}
}

// conflicting is what a move does where a router with an old mapping has had the first cell accept an event whose id the
// tenant's new cell, the second, has taken for another one: it puts the event into the DLQ of the first cell.
func conflicting(w *world) (e event.Event, letter string) {
	w.Map("acme", Beta, 2)
	other := w.Accept(Beta, "acme", "e", 2, time.Hour)
	w.Outcome(Beta, other, ledger.Failed, time.Minute)
	e = other
	e.Payload, e.Epoch = []byte(`{"n":2}`), 1
	w.Tables.Put(Alpha.DataTable, e.Item())
	w.Outcome(Alpha, e, ledger.Failed, time.Minute)
	entry := w.Tables.Item(Alpha.ResultsTable, e.Key())
	entry[ledger.AttrReason] = dynamoText(ledger.ReasonConflict)
	w.Tables.Put(Alpha.ResultsTable, entry)
	return e, w.deadMessage(Alpha.ConsumerDLQURL, e)
}

func TestAnEventInConflictIsKeptAndReportedUntilItIsDropped(t *testing.T) {
	w := newWorld(t)
	e, id := conflicting(w)
	letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"conflict", resend.Conflict.Explain()}, []string{letters[0].Reason, letters[0].Note})

	require.Equal(t, deadletter.Summary{
		Received: 1, Kept: 1, NeedOperator: 1,
		Notes: []deadletter.Note{{Kind: deadletter.Consumer, MessageID: id, Event: e.Key(), Reason: resend.Conflict.Explain()}},
	}, w.redrive(t, deadletter.Filter{}))
	require.Equal(t, []string{id}, w.left(Alpha))

	before := w.Tables.Items(Beta.ResultsTable)
	w.drop(t, deadletter.Dropping{All: true})
	require.Empty(t, w.left(Alpha))
	require.Equal(t, before, w.Tables.Items(Beta.ResultsTable), "the other event is not given up")
	require.Equal(t, 1, w.replay(t, "acme").Skipped.Dropped)
}
