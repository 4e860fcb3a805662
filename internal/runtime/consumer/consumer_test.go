package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
)

const (
	dataTable    = "data"
	resultsTable = "results"
	maxReceives  = 5
)

// cell is a consumer with its surroundings. The business function counts the events it applies, in the transaction,
// at the item counted; a test replaces it.
type cell struct {
	*consumer.Consumer
	tables *tables
	queue  *queue
	log    *log
	sent   []string       // the messages of the last batch that the consumer sent to the dead letter queue
	met    map[string]int // the latest receives of the messages that the consumer has been given, by their ids
}

func newCell() *cell {
	c := &cell{tables: newTables(), queue: &queue{}, log: &log{}, met: map[string]int{}}
	c.Consumer = consumer.New(consumer.Options{
		Apply: count, Tables: c.tables, Queue: c.queue,
		DataTable: dataTable, ResultsTable: resultsTable, QueueURL: "https://queue", DeadLetterURL: deadURL,
		MaxReceiveCount: maxReceives, ConcurrentTenants: 1, RecordTimeout: 5 * time.Second,
		BackoffBase: 2 * time.Second, BackoffMax: 20 * time.Second, ResultTTL: 90 * 24 * time.Hour,
		Logger: slog.New(slog.NewTextHandler(c.log, nil)),
	})
	c.Records = recordsOf(c.log, slog.LevelInfo)
	return c
}

const counted = resultsTable + "/#counted"

func count(_ context.Context, e event.Event) (app.Effect, error) {
	return app.Effect{Result: json.RawMessage(`{"ok":true}`), Writes: []types.TransactWriteItem{{Update: &types.Update{
		TableName:                 aws.String(resultsTable),
		Key:                       attributes{"id": item.Text("#counted")},
		UpdateExpression:          aws.String("ADD #id :one"),
		ExpressionAttributeNames:  map[string]string{"#id": e.ID},
		ExpressionAttributeValues: attributes{":one": item.Number(1)},
	}}}}, nil
}

// effects is how often the event with an id was applied.
func (c *cell) effects(id string) int { return num(c.tables.items[counted][id]) }

// entry is the event's ledger entry.
func (c *cell) entry(id string) attributes {
	return c.tables.items[resultsTable+"/"+event.Key("acme", id)]
}

func (c *cell) status(id string) ledger.Status {
	return ledger.Status(str(c.entry(id)[ledger.AttrStatus]))
}

// handle returns the ids of the messages that failed: that the consumer reports, or sends to the dead letter queue. On
// receives that are left out a message has failed.
func (c *cell) handle(ctx context.Context, t require.TestingT, batch ...events.SQSMessage) []string {
	for _, m := range batch {
		n, _ := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if n > c.met[m.MessageId]+1 && n > 2 {
			c.tables.items[resultsTable+"/"+ledger.TrialPrefix+m.MessageId] = trialNote(n-2, 0)
		}
		c.met[m.MessageId] = n
	}
	letters := len(c.queue.letters())
	answer, err := c.Handle(ctx, events.SQSEvent{Records: batch})
	require.NoError(t, err)
	require.NotNil(t, answer.BatchItemFailures, "the list goes out as [] rather than null")
	failed := []string{}
	for _, f := range answer.BatchItemFailures {
		failed = append(failed, f.ItemIdentifier)
	}
	c.sent = nil
	for _, letter := range c.queue.letters()[letters:] {
		at := slices.IndexFunc(batch, func(m events.SQSMessage) bool {
			return m.Body == *letter.MessageBody && !slices.Contains(failed, m.MessageId)
		})
		require.GreaterOrEqual(t, at, 0, "what is in the dead letter queue was not there, and is not reported")
		failed, c.sent = append(failed, batch[at].MessageId), append(c.sent, batch[at].MessageId)
	}
	return failed
}

// stored is what the tables hold, apart from notes of messages on trial and from attempts.
func (c *cell) stored() map[string]attributes {
	stored := maps.Clone(c.tables.items)
	maps.DeleteFunc(stored, func(at string, key attributes) bool {
		return strings.HasPrefix(at, resultsTable+"/"+ledger.TrialPrefix) || isAttempts(key)
	})
	return stored
}

// trialNote is what the table has of a message that was started on trial, and replaced by copies, so many times.
func trialNote(trials, resends int) attributes {
	return attributes{"trials": item.Number(trials), "resends": item.Number(resends)}
}

func TestAppliesABatchFromTheQueue(t *testing.T) {
	raw, err := os.ReadFile("testdata/queue.json")
	require.NoError(t, err)
	var batch events.SQSEvent
	require.NoError(t, json.Unmarshal(raw, &batch))
	c := newCell()
	reported := c.handle(t.Context(), t, batch.Records...)
	require.Equal(t, []string{"2e1424d4-f796-459a-8184-9c92662be6da"}, reported, "a failure is named by its message id")

	entry := c.entry("0195600a-4f0b-7cc3-98c4-dc0c0c07398f")
	applied, err := time.Parse(event.TimeLayout, str(entry[ledger.AttrAppliedAt]))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), applied, time.Minute)
	require.InDelta(t, applied.Add(90*24*time.Hour).Unix(), num(entry[ledger.AttrExpiresAt]), 1)
	delete(entry, ledger.AttrAppliedAt)
	delete(entry, ledger.AttrExpiresAt)
	require.Equal(t, attributes{
		"id": item.Text("acme#0195600a-4f0b-7cc3-98c4-dc0c0c07398f"), "tenant_shard": item.Text(event.TenantShard("acme", "0195600a-4f0b-7cc3-98c4-dc0c0c07398f")),
		"event_id": item.Text("0195600a-4f0b-7cc3-98c4-dc0c0c07398f"), "type": item.Text("order.placed"),
		"epoch": item.Number(3), "status": item.Text("processed"), "result": item.Text(`{"ok":true}`),
		"accepted_at": item.Text("2026-03-04T05:06:07.089Z"),
	}, entry)

	ejected := c.tables.items[resultsTable+"/globex#e-9"]
	require.Equal(t, "failed", str(ejected["status"]), "the attributes tell which event a broken body was")
	require.Equal(t, "malformed", str(ejected["reason"]))
}

func TestReadsAPayloadThatDidNotTravel(t *testing.T) {
	e := event.Event{
		TenantID: "acme", ID: "e-1", Type: "t", Epoch: 1, Payload: json.RawMessage(`"large"`),
		AcceptedAt: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
	}
	reference := event.Message{Event: e, PayloadRef: true}
	reference.Payload = nil
	c := newCell()
	var got event.Event
	c.Apply = func(_ context.Context, e event.Event) (app.Effect, error) {
		got = e
		return app.Effect{}, nil
	}

	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliverMessage(reference, 1)))
	require.Contains(t, c.log.String(), `outcome=retry`)
	require.Contains(t, c.log.String(), `reason=error error="read the payload: the event is not in the data table"`)

	c.tables.items[dataTable+"/acme#e-1"] = e.Item()
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(reference, 2)))
	require.Equal(t, e, got)

	broken := e.Item()
	delete(broken, event.AttrType)
	c.tables.items[dataTable+"/acme#e-2"] = broken
	reference.ID = "e-2"
	require.Equal(t, []string{"e-2"}, c.handle(t.Context(), t, deliverMessage(reference, 1)))
	require.Contains(t, c.log.String(), `reason=malformed`)
}

func TestAnEffectWithoutAResultHasNone(t *testing.T) {
	c := newCell()
	c.Apply = func(context.Context, event.Event) (app.Effect, error) { return app.Effect{}, nil }
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.NotContains(t, c.entry("e-1"), ledger.AttrResult)
}

func TestOneLinePerRecordAndNeverThePayload(t *testing.T) {
	c := newCell()
	apply := c.Apply
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		switch e.Type {
		case "bad":
			return app.Effect{}, app.Permanent(errors.New("no lines"))
		case "bug":
			panic("a bug")
		}
		return apply(ctx, e)
	}
	c.handle(t.Context(), t,
		deliver("e-1", "good", 1), deliver("e-1", "good", 1), deliver("e-2", "bad", 2), deliver("e-3", "bug", 5),
		deliverBody("e-4", `{"secret":`, 1))
	require.Equal(t, 5, strings.Count(c.log.String(), "\n"))
	all := c.log.String()
	require.Regexp(t, `level=INFO .*tenant=acme event=e-1 outcome=applied receive_count=1 took_ms=[\d.]+ apply_ms=[\d.]+ applied=1 accepted_to_applied_ms=\d+`, all)
	require.Regexp(t, `level=INFO .*tenant=acme event=e-1 outcome=duplicate receive_count=1`, all)
	require.Regexp(t, `level=ERROR .*tenant=acme event=e-2 outcome=ejected receive_count=2 .*reason=rejected error="no lines"`, all)
	require.Regexp(t, `level=ERROR .*tenant=acme event=e-3 outcome=ejected receive_count=5 .*reason=panic error="panic: a bug" stack=`, all)
	require.Regexp(t, `level=ERROR .*tenant=acme event=e-4 outcome=ejected receive_count=1 .*reason=malformed`, all)
	require.NotContains(t, all, "secret")
}
