package runtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/app"
	"cellular/internal/model/env"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/runtime/consumer"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/guard"
	"cellular/internal/runtime/mappingcache"
	"cellular/internal/runtime/producer"
	"cellular/internal/runtime/telemetry"
	"cellular/internal/testkit/dynamotest"
)

// The times of these worlds. An event is published, applied or failed, and redriven within its ways; duplicates of its
// messages come until late, when its id may have been used again.
const (
	dataTTL     = 48 * time.Hour
	resultTTL   = 72 * time.Hour
	publishedBy = 6 * time.Hour
	appliedBy   = 36 * time.Hour
	late        = 60 * time.Hour

	maxSkew     = 10 * time.Second
	maxRequest  = 28 * time.Second // what a router's function may run for
	maxReceives = 5
	key         = "acme#order-1"
	deadLetters = "dlq"
)

var names = naming.Stack("dev").Cell("alpha")

// place is a directory that has every tenant in one cell.
type place struct{}

func (place) Lookup(_ context.Context, tenantID string) (mapping.Mapping, mappingcache.Outcome, error) {
	return mapping.Mapping{TenantID: tenantID, CellID: "alpha", Epoch: 1, State: mapping.Active}, mappingcache.Hit, nil
}

// acceptance is an event that the stream has shown as an insert.
type acceptance struct {
	event.Event
	record    events.DynamoDBEventRecord
	published bool
	applied   bool
	failed    bool
}

// message is one that the topic has taken.
type message struct {
	of   *acceptance
	body string
}

// world is the routers, the producer and the consumer of a cell around its tables, for the one event id that there is.
type world struct {
	*rapid.T
	db       *dynamotest.DB
	now      time.Time
	routers  []*edge.Handler
	skews    []time.Duration // of the routers' clocks
	sweeps   time.Duration   // of the clock of DynamoDB's TTL
	producer *producer.Producer
	consumer *consumer.Consumer

	acceptances []*acceptance
	messages    []message
	rejects     bool // the business logic rejects what it gets
	letters     int
}

func newWorld(t *rapid.T) *world {
	w := &world{T: t, db: dynamotest.NewTables(dynamotest.Cell(names)), now: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}
	skew := func(label string) time.Duration {
		return time.Duration(rapid.IntRange(-int(maxSkew/time.Millisecond), int(maxSkew/time.Millisecond)).Draw(t, label)) * time.Millisecond
	}
	plenty := guard.Limit{Rate: 1 << 20, Burst: 1 << 20}
	for range 3 {
		skew := skew("router")
		clock := func() time.Time { return w.now.Add(skew) }
		tables := edge.Tables{
			Client: w.db, DataPrefix: naming.Stack("dev").DataTablePrefix(), ResultsPrefix: naming.Stack("dev").ResultsTablePrefix(), Now: clock,
		}
		router, err := edge.New(place{}, tables, edge.Config{
			Auth: edge.Auth{Type: env.AuthNone}, DataTTL: dataTTL, MaxPayloadBytes: 1024, TenantLimit: plenty, Tenants: 1,
			Cell: guard.CellConfig{InFlight: 1 << 20, Limit: plenty, Timeout: guard.Timeout{Min: time.Minute, Max: time.Minute}, Breaker: guard.BreakerConfig{Failures: 1 << 20, OpenFor: time.Second, Probes: 1}},
			Now:  clock,
		}, telemetry.NewRecords(io.Discard, "test", slog.LevelInfo))
		require.NoError(t, err)
		w.routers, w.skews = append(w.routers, router), append(w.skews, skew)
	}
	w.sweeps = skew("ttl")
	w.producer = producer.New(producer.Options{Topic: w, DLQ: w, DLQURL: deadLetters, InlinePayloadBytes: 10, Logger: slog.New(slog.DiscardHandler)})
	consumes := skew("consumer")
	w.consumer = consumer.New(consumer.Options{
		Apply: w.apply, Tables: w.db, Queue: w, DataTable: names.DataTable(), ResultsTable: names.ResultsTable(), MaxReceiveCount: maxReceives,
		QueueURL: "queue", DeadLetterURL: deadLetters,
		RecordTimeout: time.Minute, BackoffBase: time.Second, BackoffMax: time.Second, ResultTTL: resultTTL,
		Now: func() time.Time { return w.now.Add(consumes) }, Logger: slog.New(slog.DiscardHandler),
	})
	w.db.OnInsert(names.DataTable(), w.inserted)
	return w
}

// inserted is the table's stream, which shows what is put where there was nothing.
func (w *world) inserted(stored dynamotest.Item) {
	e, err := event.FromItem(stored)
	require.NoError(w, err)
	image := map[string]events.DynamoDBAttributeValue{}
	for name, value := range stored {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			image[name] = events.NewStringAttribute(v.Value)
		case *types.AttributeValueMemberN:
			image[name] = events.NewNumberAttribute(v.Value)
		}
	}
	w.acceptances = append(w.acceptances, &acceptance{Event: e, record: events.DynamoDBEventRecord{
		EventName: string(events.DynamoDBOperationTypeInsert),
		Change: events.DynamoDBStreamRecord{
			NewImage: image, Keys: map[string]events.DynamoDBAttributeValue{event.AttrKey: image[event.AttrKey]},
			SequenceNumber: strconv.Itoa(len(w.acceptances)),
		},
	}})
}

// submit posts a content by a router and returns the answer.
func (w *world) submit(router int, payload string) edge.Response {
	return w.request(router, map[string]any{
		"rawPath": "/v1/events", "requestContext": map[string]any{"http": map[string]any{"method": "POST"}},
		"body": `{"tenant_id":"acme","id":"order-1","type":"t","payload":` + payload + `}`,
	})
}

// status asks a router for the event's status: "404", or what the answer says.
func (w *world) status(router int) string {
	answer := w.request(router, map[string]any{
		"rawPath": "/v1/events/order-1", "queryStringParameters": map[string]string{"tenant_id": "acme"},
		"requestContext": map[string]any{"http": map[string]any{"method": "GET"}},
	})
	if answer.StatusCode == http.StatusNotFound {
		return "404"
	}
	require.Equal(w, http.StatusOK, answer.StatusCode, answer.Body)
	var body struct{ Status string }
	require.NoError(w, json.Unmarshal([]byte(answer.Body), &body))
	return body.Status
}

func (w *world) request(router int, request map[string]any) (answer edge.Response) {
	text, err := json.Marshal(request)
	require.NoError(w, err)
	response, err := w.routers[router].Invoke(context.Background(), text)
	require.NoError(w, err)
	require.NoError(w, json.Unmarshal(response, &answer))
	return answer
}

// stored is the event that the table has; nil for none.
func (w *world) stored() *event.Event {
	found := w.db.Item(names.DataTable(), key)
	if found == nil {
		return nil
	}
	e, err := event.FromItem(found)
	require.NoError(w, err)
	return &e
}

// sweep is DynamoDB's TTL, which deletes what has expired by its own clock at some time.
func (w *world) sweep() {
	for _, table := range []string{names.DataTable(), names.ResultsTable()} {
		if found := w.db.Item(table, key); found != nil && ledger.Expired(found, w.now.Add(w.sweeps)) {
			w.db.Delete(table, key)
		}
	}
}

// publish has the producer handle the record of an acceptance. The stream may show it more than once.
func (w *world) publish(a *acceptance) {
	answer, err := w.producer.Handle(context.Background(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{a.record}})
	require.NoError(w, err)
	require.Empty(w, answer.BatchItemFailures)
	a.published = true
}

// PublishBatch implements producer.Topic.
func (w *world) PublishBatch(_ context.Context, in *sns.PublishBatchInput, _ ...func(*sns.Options)) (*sns.PublishBatchOutput, error) {
	out := &sns.PublishBatchOutput{}
	for _, entry := range in.PublishBatchRequestEntries {
		m, err := event.DecodeMessage([]byte(*entry.Message))
		require.NoError(w, err)
		for _, a := range w.acceptances {
			if a.AcceptedAt.Equal(m.AcceptedAt) {
				require.Equal(w, a.ExpiresAt, m.ExpiresAt)
				w.messages = append(w.messages, message{of: a, body: *entry.Message})
			}
		}
		out.Successful = append(out.Successful, snstypes.PublishBatchResultEntry{Id: entry.Id})
	}
	return out, nil
}

// deliver has the consumer handle a message.
func (w *world) deliver(m message, receives int, rejects bool) {
	w.rejects = rejects
	before := w.letters
	_, err := w.consumer.Handle(context.Background(), events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: "m", ReceiptHandle: "r", Body: m.body, Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(receives)},
	}}})
	require.NoError(w, err)
	if w.letters > before {
		m.of.failed = true
	}
	m.of.applied = w.effects(m.of) > 0
}

// apply counts how often an event takes effect, by its payload and by when it was accepted.
func (w *world) apply(_ context.Context, e event.Event) (app.Effect, error) {
	if w.rejects {
		return app.Effect{}, app.Permanent(errors.New("rejected"))
	}
	return app.Effect{Writes: []types.TransactWriteItem{{Update: &types.Update{
		TableName: aws.String(names.ResultsTable()), Key: dynamotest.Item{event.AttrKey: item.Text(effectKey(e))},
		UpdateExpression: aws.String("SET #tenant = :tenant ADD #n :one"), ExpressionAttributeNames: map[string]string{"#tenant": event.AttrTenantID, "#n": "n"},
		ExpressionAttributeValues: dynamotest.Item{":tenant": item.Text("acme"), ":one": item.Number(1)},
	}}}}, nil
}

const effectPrefix = "#effect#"

func effectKey(e event.Event) string {
	return effectPrefix + event.FormatTime(e.AcceptedAt) + "#" + string(e.Payload)
}

func (w *world) effects(a *acceptance) int64 {
	n, ok := w.db.Item(names.ResultsTable(), effectKey(a.Event))["n"].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	count, err := strconv.ParseInt(n.Value, 10, 64)
	require.NoError(w, err)
	return count
}

// allEffects is how many effects there are, of whatever event.
func (w *world) allEffects() (n int) {
	for _, stored := range w.db.Items(names.ResultsTable()) {
		if k, ok := stored[event.AttrKey].(*types.AttributeValueMemberS); ok && strings.HasPrefix(k.Value, effectPrefix) {
			n++
		}
	}
	return n
}

// SendMessage implements producer.Queue and consumer.Queue. Messages come more than once in any case: that the consumer puts a copy of
// one into its queue makes no difference.
func (w *world) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if *in.QueueUrl == deadLetters {
		w.letters++
	}
	return &sqs.SendMessageOutput{}, nil
}

// ChangeMessageVisibilityBatch implements consumer.Queue.
func (w *world) ChangeMessageVisibilityBatch(
	context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return &sqs.ChangeMessageVisibilityBatchOutput{}, nil
}

// DeleteMessageBatch implements consumer.Queue.
func (w *world) DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	return &sqs.DeleteMessageBatchOutput{}, nil
}
