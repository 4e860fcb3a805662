package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
	"cellular/internal/testkit/sqstest"
)

func TestARedriveSendsToTheTenantsCellAndEmptiesTheQueue(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	w.Map("globex", Beta, 2) // it was in alpha
	w.Map("initech", Alpha, 1)
	stay := w.Accept(Alpha, "acme", "stay", 1, time.Hour)
	w.Outcome(Alpha, stay, ledger.Failed, time.Minute)
	moved := w.Accept(Alpha, "globex", "moved", 1, time.Hour)
	done := w.Accept(Alpha, "acme", "done", 1, time.Hour)
	w.Outcome(Alpha, done, ledger.Processed, time.Minute)
	undelivered := w.Accept(Alpha, "initech", "undelivered", 1, time.Hour)
	orphan := w.Accept(Alpha, "hooli", "orphan", 1, time.Hour)
	for _, e := range []event.Event{stay, moved, done} {
		w.deadMessage(Alpha.ConsumerDLQURL, e)
	}
	w.deadMessage(Alpha.SubscriptionDLQURL, undelivered)
	kept := w.deadMessage(Alpha.ConsumerDLQURL, orphan)

	got := w.redrive(t, deadletter.Filter{})
	require.Equal(t, deadletter.Summary{
		Received: 5, Redriven: 4, Kept: 1, NeedOperator: 1, Sent: 3, AlreadyApplied: 1,
		Notes: []deadletter.Note{{Kind: deadletter.Consumer, MessageID: kept, Event: orphan.Key(), Reason: resend.Unmapped.Explain()}},
	}, got)
	require.ElementsMatch(t, []string{stay.Key(), undelivered.Key()}, w.sent(Alpha))
	require.Equal(t, []string{moved.Key()}, w.sent(Beta))
	require.Equal(t, []string{kept}, w.left(Alpha))
	require.Equal(t, map[string]string{stay.Key(): "acme", undelivered.Key(): "initech"}, w.Groups(Alpha.QueueURL))
	require.Equal(t, map[string]string{moved.Key(): "globex"}, w.Groups(Beta.QueueURL))
}

func TestABodyThatCannotBeReadIsSentAsItIs(t *testing.T) {
	w := newWorld(t)
	const body = `{"v":2,"news":true}`
	w.letterOf(Alpha.ConsumerDLQURL, body, "acme", "e1")
	w.letter(Alpha.SubscriptionDLQURL, "hello")
	_, err := w.Queues.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(Alpha.ConsumerDLQURL), MessageBody: aws.String("grouped"), MessageGroupId: aws.String("globex"),
	})
	require.NoError(t, err)
	got := w.redrive(t, deadletter.Filter{})
	require.Equal(t, deadletter.Summary{Received: 3, Redriven: 3, AsTheyAre: 3}, got)
	require.Empty(t, w.left(Alpha))
	groups := map[string]string{}
	for _, m := range w.Queues.Messages(Alpha.QueueURL) {
		groups[*m.Body] = m.Attributes["MessageGroupId"]
	}
	require.Equal(t, map[string]string{body: "acme", "hello": "", "grouped": "globex"}, groups,
		"a message keeps its group, and gets its tenant's where it has none")
	for _, m := range w.Queues.Messages(Alpha.QueueURL) {
		require.Equal(t, event.SentAgain, *m.MessageAttributes[event.MessageAttrSentAgain].StringValue)
		if *m.Body == body {
			require.Equal(t, "e1", *m.MessageAttributes[event.MessageAttrID].StringValue)
		}
	}
}

func TestABrokenBodyOfAnAppliedEventIsOnlyDeleted(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e1", 1, time.Hour)
	w.Outcome(Alpha, e, ledger.Processed, 0)
	w.letterOf(Alpha.ConsumerDLQURL, "broken", "acme", "e1")
	require.Equal(t, deadletter.Summary{Received: 1, Redriven: 1, AlreadyApplied: 1}, w.redrive(t, deadletter.Filter{}))
}

func TestAnEnvelopeIsOpened(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e1", 1, time.Hour)
	w.letter(Alpha.SubscriptionDLQURL, fmt.Sprintf(`{"Type":"Notification","TopicArn":"arn","Message":%q}`, Body(t, e)))
	require.Equal(t, 1, w.redrive(t, deadletter.Filter{}).Sent)
	require.Equal(t, []string{e.Key()}, w.sent(Alpha))
}

func TestARedriveTakesOnlyWhatTheFilterNames(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	w.Map("globex", Alpha, 1)
	a := w.Accept(Alpha, "acme", "a", 1, time.Hour)
	b := w.Accept(Alpha, "acme", "b", 1, time.Hour)
	g := w.Accept(Alpha, "globex", "g", 1, time.Hour)
	idA, idB, idG := w.deadMessage(Alpha.ConsumerDLQURL, a), w.deadMessage(Alpha.ConsumerDLQURL, b), w.deadMessage(Alpha.ConsumerDLQURL, g)

	require.Zero(t, w.redrive(t, deadletter.Filter{Tenant: "acme", MessageIDs: []string{idG}}))
	require.Equal(t, 1, w.redrive(t, deadletter.Filter{MessageIDs: []string{idA, "other"}}).Sent)
	require.ElementsMatch(t, []string{idB, idG}, w.left(Alpha))
	require.Zero(t, w.redrive(t, deadletter.Filter{Event: event.Key("globex", "b")}), "an id is its tenant's")
	require.False(t, deadletter.Filter{Event: g.Key()}.Everything())
	c := w.Accept(Alpha, "acme", "c", 1, time.Hour)
	w.deadMessage(Alpha.ConsumerDLQURL, c)
	require.Equal(t, 1, w.redrive(t, deadletter.Filter{Event: c.Key()}).Sent)
	require.ElementsMatch(t, []string{idB, idG}, w.left(Alpha))
	require.Equal(t, 1, w.redrive(t, deadletter.Filter{Tenant: "globex"}).Sent)
	require.Equal(t, []string{idB}, w.left(Alpha))
}

func TestWhatComesBackDuringARedriveWaitsForTheNext(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	bad := w.Accept(Alpha, "acme", "bad", 1, time.Hour)
	w.Outcome(Alpha, bad, ledger.Failed, time.Minute)
	w.deadMessage(Alpha.ConsumerDLQURL, bad)
	returns := 0
	got, err := w.letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{
		Rate: 1000,
		Progress: func(deadletter.Summary) {
			if returns++; returns > 50 {
				t.Fatal("the redrive runs after its own messages")
			}
			for range w.Queues.Messages(Alpha.QueueURL) {
				w.Clock.Advance(time.Second)
				w.Purge(t, Alpha.QueueURL)
				w.deadMessage(Alpha.ConsumerDLQURL, bad) // it fails again at once
			}
		},
	})
	require.NoError(t, err)
	require.Equal(t, 1, got.Sent)
	require.Equal(t, 1, got.Kept)
	require.Len(t, w.left(Alpha), 1)
	w.Clock.Advance(time.Second)
	require.Equal(t, 1, w.redrive(t, deadletter.Filter{}).Sent)
}

func TestRedriveNeedsARate(t *testing.T) {
	_, err := newWorld(t).letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{})
	require.ErrorContains(t, err, "want more than 0")
}

func TestAnInterruptedRedriveReleasesWhatItHasNotHandled(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	for i := range 25 {
		w.deadMessage(Alpha.ConsumerDLQURL, w.Accept(Alpha, "acme", fmt.Sprint("e", i), 1, time.Hour))
	}
	ctx, cancel := context.WithCancel(t.Context())
	got, err := w.letters.Redrive(ctx, Alpha, deadletter.Kinds(), deadletter.Options{
		Rate: 1000, Progress: func(deadletter.Summary) { cancel() },
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NotZero(t, got.Sent)
	require.Len(t, w.left(Alpha), 25-got.Sent, "visible again at once")
	require.Equal(t, 25-got.Sent, w.redrive(t, deadletter.Filter{}).Sent)
}

// scene is letters of every kind, with events of tenants here and elsewhere.
func scene(w *world) (applied map[string]manifest.Cell) {
	w.Map("acme", Alpha, 1)
	w.Map("globex", Beta, 2)
	applied = map[string]manifest.Cell{}
	for i := range 4 {
		for tenant, c := range map[string]manifest.Cell{"acme": Alpha, "globex": Beta} {
			e := w.Accept(Alpha, tenant, fmt.Sprint("e", i), 1, time.Hour)
			applied[e.Key()] = c
			switch i {
			case 0:
				w.deadMessage(Alpha.ConsumerDLQURL, e)
				w.Outcome(Alpha, e, ledger.Failed, time.Minute)
			case 1:
				w.deadMessage(Alpha.SubscriptionDLQURL, e)
				w.deadMessage(Alpha.SubscriptionDLQURL, e)
			default:
				w.stream.add("INSERT", e.Key())
			}
		}
	}
	w.letter(Alpha.StreamDLQURL, ejected(0, 1, w.Clock.Now()))
	w.letter(Alpha.StreamDLQURL, ejected(1, 3, w.Clock.Now()))
	return applied
}

// finished checks that a redrive has brought every event of a scene to its one effect, in its tenant's cell.
func (w *world) finished(t require.TestingT, applied map[string]manifest.Cell) {
	require.Empty(t, w.left(Alpha))
	w.Consume(t, Alpha)
	w.Consume(t, Beta)
	w.RequireEffects(t, applied)
}

var errBroken = errors.New("broken off")

func TestI6ARedriveBrokenOffAtAnyCallAndRunAgainLosesNothing(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t)
			applied := scene(w)
			calls := w.BreakAt(n, lost, errBroken)
			_, err := w.letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 10_000})
			broken := *calls >= n
			w.Mend()
			w.Clock.Advance(10 * time.Minute) // what could not be released is visible again
			w.redrive(t, deadletter.Filter{})
			w.finished(t, applied)
			if !broken {
				require.NoError(t, err)
				require.Greater(t, n, 20, "the redrive makes fewer calls than it can")
				break
			}
		}
	}
}

func TestI8RedrivesMovesAndFailuresInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		applied := scene(w)
		epochs := map[string]int64{"acme": 1, "globex": 2}
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"redrive", "broken redrive", "consume", "move"}).Draw(t, "step") {
			case "redrive":
				_, err := w.letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 10_000})
				require.NoError(t, err)
			case "broken redrive":
				w.BreakAt(rapid.IntRange(1, 60).Draw(t, "at"), rapid.Bool().Draw(t, "lost"), errBroken)
				_, _ = w.letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 10_000})
				w.Mend()
			case "consume":
				w.Consume(t, rapid.SampledFrom([]manifest.Cell{Alpha, Beta}).Draw(t, "cell"))
			case "move":
				// Only while nothing is under way: a move takes care of what is.
				w.Consume(t, Alpha)
				w.Consume(t, Beta)
				tenant := rapid.SampledFrom([]string{"acme", "globex"}).Draw(t, "tenant")
				epochs[tenant]++
				w.Move(tenant, rapid.SampledFrom([]manifest.Cell{Alpha, Beta}).Draw(t, "to"), epochs[tenant])
			}
			w.Clock.Advance(10 * time.Minute)
		}
		w.redrive(t, deadletter.Filter{})
		require.Empty(t, w.left(Alpha))
		w.Consume(t, Alpha)
		w.Consume(t, Beta)
		for key := range applied {
			require.Equal(t, 1, w.Effects(Alpha, key)+w.Effects(Beta, key), "effects of %s", key)
		}
	})
}

func TestWhatTheQueueRefusesStaysInTheDLQ(t *testing.T) {
	for _, operation := range []string{"SendMessageBatch", "DeleteMessageBatch"} {
		for name, put := range map[string]func(*world) string{
			"an event": func(w *world) string {
				return w.deadMessage(Alpha.ConsumerDLQURL, w.Accept(Alpha, "acme", "e", 1, time.Hour))
			},
			"what cannot be read": func(w *world) string { return w.letter(Alpha.ConsumerDLQURL, "hello") },
		} {
			t.Run(operation+" of "+name, func(t *testing.T) {
				w := newWorld(t)
				w.Map("acme", Alpha, 1)
				id := put(w)
				w.Queues.Refuse = func(c sqstest.Call, _ string) bool { return c.Operation == operation }
				_, err := w.letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 1000})
				require.ErrorContains(t, err, "refused by the test")
				require.Equal(t, []string{id}, w.left(Alpha))
			})
		}
	}
}

func TestARedriveKeepsToItsRate(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	for i := range 30 {
		w.deadMessage(Alpha.ConsumerDLQURL, w.Accept(Alpha, "acme", fmt.Sprint("e", i), 1, time.Hour))
	}
	start := time.Now()
	got, err := w.letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 100})
	require.NoError(t, err)
	require.Equal(t, 30, got.Sent)
	require.GreaterOrEqual(t, time.Since(start), 190*time.Millisecond, "10 at once, and 20 at 100 per second")
}
