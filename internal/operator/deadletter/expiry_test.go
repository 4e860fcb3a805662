package deadletter_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

// addOf adds the record of an event's item.
func (s *shard) addOf(e event.Event) {
	s.add(types.OperationTypeInsert, e.Key())
	image := s.records[len(s.records)-1].Dynamodb.NewImage
	image[event.AttrAcceptedAt] = &types.AttributeValueMemberS{Value: event.FormatTime(e.AcceptedAt)}
	image[event.AttrExpiresAt] = &types.AttributeValueMemberN{Value: fmt.Sprint(e.ExpiresAt.Unix())}
}

func reasons(s deadletter.Summary) map[string]string {
	all := map[string]string{}
	for _, n := range s.Notes {
		all[n.MessageID] = n.Reason
	}
	return all
}

// A letter of an event whose data has expired is kept, and named, whether it has the payload or not; others are sent.
func TestRedrive_RefusesAnEventWhoseDataHasExpired(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	w.Map("globex", Alpha, 1)
	there := w.Accept(Alpha, "acme", "there", 1, DataTTL)
	gone := w.Accept(Alpha, "acme", "gone", 1, DataTTL)
	w.Tables.Delete(Alpha.DataTable, gone.Key())
	good := w.Accept(Alpha, "acme", "good", 1, DataTTL-time.Hour)
	reference, err := event.EncodeMessage(w.Accept(Alpha, "globex", "reference", 1, DataTTL), 0)
	require.NoError(t, err)
	published := w.Accept(Alpha, "globex", "published", 1, DataTTL)
	w.stream.addOf(published)
	w.stream.addOf(w.Accept(Alpha, "globex", "young", 1, time.Hour))
	w.Tables.Delete(Alpha.DataTable, published.Key())
	unread := w.Accept(Alpha, "globex", "unread", 1, DataTTL)

	kept := []string{
		w.deadMessage(Alpha.ConsumerDLQURL, there), w.deadMessage(Alpha.SubscriptionDLQURL, gone),
		w.letter(Alpha.ConsumerDLQURL, string(reference)), w.letter(Alpha.StreamDLQURL, ejected(0, 1, w.Clock.Now())),
		w.letterOf(Alpha.ConsumerDLQURL, "unreadable", unread.TenantID, unread.ID),
	}
	w.deadMessage(Alpha.ConsumerDLQURL, good)
	letters, err := w.letters.List(t.Context(), Alpha, []deadletter.Kind{deadletter.Consumer, deadletter.Subscription}, deadletter.Filter{Tenant: "acme"}, 0)
	require.NoError(t, err)
	for _, l := range letters {
		require.Equal(t, l.EventID != good.ID, l.Note == resend.Expired.Explain(), "%s: %s", l.EventID, l.Note)
		require.Equal(t, DataTTL, l.ExpiresAt.Sub(l.AcceptedAt))
	}

	got := w.redrive(t, deadletter.Filter{})
	require.Equal(t, []int{6, 1, 5, 5, 2}, []int{got.Received, got.Redriven, got.Kept, got.NeedOperator, got.Sent})
	want := map[string]string{}
	for _, id := range kept {
		want[id] = resend.Expired.Explain()
	}
	require.Equal(t, want, reasons(got))
	require.ElementsMatch(t, kept, w.left(Alpha))
	require.ElementsMatch(t, []string{good.Key(), "globex#young"}, w.sent(Alpha))
}

func TestRedrive_KeepsTheLetterOfAnEjectedRecordWhoseItemIsGone(t *testing.T) {
	w := newWorldWithoutStream(t)
	e := w.Accept(Alpha, "acme", "e", 3, time.Hour)
	id := w.eject(t, e, "a bug")
	w.Tables.Delete(Alpha.DataTable, e.Key())
	require.Equal(t, map[string]string{id: resend.Gone.Explain()}, reasons(w.redrive(t, deadletter.Filter{})))
	require.Equal(t, []string{id}, w.left(Alpha))
}

// Nobody can read the message, and its event may matter all the same.
func TestRedrive_ExtendsTheLifeOfAnEventWhoseMessageItSendsAsItIs(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e", 1, DataTTL-time.Hour)
	w.letterOf(Alpha.ConsumerDLQURL, "unreadable", e.TenantID, e.ID)
	require.Equal(t, 1, w.redrive(t, deadletter.Filter{}).AsTheyAre)
	stored, err := event.FromItem(w.Tables.Item(Alpha.DataTable, e.Key()))
	require.NoError(t, err)
	require.False(t, stored.ExpiresAt.Before(w.Clock.Now().Add(WayAhead)))
}

// Two letters of one id and two acceptances: what is said of the one says nothing of the other.
func TestRedrive_SendsALaterAcceptanceAndNamesTheEarlierOne(t *testing.T) {
	for _, first := range []string{"earlier", "later"} {
		w := newWorld(t)
		w.Map("acme", Alpha, 1)
		earlier := w.Accept(Alpha, "acme", "e", 1, DataTTL-time.Hour)
		later := w.AcceptAgain(Alpha, earlier)
		order := []event.Event{earlier, later}
		if first == "later" {
			order = []event.Event{later, earlier}
		}
		ids := map[int64]string{}
		for _, e := range order {
			ids[e.AcceptedAt.Unix()] = w.deadMessage(Alpha.ConsumerDLQURL, e)
		}
		got := w.redrive(t, deadletter.Filter{})
		superseded := ids[earlier.AcceptedAt.Unix()]
		require.Equal(t, map[string]string{superseded: resend.Superseded.Explain()}, reasons(got))
		require.Equal(t, []int{1, 1, 1}, []int{got.Sent, got.Redriven, got.NeedOperator})
		require.Equal(t, []string{superseded}, w.left(Alpha))
		w.Consume(t, Alpha)
		require.Equal(t, []int{0, 1}, []int{w.EffectsOf(Alpha, earlier), w.EffectsOf(Alpha, later)})

		letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
		require.NoError(t, err)
		require.Equal(t, resend.Superseded.Explain(), letters[0].Note, "the later one was applied, and this one was not")
	}
}

func TestDrop_LeavesALaterAcceptanceToAReplay(t *testing.T) {
	for _, status := range []ledger.Status{"", ledger.Failed} {
		w := newWorld(t)
		w.Map("acme", Alpha, 1)
		earlier := w.Accept(Alpha, "acme", "e", 1, DataTTL-time.Hour)
		later := w.AcceptAgain(Alpha, earlier)
		if status != "" {
			w.Outcome(Alpha, later, status, 0)
		}
		w.deadMessage(Alpha.ConsumerDLQURL, earlier)
		got := w.drop(t, deadletter.Dropping{All: true})
		require.Equal(t, 1, got.Dropped[deadletter.Consumer])
		require.Empty(t, w.left(Alpha))
		require.Equal(t, status, w.Status(Alpha, later.Key()))
		w.Clock.Advance(time.Hour)
		require.Equal(t, map[resend.Verdict]int{resend.Sent: 1}, w.replay(t, "acme").Verdicts)
	}
}

// The outcome of an earlier acceptance is no proof that the record of a later one was published.
func TestDrop_GivesUpARecordThatOnlyAnEarlierAcceptanceHasAnOutcomeFor(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	earlier := w.Accept(Alpha, "acme", "e", 1, DataTTL-time.Hour)
	w.Outcome(Alpha, earlier, ledger.Processed, 0)
	later := w.AcceptAgain(Alpha, earlier)
	w.eject(t, later, "a bug")
	w.drop(t, deadletter.Dropping{All: true})
	outcome := ledger.Peek(w.Tables.Item(Alpha.ResultsTable, later.Key()))
	require.Equal(t, []any{ledger.Failed, ledger.ReasonDropped}, []any{outcome.Status, outcome.Reason})
	require.False(t, outcome.Before(later))
}

// An id is used again and again, while its messages are applied, fail, are redriven, dropped, or lie in a queue.
func TestI6NoAcceptanceOfAnIDIsTakenForAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.Map("acme", Alpha, 1)
		var all []event.Event // the acceptances of one id
		stored := func() (event.Event, bool) {
			e, err := event.FromItem(w.Tables.Item(Alpha.DataTable, "acme#e"))
			return e, err == nil && !e.Expired(w.Clock.Now())
		}
		redrive := func() {
			_, err := w.letters.Redrive(context.Background(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 10_000})
			require.NoError(t, err)
		}
		for range rapid.IntRange(1, 14).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"accept", "fail", "consume", "redrive", "broken redrive", "delete", "wait", "wait long"}).Draw(t, "step") {
			case "accept":
				if _, ok := stored(); ok {
					break
				}
				e := w.AcceptAgain(Alpha, event.Event{TenantID: "acme", ID: "e", Type: "order", Epoch: 1})
				all = append(all, e)
				w.PutEvent(t, Alpha.QueueURL, e)
			case "fail": // what is in the queue goes to the dead letters
				for _, m := range w.Queues.Messages(Alpha.QueueURL) {
					w.Put(t, Alpha.ConsumerDLQURL, *m.Body, event.MessageAttrTenantID, "acme", event.MessageAttrID, "e")
				}
				w.Purge(t, Alpha.QueueURL)
			case "consume":
				w.Consume(t, Alpha)
			case "redrive":
				redrive()
			case "broken redrive":
				w.BreakAt(rapid.IntRange(1, 12).Draw(t, "at"), rapid.Bool().Draw(t, "lost"), errBroken)
				_, _ = w.letters.Redrive(context.Background(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 10_000})
				w.Mend()
			case "delete":
				if _, ok := stored(); !ok {
					w.Tables.Delete(Alpha.DataTable, "acme#e")
				}
			case "wait":
				w.Clock.Advance(10 * time.Minute)
			case "wait long": // never for longer than a queue keeps a message
				w.Consume(t, Alpha)
				w.Clock.Advance(DataTTL / 2)
			}
			w.Clock.Advance(10 * time.Minute)
		}
		w.Consume(t, Alpha)
		redrive()
		w.Consume(t, Alpha)
		left := map[string]int{}
		for _, body := range w.Bodies(Alpha.ConsumerDLQURL) {
			m, err := event.DecodeMessage([]byte(body))
			require.NoError(t, err)
			left[event.FormatTime(m.AcceptedAt)]++
		}
		for i, e := range all {
			applied := w.EffectsOf(Alpha, e)
			require.LessOrEqual(t, applied, 1, "acceptance %d", i)
			if applied == 0 {
				require.Positive(t, left[event.FormatTime(e.AcceptedAt)], "acceptance %d is neither applied nor among the letters", i)
			}
		}
	})
}
