package deadletter_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/ejection"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

// eject puts a letter of the producer about an event into the first cell's stream DLQ.
func (w *world) eject(t *testing.T, e event.Event, reason string) string {
	t.Helper()
	body, err := ejection.Letter{
		RequestID: "316aa6d0", FunctionARN: "arn:aws:lambda:eu-west-1:123456789012:function:producer", EjectedAt: w.Clock.Now(),
		StreamARN: streamARN, SequenceNumber: sequenceOf(0), ArrivedAt: w.Clock.Now(), Key: e.Key(), Epoch: e.Epoch, Reason: reason,
	}.Encode()
	require.NoError(t, err)
	return w.letter(Alpha.StreamDLQURL, string(body))
}

// The stream of these tests is gone, as it is when its records are older than 24 hours.
func newWorldWithoutStream(t *testing.T) *world {
	w := newWorld(t)
	w.stream.gone = true
	w.Map("acme", Alpha, 4)
	return w
}

func TestAnEjectedRecordIsListedByItsKeyAndReason(t *testing.T) {
	w := newWorldWithoutStream(t)
	e := w.Accept(Alpha, "acme", "e", 3, time.Hour)
	const reason = "decode record: a bug"
	id := w.eject(t, e, reason)
	list := func() deadletter.Letter {
		letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{Tenant: "acme"}, 0)
		require.NoError(t, err)
		require.Len(t, letters, 1)
		return letters[0]
	}
	l := list()
	require.Equal(t, []any{deadletter.Stream, id, "acme", "e", int64(3), reason, ""},
		[]any{l.Kind, l.MessageID, l.TenantID, l.EventID, l.Epoch, l.Reason, l.Note})
	require.Equal(t, []string{e.Key()}, l.Events)

	w.Outcome(Alpha, e, ledger.Processed, 0)
	require.Contains(t, list().Note, "applied since")
}

func TestAnEjectedRecordIsRedrivenFromTheTableAfterTheStreamHasLostIt(t *testing.T) {
	w := newWorldWithoutStream(t)
	e := w.Accept(Alpha, "acme", "e", 3, 3*24*time.Hour)
	w.eject(t, e, "a bug that is mended")
	require.Equal(t, deadletter.Summary{Received: 1, Redriven: 1, Sent: 1}, w.redrive(t, deadletter.Filter{}))
	require.Equal(t, []string{e.Key()}, w.sent(Alpha))
	require.Empty(t, w.left(Alpha))
	w.Consume(t, Alpha)
	require.Equal(t, ledger.Processed, w.Status(Alpha, e.Key()))
}

func TestI6ARecordThatIsEjectedTwiceHasOneEffect(t *testing.T) {
	w := newWorldWithoutStream(t)
	e := w.Accept(Alpha, "acme", "e", 3, time.Hour)
	first, second := w.eject(t, e, "a bug"), w.eject(t, e, "a bug")
	letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{first, second}, []string{letters[0].MessageID, letters[1].MessageID})

	require.Equal(t, 2, w.redrive(t, deadletter.Filter{}).Redriven)
	require.Empty(t, w.left(Alpha))
	w.Consume(t, Alpha)
	require.Equal(t, 1, w.Effects(Alpha, e.Key()))
}

func TestAnEjectedRecordThatStillCannotBePublishedStaysWithItsReason(t *testing.T) {
	w := newWorldWithoutStream(t)
	w.Map("globex", Alpha, 1)
	malformed := w.Accept(Alpha, "acme", "malformed", 3, time.Hour)
	item := malformed.Item()
	delete(item, event.AttrType)
	w.Tables.Put(Alpha.DataTable, item)
	refused := w.Accept(Alpha, "acme", "refused", 3, time.Hour)
	good := w.Accept(Alpha, "globex", "good", 1, time.Hour)
	for _, e := range []event.Event{malformed, refused, good} {
		w.eject(t, e, "a bug")
	}
	w.letters.Home = w.Home(refusing{w.Queues, "refused"})

	got := w.redrive(t, deadletter.Filter{})
	reasons := map[string]string{}
	for _, n := range got.Notes {
		reasons[n.Event] = n.Reason
	}
	require.Equal(t, map[string]string{
		malformed.Key(): resend.Malformed.Explain() + `: event item "acme#malformed": attribute type is missing, want a string`,
		refused.Key():   resend.Refused.Explain() + ": send to the queue: InvalidMessageContents: no",
	}, reasons)
	require.Equal(t, []int{1, 2, 2}, []int{got.Redriven, got.Kept, got.NeedOperator})
	require.Equal(t, []string{good.Key()}, w.sent(Alpha), "an event of another letter is sent")
	require.Len(t, w.left(Alpha), 2)
}

func TestAnEjectedRecordIsLeftToRedriveByReplayUntilItsLetterIsGone(t *testing.T) {
	w := newWorldWithoutStream(t)
	e := w.Accept(Alpha, "acme", "e", 3, 2*24*time.Hour)
	w.eject(t, e, "a bug")
	replayed := func() replay.Summary {
		inDLQ, err := w.letters.Events(t.Context(), Alpha)
		require.NoError(t, err)
		r := &replay.Replayer{DynamoDB: w.Tables, Home: w.letters.Home}
		got, err := r.Run(t.Context(), Alpha, replay.Scope{Tenant: "acme", Since: w.Clock.Now().Add(-72 * time.Hour), InDLQ: inDLQ}, replay.Options{Rate: 1000})
		require.NoError(t, err)
		return got
	}
	require.Zero(t, replayed().Found)
	w.Purge(t, Alpha.StreamDLQURL)
	require.Equal(t, 1, replayed().Found)
	require.Equal(t, []string{e.Key()}, w.sent(Alpha))
}

func TestADropGivesAnEjectedRecordUp(t *testing.T) {
	w := newWorldWithoutStream(t)
	e := w.Accept(Alpha, "acme", "e", 3, time.Hour)
	w.eject(t, e, "a bug")
	require.Equal(t, 1, w.drop(t, deadletter.Dropping{All: true}).Dropped[deadletter.Stream])
	require.Empty(t, w.left(Alpha))
	require.Equal(t, ledger.Failed, w.Status(Alpha, e.Key()))
	got := w.replay(t, "acme")
	require.Equal(t, []int{0, 1}, []int{got.Found, got.Skipped.Dropped})
}

// Letters of both kinds are in one queue while a release replaces the producer.
func TestLettersOfTheProducerAndOfLambdaAreRedrivenTogether(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 4)
	keys := map[string]bool{}
	for i := range 3 {
		e := w.Accept(Alpha, "acme", fmt.Sprint("lambda-", i), 3, time.Hour)
		w.stream.add(types.OperationTypeInsert, e.Key())
		w.letter(Alpha.StreamDLQURL, ejected(i, i, w.Clock.Now()))
		ours := w.Accept(Alpha, "acme", fmt.Sprint("producer-", i), 3, time.Hour)
		w.eject(t, ours, "a bug")
		keys[e.Key()], keys[ours.Key()] = true, true
	}
	require.Equal(t, 6, w.redrive(t, deadletter.Filter{}).Redriven)
	require.ElementsMatch(t, slices.Collect(maps.Keys(keys)), w.sent(Alpha))
}
