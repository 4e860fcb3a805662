package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// clockQueue knows until when each message is hidden. Each call takes a while, and one of them fails.
type clockQueue struct {
	queue
	until  map[string]time.Time // by message id
	each   time.Duration
	failAt int // counted from 1; 0 for none
	calls  int
}

func (q *clockQueue) call(ctx context.Context) error {
	select {
	case <-time.After(q.each):
	case <-ctx.Done():
		return ctx.Err()
	}
	if q.calls++; q.calls == q.failAt {
		return errors.New("throttled")
	}
	return nil
}

func (q *clockQueue) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	if err := q.call(ctx); err != nil {
		return nil, err
	}
	for _, e := range in.Entries {
		q.until[messageOf(*e.ReceiptHandle)] = time.Now().Add(time.Duration(e.VisibilityTimeout) * time.Second)
	}
	return q.queue.ChangeMessageVisibilityBatch(ctx, in)
}

func (q *clockQueue) DeleteMessageBatch(
	ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	if err := q.call(ctx); err != nil {
		return nil, err
	}
	return q.queue.DeleteMessageBatch(ctx, in)
}

// startedVisible handles a batch of messages whose work takes a time each, and counts those that begin when others can
// receive them already. On its last receive such a message would go to the dead letter queue although it is applied.
func startedVisible(t *testing.T, q *clockQueue, batch []events.SQSMessage, each, timeout time.Duration) (visible int) {
	c := newCell()
	c.Queue = q
	q.until = map[string]time.Time{}
	for _, m := range batch {
		q.until[m.MessageId] = time.Now().Add(6 * timeout)
		if m.Attributes["ApproximateReceiveCount"] == fmt.Sprint(maxReceives) {
			c.tables.items[resultsTable+"/"+ledger.TrialPrefix+m.MessageId] = trialNote(3, 0)
		}
	}
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		if time.Now().After(q.until[e.ID]) {
			visible++
		}
		time.Sleep(each)
		return count(ctx, e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	require.Empty(t, c.handle(ctx, t, batch...))
	return visible
}

func TestI7OneFailedCallOfTheQueueLeavesNoMessageVisible(t *testing.T) {
	for failAt := range 13 {
		synctest.Test(t, func(t *testing.T) {
			var batch []events.SQSMessage
			for n := range 10 {
				batch = append(batch, deliver(fmt.Sprintf("e-%d", n), "t", maxReceives))
			}
			q := &clockQueue{failAt: failAt}
			require.Zero(t, startedVisible(t, q, batch, 4*time.Second, 2*time.Minute), "call %d fails", failAt)
			require.Greater(t, q.calls, 12, "every call of the batch has failed once")
		})
	}
}

func TestI7TheLargestBatchLeavesNoMessageVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		batch := []events.SQSMessage{deliver("e-again", "t", 2)}
		for n := range 999 {
			batch = append(batch, deliver(fmt.Sprintf("e-%d", n), "t", 1))
		}
		q := &clockQueue{each: 10 * time.Millisecond}
		require.Zero(t, startedVisible(t, q, batch, 50*time.Millisecond, 15*time.Minute))
	})
}

func TestI7WhatCouldNotBeDeletedIsDeletedBeforeTheNextMessageOnTrial(t *testing.T) {
	c := newCell()
	var batch []events.SQSMessage
	for n, id := range []string{"e-1", "e-2", "e-3"} {
		batch = append(batch, deliver(id, "t", maxReceives))
		c.tables.items[resultsTable+"/"+ledger.TrialPrefix+id] = trialNote(3+n, 0)
	}
	deleted := map[string][]string{} // what is deleted when an event's work begins
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		deleted[e.ID] = append([]string{}, c.queue.deleted...)
		c.queue.refuse = e.ID == "e-1" // until the next one begins
		return count(ctx, e)
	}
	require.Empty(t, c.handle(t.Context(), t, batch...))
	require.Empty(t, deleted["e-2"], "the queue refused to delete e-1")
	require.Equal(t, []string{"e-1", "e-2"}, deleted["e-3"])
}
