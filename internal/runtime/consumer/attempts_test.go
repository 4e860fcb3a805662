package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
)

// attempts are what the table has of the failed attempts at an event of acme.
func (c *cell) attempts(t require.TestingT, id string) ledger.Attempts {
	a, err := ledger.AttemptsFromItem(c.tables.items[resultsTable+"/"+ledger.AttemptsKey("acme", id)])
	require.NoError(t, err)
	return a
}

// failing makes the business logic fail with an error, until it is nil.
func (c *cell) failing(err *error) {
	apply := c.Apply
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		if *err != nil {
			return app.Effect{}, *err
		}
		return apply(ctx, e)
	}
}

// correlatedTo is an event that was accepted with a request.
func correlatedTo(request, id string) event.Message {
	m := expiring(id)
	m.CorrelationID = request
	return m
}

// An event that is applied in the end still shows what kept it from that before.
func TestConsumer_KeepsTheFailedAttemptsOfAnEvent(t *testing.T) {
	c := newCell()
	start := time.Date(2026, 3, 4, 6, 0, 0, 0, time.UTC)
	now := start
	c.Now = func() time.Time { return now }
	err := errors.New("dial tcp: connection refused\nsecond line")
	c.failing(&err)
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "8f0b1f6e"})
	m := correlatedTo("client-42", "e-1")
	require.Equal(t, []string{"e-1"}, c.handle(ctx, t, deliverMessage(m, 1)))
	now = start.Add(time.Minute)
	err = errors.New("no such account")
	require.Equal(t, []string{"e-1"}, c.handle(ctx, t, deliverMessage(m, 2)))
	err = nil
	require.Empty(t, c.handle(ctx, t, deliverMessage(m, 3)))

	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.Equal(t, ledger.Attempts{
		TenantID: "acme", EventID: "e-1", AcceptedAt: m.AcceptedAt, EventExpiresAt: m.ExpiresAt, CorrelationID: "client-42", Failures: 2,
		Latest: []ledger.Attempt{
			{At: start, ReceiveCount: 1, Reason: "error", ReasonText: "dial tcp: connection refused; second line", RequestID: "8f0b1f6e"},
			{At: now, ReceiveCount: 2, Reason: "error", ReasonText: "no such account", RequestID: "8f0b1f6e"},
		},
		ExpiresAt: now.Add(90 * 24 * time.Hour),
	}, c.attempts(t, "e-1"))
	require.Equal(t, "client-42", str(c.entry("e-1")[event.AttrCorrelationID]))
	require.Empty(t, str(c.entry("e-1")[ledger.AttrReasonText]), "it did not fail")
	for _, line := range c.log.records {
		require.Equal(t, "client-42", line["correlation_id"], "%v", line)
		require.NotContains(t, line, "attempt_error")
	}
}

func TestConsumer_KeepsWhatEachClassOfFailureSays(t *testing.T) {
	for want, c := range map[string]struct {
		fail func() error
		text string
	}{
		"rejected": {func() error { return app.Permanent(errors.New("an order without lines")) }, "an order without lines"},
		"panic":    {func() error { panic("index out of range") }, "panic: index out of range"},
		"deadline": {func() error { return context.DeadlineExceeded }, "context deadline exceeded"},
		"error":    {func() error { return fmt.Errorf("read the account: %s", strings.Repeat("x", 1000)) }, "read the account: xxx"},
	} {
		t.Run(want, func(t *testing.T) {
			cell := newCell()
			cell.Apply = func(context.Context, event.Event) (app.Effect, error) { return app.Effect{}, c.fail() }
			cell.handle(t.Context(), t, deliver("e-1", "t", maxReceives))
			require.Equal(t, ledger.Failed, cell.status("e-1"))
			require.Equal(t, want, str(cell.entry("e-1")[ledger.AttrReason]))
			text := str(cell.entry("e-1")[ledger.AttrReasonText])
			require.Contains(t, text, c.text)
			require.LessOrEqual(t, len(text), ledger.MaxReasonText)
			got := cell.attempts(t, "e-1")
			if want == "rejected" {
				require.Zero(t, got.Failures, "the outcome says it all")
				return
			}
			require.Len(t, got.Latest, 1)
			require.Equal(t, want, got.Latest[0].Reason)
			require.Equal(t, text, got.Latest[0].ReasonText)
		})
	}
	t.Run("malformed", func(t *testing.T) {
		c := newCell()
		c.handle(t.Context(), t, deliverBody("e-1", `{"v":1,"tenant_id":"acme"}`, 1))
		require.Equal(t, "malformed", str(c.entry("e-1")[ledger.AttrReason]))
		require.Equal(t, "decode message: field event_id: missing; field type: missing; field epoch: missing; field accepted_at: missing",
			str(c.entry("e-1")[ledger.AttrReasonText]))
		require.Zero(t, c.attempts(t, "e-1").Failures, "the outcome says it all")
	})
}

// What a failure is written ahead of an attempt says nothing of it, and what the attempt says in the end takes its place.
func TestConsumer_ReplacesTheFailureThatItWroteAhead(t *testing.T) {
	c := newCell()
	apply := c.Apply
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		require.Equal(t, string(consumer.Crashed), str(c.entry("e-1")[ledger.AttrReason]))
		require.Empty(t, str(c.entry("e-1")[ledger.AttrReasonText]))
		return app.Effect{}, errors.New("no such account")
	}
	c.handle(t.Context(), t, deliver("e-1", "t", maxReceives))
	require.Equal(t, "error", str(c.entry("e-1")[ledger.AttrReason]))
	require.Equal(t, "no such account", str(c.entry("e-1")[ledger.AttrReasonText]))
	require.Empty(t, str(c.entry("e-1")[ledger.AttrFailedBy]))

	c.Apply = apply
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.NotContains(t, c.entry("e-1"), ledger.AttrReasonText)
	require.EqualValues(t, 1, c.attempts(t, "e-1").Failures, "they stay")
}

// A redrive starts to count again, and an event may be redriven for ever: the latest attempts are kept.
func TestConsumer_KeepsTheLatestAttemptsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCell()
		failures, err := 0, error(nil)
		c.failing(&err)
		var want []int
		for range rapid.IntRange(1, 4).Draw(t, "redrives") {
			for receive := range rapid.IntRange(1, maxReceives).Draw(t, "receives") {
				failures++
				err = fmt.Errorf("failure %d", failures)
				c.handle(context.Background(), t, deliver("e-1", "t", receive+1))
				want = append(want, receive+1)
			}
		}
		got := c.attempts(t, "e-1")
		require.EqualValues(t, failures, got.Failures)
		require.Len(t, got.Latest, min(failures, maxReceives))
		for i, attempt := range got.Latest {
			n := failures - len(got.Latest) + i + 1
			require.Equal(t, fmt.Sprintf("failure %d", n), attempt.ReasonText)
			require.Equal(t, want[n-1], attempt.ReceiveCount)
		}
	})
}

// Nothing depends on the attempts: where the table does not take them, every record comes to what it would have come to.
func TestConsumer_HandlesRecordsWhereAttemptsCannotBeNoted(t *testing.T) {
	handled := func(t *testing.T, noting func(context.Context) error) (c *cell, failed []string, took time.Duration) {
		c = newCell()
		c.tables.noting = noting
		c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
			switch e.Type {
			case "fails":
				return app.Effect{}, errors.New("no")
			case "rejected":
				return app.Effect{}, app.Permanent(errors.New("never"))
			}
			return count(ctx, e)
		}
		var batch []events.SQSMessage
		for i := range 4 {
			batch = append(batch, deliver(fmt.Sprintf("f-%d", i), "fails", 1), deliver(fmt.Sprintf("r-%d", i), "rejected", 1))
		}
		batch = append(batch, deliver("good", "t", 1))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		failed = c.handle(ctx, t, batch...)
		return c, failed, time.Since(start)
	}
	for name, noting := range map[string]func(context.Context) error{
		"refused": func(context.Context) error { return errors.New("access denied") },
		"hanging": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				well, want, _ := handled(t, nil)
				c, failed, took := handled(t, noting)
				require.ElementsMatch(t, want, failed)
				require.ElementsMatch(t, well.sent, c.sent)
				require.Equal(t, 1, c.effects("good"))
				for i := range 4 {
					require.Equal(t, ledger.Failed, c.status(fmt.Sprintf("r-%d", i)))
					require.Empty(t, c.status(fmt.Sprintf("f-%d", i)))
				}
				require.Less(t, took, time.Second, "one attempt is waited for, and not each")
				require.Contains(t, c.log.String(), "attempt_error=")
			})
		})
	}
}

// failures is a batch of records of one tenant, and of one of another tenant behind them.
func failures(n int) (batch []events.SQSMessage) {
	for i := range n {
		batch = append(batch, deliver(fmt.Sprintf("f-%d", i), "fails", 1))
	}
	return append(batch, deliver("good", "t", 1))
}

// Hundreds of records fail together when what they all need is down. What is behind them in their batch has to have its turn.
func TestConsumer_SpendsNoMoreThanAMomentOfABatchOnAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCell()
		c.tables.noting = func(context.Context) error { time.Sleep(10 * time.Millisecond); return nil } // twice for each attempt
		c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
			if e.Type == "fails" {
				return app.Effect{}, errors.New("no")
			}
			return count(ctx, e)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c.handle(ctx, t, failures(999)...)
		require.Equal(t, 1, c.effects("good"))
		require.EqualValues(t, 1, c.attempts(t, "f-0").Failures)
		require.Zero(t, c.attempts(t, "f-998"))
		require.Contains(t, c.log.String(), "attempt_error=")
	})
}

// The margin that is left then is for the queue to hear when each is to come again.
func TestConsumer_NotesNoAttemptWhereItStartedNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCell()
		c.tables.noting = func(context.Context) error { time.Sleep(40 * time.Millisecond); return nil }
		c.Apply = func(ctx context.Context, _ event.Event) (app.Effect, error) {
			<-ctx.Done()
			return app.Effect{}, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.Len(t, c.handle(ctx, t, failures(49)...), 50)
		require.Len(t, c.queue.hidden, 50)
		require.Equal(t, "deadline", c.attempts(t, "f-0").Latest[0].Reason)
		require.Zero(t, c.attempts(t, "f-1"))
		require.Equal(t, 2, c.tables.notes)
		require.NotContains(t, c.log.String(), "attempt_error=")
	})
}

// What belongs to another cell by now, or to nobody, leaves nothing behind in this one.
func TestConsumer_NotesNoAttemptsAtEventsThatItMayNotApply(t *testing.T) {
	fails := errors.New("no")
	c := newCell()
	c.failing(&fails)
	c.fence(2)
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Zero(t, c.attempts(t, "e-1"))
	c = newCell()
	c.failing(&fails)
	c.removedBelow(2)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Zero(t, c.tables.notes)

	// The fence rises between the failure and the note.
	c = newCell()
	c.failing(&fails)
	c.tables.noting = func(context.Context) error { c.removedBelow(2); return nil }
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Zero(t, c.attempts(t, "e-1"))
	require.NotContains(t, c.log.String(), "attempt_error")
}

func TestConsumer_KeepsTheAttemptsOfOneAcceptance(t *testing.T) {
	c := newCell()
	fails := errors.New("no")
	c.failing(&fails)
	c.handle(t.Context(), t, deliverMessage(inline(0), 1))
	c.handle(t.Context(), t, deliverMessage(inline(0), 2))
	require.EqualValues(t, 2, c.attempts(t, "e-1").Failures)
	c.handle(t.Context(), t, deliverMessage(inline(1), 1))
	got := c.attempts(t, "e-1")
	require.EqualValues(t, 1, got.Failures, "the id was used again")
	require.True(t, got.Of(accepted(1)))
	c.handle(t.Context(), t, deliverMessage(inline(0), 3))
	require.Equal(t, got, c.attempts(t, "e-1"), "a late delivery of the first acceptance")
}

// Two deliveries of one event fail at the same moment: both are noted.
func TestConsumer_AddsAnAttemptToOneThatWasNotedMeanwhile(t *testing.T) {
	c := newCell()
	fails := errors.New("no")
	c.failing(&fails)
	other := ledger.AttemptsOf(expiring("e-1").Event).With(ledger.Attempt{At: expiring("e-1").AcceptedAt, ReceiveCount: 1, Reason: "error"}, 5, time.Hour)
	calls := 0
	c.tables.noting = func(context.Context) error {
		if calls++; calls == 2 { // between the read and the write
			c.tables.items[resultsTable+"/"+ledger.AttemptsKey("acme", "e-1")] = other.Item()
		}
		return nil
	}
	c.handle(t.Context(), t, deliverMessage(expiring("e-1"), 2))
	require.EqualValues(t, 2, c.attempts(t, "e-1").Failures)
	require.Equal(t, 4, calls)
}
