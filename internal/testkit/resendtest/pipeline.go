package resendtest

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/runtime/consumer"
	"cellular/internal/testkit/dynamotest"
)

const effectPrefix = "#effects#"

// Consume has a cell's consumer handle all messages of its queue. Every event succeeds.
func (w *World) Consume(t require.TestingT, c manifest.Cell) {
	ctx := context.Background()
	handler := consumer.New(consumer.Options{
		Apply: countEffect(c), Tables: w.Tables, Queue: w.Queues, DataTable: c.DataTable, ResultsTable: c.ResultsTable, QueueURL: c.QueueURL,
		DeadLetterURL: c.ConsumerDLQURL, MaxReceiveCount: 5, RecordTimeout: time.Minute, BackoffBase: time.Second, BackoffMax: time.Second, ResultTTL: ResultTTL, Now: w.Clock.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	for {
		got, err := w.Queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &c.QueueURL, MaxNumberOfMessages: 10, VisibilityTimeout: 30,
			MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"},
		})
		require.NoError(t, err)
		if len(got.Messages) == 0 {
			return
		}
		var batch events.SQSEvent
		for _, m := range got.Messages {
			batch.Records = append(batch.Records, events.SQSMessage{MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes})
		}
		answer, err := handler.Handle(ctx, batch)
		require.NoError(t, err)
		require.Empty(t, answer.BatchItemFailures)
		for _, m := range got.Messages {
			_, err := w.Queues.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &c.QueueURL, Entries: []sqstypes.DeleteMessageBatchRequestEntry{
				{Id: aws.String("0"), ReceiptHandle: m.ReceiptHandle},
			}})
			require.NoError(t, err)
		}
	}
}

// countEffect is business logic that counts how often it takes effect for each event, and for each acceptance of one.
func countEffect(c manifest.Cell) app.Apply {
	return func(_ context.Context, e event.Event) (app.Effect, error) {
		return app.Effect{Writes: []types.TransactWriteItem{{Update: &types.Update{
			TableName:                &c.ResultsTable,
			Key:                      dynamotest.Item{event.AttrKey: item.Text(effectPrefix + e.Key())},
			UpdateExpression:         aws.String("SET #tenant = :tenant ADD #effects :one, #of :one"),
			ExpressionAttributeNames: map[string]string{"#tenant": event.AttrTenantID, "#effects": "effects", "#of": event.FormatTime(e.AcceptedAt)},
			ExpressionAttributeValues: dynamotest.Item{
				":tenant": item.Text(e.TenantID), ":one": item.Number(1),
			},
		}}}}, nil
	}
}

// Effects is how often an event has taken effect in a cell.
func (w *World) Effects(c manifest.Cell, key string) int { return w.effects(c, key, "effects") }

// EffectsOf is how often one acceptance of an event's id has taken effect in a cell.
func (w *World) EffectsOf(c manifest.Cell, e event.Event) int {
	return w.effects(c, e.Key(), event.FormatTime(e.AcceptedAt))
}

func (w *World) effects(c manifest.Cell, key, attribute string) int {
	n, ok := w.Tables.Item(c.ResultsTable, effectPrefix+key)[attribute].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	count, err := strconv.Atoi(n.Value)
	if err != nil {
		panic(err)
	}
	return count
}

// AcceptAgain has a cell accept an event's id with other content, as the router does. Where the event has not expired, time passes
// until it has.
func (w *World) AcceptAgain(c manifest.Cell, e event.Event) event.Event {
	if left := e.ExpiresAt.Sub(w.Clock.Now()); left > 0 {
		w.Clock.Advance(left)
	}
	again := e
	again.AcceptedAt = w.Clock.Now().UTC().Truncate(time.Millisecond)
	again.ExpiresAt = event.Expiry(again.AcceptedAt, DataTTL)
	again.Payload = []byte(`{"again":"` + event.FormatTime(again.AcceptedAt) + `"}`)
	w.Tables.Put(c.DataTable, again.Item())
	return again
}

// RequireEffects checks that each event has taken effect once, in its cell, and in no other.
func (w *World) RequireEffects(t require.TestingT, home map[string]manifest.Cell) {
	for key, c := range home {
		for _, other := range []manifest.Cell{Alpha, Beta} {
			want := 0
			if other.ID == c.ID {
				want = 1
			}
			require.Equal(t, want, w.Effects(other, key), "effects of %s in cell %s", key, other.ID)
		}
	}
}

// tenantOf is the tenant of an event, an outcome or an item of the business logic; "" for a fence.
func tenantOf(found dynamotest.Item) string {
	for _, name := range []string{event.AttrTenantShard, event.AttrTenantID} {
		if v, ok := found[name].(*types.AttributeValueMemberS); ok {
			return event.TenantOfShard(v.Value)
		}
	}
	return ""
}

// Move takes all that both cells have of a tenant to one of them, and gives it that tenant in a new epoch, as a move that
// has come to its end. What the cell has already stays, unless the event was applied in the other one alone.
func (w *World) Move(tenantID string, to manifest.Cell, epoch int64) {
	from := Alpha
	if to.ID == Alpha.ID {
		from = Beta
	}
	for _, tables := range [][2]string{{from.DataTable, to.DataTable}, {from.ResultsTable, to.ResultsTable}} {
		for _, found := range w.Tables.Items(tables[0]) {
			if tenantOf(found) != tenantID {
				continue
			}
			key := found[event.AttrKey].(*types.AttributeValueMemberS).Value
			if tables[0] == from.DataTable {
				found[event.AttrClonedFrom] = item.Text(from.ID)
			}
			if w.Tables.Item(tables[1], key) == nil || w.Status(from, key) == ledger.Processed && w.Status(to, key) != ledger.Processed {
				w.Tables.Put(tables[1], found)
			}
			w.Tables.Delete(tables[0], key)
		}
	}
	w.Fence(from, tenantID, epoch, ledger.Left)
	w.Fence(to, tenantID, epoch, ledger.Owner)
	w.Map(tenantID, to, epoch)
}
