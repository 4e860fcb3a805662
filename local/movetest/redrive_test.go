package movetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
)

const poison = "fault.panic" // where faults are injected; elsewhere a type like any other

func (w *world) home() *resend.Home {
	return &resend.Home{
		Tables: w.operator.tables, Queue: w.operator.queues, Mappings: mapping.NewStore(w.operator.tables, w.outputs.MappingTable),
		Cells: w.fleet.Cell, Now: time.Now,
	}
}

func (w *world) letters(queues deadletter.SQS) *deadletter.Letters {
	return &deadletter.Letters{SQS: queues, Streams: w.operator.streams, Home: w.home()}
}

func redrive(t *testing.T, l *deadletter.Letters, c *cell) (deadletter.Summary, error) {
	t.Helper()
	return l.Redrive(t.Context(), c.Cell, deadletter.Kinds(), deadletter.Options{Rate: 100})
}

// noDelete is SQS as a redrive sees it that is interrupted between sending an event and deleting its letter.
type noDelete struct{ *sqs.Client }

var errInterrupted = errors.New("interrupted")

func (noDelete) DeleteMessageBatch(
	context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	return nil, errInterrupted
}

func TestI6ARedriveAppliesOnceHoweverOftenItIsRun(t *testing.T) {
	t.Parallel()
	w := start(t)
	south := w.takeSouth(t)
	south.injectFaults(t, true)
	tenant := w.tenant(t, south.ID)
	w.accept(t, tenant, visit, 2)
	w.accept(t, tenant, poison, 3)
	w.awaitWaiting(t, south.ConsumerDLQURL, 3)
	south.injectFaults(t, false)

	want := map[string]int{visit: 2, poison: 3}
	seen, err := redrive(t, w.letters(noDelete{w.operator.queues}), south)
	require.ErrorIs(t, err, errInterrupted)
	require.Equal(t, 3, seen.Sent)
	w.awaitWaiting(t, south.ConsumerDLQURL, 3)
	for _, letters := range []int{3, 0} {
		seen, err = redrive(t, w.letters(w.operator.queues), south)
		require.NoError(t, err)
		require.Equal(t, letters, seen.Received)
		require.Equal(t, letters, seen.Redriven, "%+v", seen)
	}
	south.awaitCounters(t, tenant, want)

	// What has failed in a cell before its tenant left it is redriven from there, and applied where the tenant is now.
	south.injectFaults(t, true)
	w.accept(t, tenant, poison, 1)
	w.awaitWaiting(t, south.ConsumerDLQURL, 1)
	w.cell("east").injectFaults(t, false)
	mover := w.hastyMover()
	_, err = mover.Start(t.Context(), tenant, "east")
	require.NoError(t, err)
	_, err = mover.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	_, err = redrive(t, w.letters(noDelete{w.operator.queues}), south)
	require.ErrorIs(t, err, errInterrupted)
	seen, err = redrive(t, w.letters(w.operator.queues), south)
	require.NoError(t, err)
	require.Equal(t, 1, seen.Redriven, "%+v", seen)
	want[poison]++
	w.cell("east").awaitCounters(t, tenant, want)
	w.awaitWaiting(t, south.QueueURL, 0)
	w.awaitWaiting(t, south.ConsumerDLQURL, 0)
	w.requireAtHome(t, tenant, "east", want)
}

func TestI6AReplayFindsWhatAPurgedQueueLost(t *testing.T) {
	t.Parallel()
	w := start(t)
	south := w.takeSouth(t)
	tenant := w.tenant(t, south.ID)
	began := time.Now().Add(-time.Second)
	w.accept(t, tenant, visit, 3)
	south.awaitCounters(t, tenant, map[string]int{visit: 3})
	resume := south.pause(t)
	w.accept(t, tenant, visit, 5)
	w.awaitWaiting(t, south.QueueURL, 5)
	_, err := w.queues.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &south.QueueURL})
	require.NoError(t, err)
	w.awaitWaiting(t, south.QueueURL, 0)
	resume()

	replayer := &replay.Replayer{DynamoDB: w.operator.tables, Home: w.home()}
	run := func() replay.Summary {
		seen, err := replayer.Run(t.Context(), south.Cell, replay.Scope{
			Since: began, Until: time.Now(), Tenant: tenant,
		}, replay.Options{Rate: 100})
		require.NoError(t, err)
		return seen
	}
	seen := run()
	require.Equal(t, map[resend.Verdict]int{resend.Sent: 5}, seen.Verdicts, "%+v", seen)
	south.awaitCounters(t, tenant, map[string]int{visit: 8})
	require.Zero(t, run().Found)
	w.requireAtHome(t, tenant, south.ID, map[string]int{visit: 8})
}
