package consumer_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

const badType = "bad"

// applyBad makes bad what happens to events of badType.
func (c *cell) applyBad(bad app.Apply) {
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		if e.Type == badType {
			return bad(ctx, e)
		}
		return count(ctx, e)
	}
}

func TestI7OneBadRecordDoesNotKeepItsSiblings(t *testing.T) {
	for reason, bad := range map[string]struct {
		message events.SQSMessage
		apply   app.Apply
		outcome string // "" means "retry"
	}{
		"malformed": {message: deliverBody("e-2", "not a message", 1), outcome: "ejected"},
		"rejected": {deliver("e-2", badType, 1), func(context.Context, event.Event) (app.Effect, error) {
			return app.Effect{}, fmt.Errorf("order: %w", app.Permanent(errors.New("no lines")))
		}, "ejected"},
		"error": {deliver("e-2", badType, 1), func(context.Context, event.Event) (app.Effect, error) {
			return app.Effect{}, errors.New("a dependency is down")
		}, ""},
		"panic": {deliver("e-2", badType, 1), func(context.Context, event.Event) (app.Effect, error) {
			panic("a bug")
		}, ""},
		"panic, as Goexit": {deliver("e-2", badType, 1), func(context.Context, event.Event) (app.Effect, error) {
			runtime.Goexit()
			return app.Effect{}, nil
		}, ""},
		"deadline": {deliver("e-2", badType, 1), func(ctx context.Context, _ event.Event) (app.Effect, error) {
			<-ctx.Done()
			return app.Effect{}, ctx.Err()
		}, ""},
	} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCell()
				c.applyBad(bad.apply)
				reported := c.handle(t.Context(), t, deliver("e-1", "t", 1), bad.message, deliver("e-3", "t", 1))
				require.Equal(t, []string{"e-2"}, reported)
				require.Equal(t, []int{1, 0, 1}, []int{c.effects("e-1"), c.effects("e-2"), c.effects("e-3")})
				class, _, _ := strings.Cut(reason, ",")
				require.Regexp(t, "event=e-2 outcome="+cmp.Or(bad.outcome, "retry")+" .*reason="+class, c.log.String())
			})
		})
	}
}

func TestI7ARecordThatHangsFailsAtItsDeadlineAndItsBatchAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		c := newCell()
		c.applyBad(func(context.Context, event.Event) (app.Effect, error) {
			<-release // listens to nothing
			return app.Effect{}, nil
		})
		start := time.Now()
		reported := c.handle(t.Context(), t, deliver("e-1", badType, 1), deliver("e-2", "t", 1))
		require.Equal(t, []string{"e-1"}, reported)
		require.Equal(t, 5*time.Second, time.Since(start))
		require.Equal(t, 1, c.effects("e-2"))
		require.Contains(t, c.log.String(), "reason=deadline")
	})
}

func TestI7WhatAHungCallReturnsInTheEndHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := newCell()
		c.applyBad(func(ctx context.Context, e event.Event) (app.Effect, error) {
			<-release
			return count(ctx, e)
		})
		require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, 1)))
		close(release)
		synctest.Wait()
		require.Zero(t, c.effects("e-1"))
		require.Empty(t, c.status("e-1"))
	})
}

func TestTheNumberOfHungCallsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := newCell()
		c.applyBad(func(context.Context, event.Event) (app.Effect, error) {
			<-release
			return app.Effect{}, nil
		})
		for i := range 16 {
			c.handle(t.Context(), t, deliver(fmt.Sprint(i), badType, 1))
		}
		require.PanicsWithValue(t, "16 calls of the business function never returned: starting over with a fresh process",
			func() { c.handle(t.Context(), t, deliver("e-1", "t", 1)) })
		require.Equal(t, int32(1), c.queue.hidden["e-1"], "the batch comes back at once")
		close(release)
		synctest.Wait()
		require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)), "a call that returns late does not count")
	})
}

func TestI7TheAnswerGoesOutBeforeTheInvocationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c := newCell()
		c.applyBad(func(ctx context.Context, _ event.Event) (app.Effect, error) {
			<-ctx.Done()
			return app.Effect{}, ctx.Err()
		})
		batch := []events.SQSMessage{
			deliver("e-1", "t", 1), deliver("e-2", badType, 1), deliver("e-3", badType, 1),
			deliver("e-4", "t", 1), deliver("e-5", "t", maxReceives),
		}
		require.Equal(t, []string{"e-2", "e-3", "e-4", "e-5"}, c.handle(ctx, t, batch...))
		require.NoError(t, ctx.Err())
		require.Contains(t, c.log.String(), `event=e-4 outcome=retry`)
		require.Contains(t, c.log.String(), `reason=deadline error="not started: the invocation has no time left"`)
		require.Equal(t, ledger.Failed, c.status("e-5"), "there is time left to settle what failed")
		require.Equal(t, map[string]int32{"e-1": 14, "e-2": 2, "e-3": 2, "e-4": 2, "e-5": 0}, c.queue.hidden)
	})
}

func TestAFailureIsDelayedByTheNumberOfReceives(t *testing.T) {
	transient := func(context.Context, event.Event) (app.Effect, error) {
		return app.Effect{}, errors.New("down")
	}
	for _, c := range []struct {
		apply       app.Apply
		base, limit time.Duration
		max         int
		want        []int32 // seconds, from the first receive on
	}{
		{transient, 2 * time.Second, 5 * time.Minute, 100, []int32{2, 4, 8, 16, 32, 64, 128, 256, 300, 300}},
		{transient, 2 * time.Second, 5 * time.Minute, 5, []int32{2, 4, 8, 16, 0}},
		{transient, 1500 * time.Millisecond, 4 * time.Second, 100, []int32{2, 3, 4, 4}},
		{transient, time.Minute, time.Second, 100, []int32{1, 1}},
		{transient, time.Hour, 100 * time.Hour, 100, []int32{3600, 7200, 14400, 28800, 36000, 36000}},
	} {
		cell := newCell()
		cell.applyBad(c.apply)
		cell.BackoffBase, cell.BackoffMax, cell.MaxReceiveCount = c.base, c.limit, c.max
		var got []int32
		for i := range c.want {
			require.Equal(t, []string{"e-1"}, cell.handle(t.Context(), t, deliver("e-1", badType, i+1)))
			got = append(got, cell.queue.hidden["e-1"])
		}
		require.Equal(t, c.want, got)
	}
}

func TestTheFailuresOfALargeBatchAreDelayedTenAtATime(t *testing.T) {
	c := newCell()
	var batch []events.SQSMessage
	c.applyBad(func(context.Context, event.Event) (app.Effect, error) {
		return app.Effect{}, errors.New("down")
	})
	for i := range 23 {
		batch = append(batch, deliver(fmt.Sprint(i), badType, 1))
	}
	require.Len(t, c.handle(t.Context(), t, batch...), 23)
	require.Len(t, c.queue.hidden, 23)
}

func TestAQueueThatCannotDelayDoesNoHarm(t *testing.T) {
	for name, q := range map[string]*queue{"call fails": {err: errors.New("AccessDenied")}, "entry fails": {refuse: true}} {
		t.Run(name, func(t *testing.T) {
			c := newCell()
			c.Queue = q
			c.applyBad(func(context.Context, event.Event) (app.Effect, error) {
				return app.Effect{}, errors.New("down")
			})
			require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, 1), deliver("e-2", "t", 1)))
			require.Equal(t, 1, c.effects("e-2"))
			require.Contains(t, c.log.String(), "keeps the queue's visibility timeout")
		})
	}
}

func TestAnOutcomeThatCannotBeRecordedDoesNotKeepTheMessage(t *testing.T) {
	c := newCell()
	c.applyBad(func(context.Context, event.Event) (app.Effect, error) { panic("a bug") })
	c.tables.before = func(int) error { return errors.New("AccessDenied") }
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, maxReceives)))
	require.Regexp(t, `dead letter queue.*event=e-1 error="record the failure: AccessDenied"`, c.log.String())
}

func TestABrokenMessageOfAnAppliedEventIsNotSwallowed(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliverBody("e-1", "?", maxReceives)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
}

func TestAMessageWithoutAnyNameIsEjectedAndLeavesNoTrace(t *testing.T) {
	c := newCell()
	m := deliverBody("m-1", "?", maxReceives)
	m.MessageAttributes, m.Attributes = nil, map[string]string{"ApproximateReceiveCount": "5"}
	require.Equal(t, []string{"m-1"}, c.handle(t.Context(), t, m))
	require.Empty(t, c.stored())
	m.Attributes = nil
	require.Equal(t, []string{"m-1"}, c.handle(t.Context(), t, m))
	require.Contains(t, c.log.String(), "outcome=ejected receive_count=1")
}
