package deadletter_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/deadletter"
	. "cellular/internal/testkit/resendtest"
)

func TestAListSaysWhatTheLettersAreAndReleasesThem(t *testing.T) {
	w := newWorld(t)
	failed := w.Accept(Alpha, "acme", "failed", 1, time.Hour)
	w.Outcome(Alpha, failed, ledger.Failed, time.Minute)
	silent := w.Accept(Alpha, "acme", "silent", 1, time.Hour)
	done := w.Accept(Alpha, "acme", "done", 1, time.Hour)
	w.Outcome(Alpha, done, ledger.Processed, time.Minute)
	ids := map[string]string{}
	for _, e := range []event.Event{failed, silent, done} {
		ids[e.ID] = w.deadMessage(Alpha.ConsumerDLQURL, e)
	}
	ids["named"] = w.letterOf(Alpha.ConsumerDLQURL, "broken", "acme", "named")
	ids["nameless"] = w.letterOf(Alpha.ConsumerDLQURL, "broken", "not an id!", "named")
	ids["undelivered"] = w.letterOf(Alpha.SubscriptionDLQURL, Body(t, silent), "acme", "silent", "ErrorCode", "403", "ErrorMessage", "denied")

	for range 2 {
		letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
		require.NoError(t, err)
		by := map[string]deadletter.Letter{}
		for _, l := range letters {
			by[l.MessageID] = l
		}
		require.Len(t, by, len(ids))
		require.Len(t, letters, len(ids), "each message once")

		l := by[ids["failed"]]
		require.Equal(t, "rejected", l.Reason)
		require.Equal(t, []string{"acme", "failed", "order", Body(t, failed)}, []string{l.TenantID, l.EventID, l.Type, l.Body})
		require.WithinDuration(t, w.Clock.Now(), l.FirstSeen, time.Minute)
		require.NotZero(t, l.Receives)
		require.Equal(t, "unknown", by[ids["silent"]].Reason)
		require.Contains(t, by[ids["done"]].Note, "applied since")
		require.Equal(t, "named", by[ids["named"]].EventID)
		require.Empty(t, by[ids["nameless"]].EventID)
		require.Equal(t, "403: denied", by[ids["undelivered"]].Reason)
		require.Equal(t, deadletter.Subscription, letters[0].Kind, "in the order of kinds")
	}
	require.Len(t, w.left(Alpha), len(ids), "visible again at once")
}

// The class and the text are of the outcome, and only where that is of the letter's acceptance.
func TestALetterHasWhatTheFailureSaid(t *testing.T) {
	w := newWorld(t)
	e := w.Accept(Alpha, "acme", "failed", 1, time.Hour)
	w.deadMessage(Alpha.ConsumerDLQURL, e)
	list := func() deadletter.Letter {
		letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{Event: e.Key()}, 0)
		require.NoError(t, err)
		require.Len(t, letters, 1)
		return letters[0]
	}
	failed := ledger.Of(e, ledger.Failed, w.Clock.Now(), time.Hour)
	failed.Reason, failed.ReasonText = "error", "connection refused"
	w.Tables.Put(Alpha.ResultsTable, failed.Item())
	require.Equal(t, []string{"error", "connection refused"}, []string{list().Reason, list().ReasonText})

	failed.ReasonText = ""
	w.Tables.Put(Alpha.ResultsTable, failed.Item())
	require.Equal(t, []string{"error", ""}, []string{list().Reason, list().ReasonText}, "of the version before")
}

func TestAListIsAsLongAsAsked(t *testing.T) {
	w := newWorld(t)
	for i := range 34 {
		w.letter(Alpha.ConsumerDLQURL, fmt.Sprint("c", i))
	}
	w.letter(Alpha.StreamDLQURL, "s")
	for limit, want := range map[int]int{1: 1, 13: 13, 35: 35, 100: 35, 0: 35} {
		letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, limit)
		require.NoError(t, err)
		require.Len(t, letters, want)
		require.Equal(t, "s", letters[0].Body)
	}
	one := w.letterOf(Alpha.ConsumerDLQURL, "broken", "acme", "one")
	for _, f := range []deadletter.Filter{{Tenant: "acme"}, {MessageIDs: []string{one}}} {
		letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), f, 1)
		require.NoError(t, err)
		require.Len(t, letters, 1)
		require.Equal(t, one, letters[0].MessageID, "the limit is on what matches")
	}
	require.Len(t, w.left(Alpha), 36, "visible again at once")
	keys, err := w.letters.Events(t.Context(), Alpha)
	require.NoError(t, err)
	require.Equal(t, map[string]time.Time{"acme#one": {}}, keys)

	counts, err := w.letters.Counts(t.Context(), Alpha)
	require.NoError(t, err)
	require.Equal(t, map[deadletter.Kind]int{deadletter.Stream: 1, deadletter.Subscription: 0, deadletter.Consumer: 35}, counts)
}

func TestKindsHaveNames(t *testing.T) {
	for _, k := range deadletter.Kinds() {
		got, err := deadletter.ParseKind(string(k))
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	_, err := deadletter.ParseKind("dlq")
	require.ErrorContains(t, err, "want stream, subscription or consumer")
}

// patient answers an empty receive after the long poll, as SQS does.
type patient struct{ deadletter.SQS }

func (p patient) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	out, err := p.SQS.ReceiveMessage(ctx, in, o...)
	if err == nil && len(out.Messages) == 0 {
		time.Sleep(time.Duration(in.WaitTimeSeconds) * time.Second)
	}
	return out, err
}

func TestList_WaitsForTheLongPollsOfAllQueuesAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.letter(Alpha.StreamDLQURL, "s")
		w.letter(Alpha.ConsumerDLQURL, "c")
		w.letters.SQS = patient{w.letters.SQS}
		began := time.Now()
		letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
		require.NoError(t, err)
		require.Len(t, letters, 2)
		require.Equal(t, time.Second, time.Since(began))
	})
}
