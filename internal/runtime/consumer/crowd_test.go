package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/naming"
	"cellular/internal/runtime/consumer"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// noDeadline hides the deadline of a test, which rapid asks for and a bubble does not have.
type noDeadline struct{ testing.TB }

// crowd is many processes of one cell's consumer at work on one queue, with tables whose transactions take time and cancel
// each other where they meet. It is to be used in a bubble of synctest.
type crowd struct {
	db      *dynamotest.DB
	sqs     *sqstest.SQS
	results string
	options consumer.Options
	sent    []string // the ids of the events
}

func newCrowd(c dynamotest.Concurrency, apply app.Apply) *crowd {
	names := naming.Stack("crowd").Cell("alpha")
	w := &crowd{
		db: dynamotest.NewTables(dynamotest.Cell(names)), results: names.ResultsTable(),
		sqs: sqstest.New(map[string]sqstest.Queue{
			workURL: {VisibilityTimeout: visibility, DeadLetterURL: deadURL, MaxReceiveCount: maxReceives}, deadURL: {},
		}),
	}
	w.db.Concurrent(c)
	w.options = consumer.Options{
		Apply: apply, Tables: w.db, Queue: w.sqs, DataTable: names.DataTable(), ResultsTable: w.results,
		QueueURL: workURL, DeadLetterURL: deadURL, MaxReceiveCount: maxReceives, ConcurrentTenants: 4, RecordTimeout: 5 * time.Second,
		BackoffBase: 2 * time.Second, BackoffMax: 20 * time.Second, ResultTTL: 90 * 24 * time.Hour,
		Logger: slog.New(slog.DiscardHandler),
	}
	return w
}

// countIn counts each event by itself at one item that all events of the tenant share, so that their transactions meet.
func countIn(table string) app.Apply {
	return func(_ context.Context, e event.Event) (app.Effect, error) {
		return app.Effect{Writes: []types.TransactWriteItem{{Update: &types.Update{
			TableName: aws.String(table), Key: attributes{event.AttrKey: item.Text("#counted")}, UpdateExpression: aws.String("ADD #n :one"),
			ExpressionAttributeNames:  map[string]string{"#n": "n:" + e.ID},
			ExpressionAttributeValues: attributes{":one": item.Number(1)},
		}}}}, nil
	}
}

// send puts an event into the queue, as so many messages.
func (w *crowd) send(t require.TestingT, id string, messages int) {
	w.sent = append(w.sent, id)
	for range messages {
		_, err := w.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{
			QueueUrl: aws.String(workURL), MessageBody: aws.String(deliver(id, "t", 1).Body),
		})
		require.NoError(t, err)
	}
}

// work has so many processes empty the queue, each a batch at a time.
func (w *crowd) work(t require.TestingT, processes, batch int) {
	var all sync.WaitGroup
	for range processes {
		c := consumer.New(w.options)
		all.Go(func() {
			for len(w.sqs.Messages(workURL)) > 0 {
				if !w.invoke(t, c, batch) {
					time.Sleep(time.Second)
				}
			}
		})
	}
	all.Wait()
}

// invoke has a process work on what a receive finds, and reports whether that was anything.
func (w *crowd) invoke(t require.TestingT, c *consumer.Consumer, batch int) bool {
	got, err := w.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(workURL), MaxNumberOfMessages: int32(batch),
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
	})
	require.NoError(t, err)
	if len(got.Messages) == 0 {
		return false
	}
	var records []events.SQSMessage
	for _, m := range got.Messages {
		records = append(records, events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes,
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answer, err := c.Handle(ctx, events.SQSEvent{Records: records})
	require.NoError(t, err)
	for _, m := range got.Messages {
		failed := slices.ContainsFunc(answer.BatchItemFailures, func(f events.SQSBatchItemFailure) bool { return f.ItemIdentifier == *m.MessageId })
		if !failed {
			_, err := w.sqs.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{
				QueueUrl: aws.String(workURL), ReceiptHandle: m.ReceiptHandle,
			})
			require.NoError(t, err)
		}
	}
	return true
}

// effects is how often an event was applied.
func (w *crowd) effects(id string) int { return num(w.db.Item(w.results, "#counted")["n:"+id]) }

func (w *crowd) status(id string) ledger.Status {
	return ledger.Status(str(w.db.Item(w.results, event.Key("acme", id))[ledger.AttrStatus]))
}

// ejected is the events that are in the dead letter queue.
func (w *crowd) ejected(t require.TestingT) map[string]bool {
	dead := map[string]bool{}
	for _, m := range w.sqs.Messages(deadURL) {
		decoded, err := event.DecodeMessage([]byte(*m.Body))
		require.NoError(t, err)
		dead[decoded.ID] = true
	}
	return dead
}

// Events fail or not, come more than once, and many processes work on them at the same moment: each event is applied once,
// or it is in the dead letter queue. Where nothing fails but transactions that meet, nothing is ejected.
func TestI6EveryEventIsAppliedOnceOrEjectedWhateverTransactionsMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(noDeadline{t}, func(t *rapid.T) {
			var mu sync.Mutex
			fates := &cycle[string]{script: rapid.SliceOfN(rapid.SampledFrom([]string{works, works, works, fails, rejects, panics}), 1, 20).Draw(t, "fates")}
			allWork := !slices.ContainsFunc(fates.script, func(f string) bool { return f != works })
			limits := dynamotest.OnDemand(time.Duration(rapid.IntRange(1, 40).Draw(t, "ms of a transaction")) * time.Millisecond)
			limits.KeyWrites = rapid.SampledFrom([]float64{0, 1000, 100}).Draw(t, "units of a key")
			w := newCrowd(limits, nil)
			effect := countIn(w.results)
			w.options.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
				mu.Lock()
				fate := fates.take()
				mu.Unlock()
				switch fate {
				case fails:
					return app.Effect{}, errors.New("a dependency is down")
				case rejects:
					return app.Effect{}, app.Permanent(errors.New("no lines"))
				case panics:
					panic("a bug")
				}
				return effect(ctx, e)
			}
			for i := range rapid.IntRange(1, 30).Draw(t, "events") {
				w.send(t, fmt.Sprintf("e-%d", i), rapid.IntRange(1, 3).Draw(t, "messages"))
			}
			w.work(t, rapid.IntRange(1, 8).Draw(t, "processes"), rapid.IntRange(1, 10).Draw(t, "batch"))

			dead := w.ejected(t)
			for _, id := range w.sent {
				times := w.effects(id)
				require.LessOrEqual(t, times, 1, "%s has one effect", id)
				require.Equal(t, times == 1, w.status(id) == ledger.Processed, "effect and ledger of %s agree", id)
				require.True(t, times == 1 || dead[id], "%s is not lost", id)
			}
			if allWork {
				require.Empty(t, dead, "transactions that meet eject nothing")
			}
		})
	})
}

// A busy tenant, for whom as many processes work as a cell may have: all of its transactions are at the same items, and
// wait for each other, and none of its events fails for it.
func TestI6ATenantWhoseTransactionsAllMeetLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(dynamotest.OnDemand(8*time.Millisecond), nil)
		w.options.Apply = countIn(w.results)
		for i := range 1000 {
			w.send(t, fmt.Sprintf("e-%d", i), 1)
		}
		start := time.Now()
		w.work(t, 50, 10)
		require.Zero(t, len(w.ejected(t)), "events in the dead letter queue")
		for _, id := range w.sent {
			require.Equal(t, 1, w.effects(id), id)
			require.Equal(t, ledger.Processed, w.status(id))
		}
		u := w.db.Usage()
		require.Positive(t, u.Conflicts, "no transactions have met")
		t.Logf("%d events in %v: %d transactions, %d of them canceled", len(w.sent), time.Since(start), u.Transactions, u.Canceled)
	})
}
