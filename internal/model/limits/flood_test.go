package limits_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/config"
	"cellular/internal/model/event"
	"cellular/internal/runtime/consumer"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// A flood is many events of one cell that can never be applied, all at once. It is tried here in virtual time: the consumer
// as it is, tables and queues in memory whose calls take as long as AWS's do, and Lambda's pollers by its documentation.

// What calls take. AWS promises no latency: "single-digit milliseconds" is what DynamoDB says of itself, and SQS's calls
// within a Region are alike.
const (
	minCall = 5 * time.Millisecond
	maxCall = 10 * time.Millisecond
)

// How Lambda reads a queue, from "Configuring scaling behavior for SQS event source mappings" of its developer guide: five
// batches at first, and more as long as there are messages, up to the maximum concurrency. It says 300 more a minute now, and
// said 60 before; the slower is used.
const (
	firstPollers   = 5
	pollersAMinute = 60
)

// Where a flood's events come from and what they meet.
const (
	floodEvents = 3000
	floodTime   = 3 * time.Second // router.throttle: 1,000 requests a second
	floodAt     = 5 * time.Second
	goodTime    = time.Minute
	goodEvery   = time.Second / exampleMessages
)

// kind is how the events of a flood are bad.
type kind string

const (
	malformed kind = "malformed" // no event that the consumer can read
	rejected  kind = "rejected"  // the business logic says that no retry helps
	failing   kind = "failing"   // the business logic fails each time, and the message is retried with its delays
)

const (
	workURL, deadURL  = "https://work", "https://dead"
	dataTable, ledger = "data", "results"
	badType, goodType = "bad", "good"
)

// simulated is a cell in virtual time.
type simulated struct {
	name    string
	kind    kind
	db      *dynamotest.DB
	sqs     *sqstest.SQS
	handle  func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)
	account chan struct{} // Lambda's concurrency, which all cells share

	began time.Time

	mu          sync.Mutex
	sent        map[string]time.Time
	waits       map[string]time.Duration // of good events, from the queue to their effect
	lastBad     time.Time                // the end of the invocation that had a bad event for the last time
	receives    int                      // of bad events
	invocations int
	busy        time.Duration // of all pollers
}

// order is how a queue chooses from n messages, the oldest first.
type order func(n int) int

func newSimulated(name string, k kind, pick order, account chan struct{}) *simulated {
	c := config.Default()
	s := &simulated{
		name: name, kind: k, account: account, sent: map[string]time.Time{}, waits: map[string]time.Duration{},
		db: dynamotest.New(map[string]string{dataTable: event.AttrKey, ledger: event.AttrKey}),
		sqs: sqstest.New(map[string]sqstest.Queue{deadURL: {}, workURL: {
			VisibilityTimeout: config.VisibilityTimeout(c.Functions, c.Pipeline.Queue),
			DeadLetterURL:     deadURL, MaxReceiveCount: c.Pipeline.Queue.MaxReceiveCount,
		}}),
	}
	s.db.Intercept = func(_ context.Context, call dynamotest.Call) error {
		time.Sleep(s.latency(call.Operation, call.Key))
		return nil
	}
	s.sqs.Intercept = func(_ context.Context, call sqstest.Call) error {
		if call.Operation != "SendMessage" || call.QueueURL != workURL {
			time.Sleep(s.latency(call.Operation, call.QueueURL))
		}
		return nil
	}
	s.sqs.Pick = func(_ string, n int) int { return pick(n) }
	s.handle = consumer.New(consumer.Options{
		Apply: s.apply, Tables: s.db, Queue: s.sqs, DataTable: dataTable, ResultsTable: ledger, QueueURL: workURL, DeadLetterURL: deadURL,
		MaxReceiveCount: c.Pipeline.Queue.MaxReceiveCount, RecordTimeout: c.Pipeline.Consumer.RecordTimeout,
		BackoffBase: c.Pipeline.Consumer.RetryBackoffBase, BackoffMax: c.Pipeline.Consumer.RetryBackoffMax,
		ResultTTL: c.Pipeline.Consumer.ResultTTL, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		AfterApply: func(e event.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.waits[e.ID] = time.Since(s.sent[e.ID])
		},
	}).Handle
	return s
}

// latency is what a call takes. It depends on what is called and when, so that a cell has the same latencies whatever
// happens in another.
func (s *simulated) latency(operation, key string) time.Duration {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %s %s %d", s.name, operation, key, time.Now().UnixNano())
	return minCall + time.Duration(h.Sum64()>>1)%(maxCall-minCall)
}

// apply costs what the shipped counters cost: a read, and a write in the event's transaction.
func (s *simulated) apply(ctx context.Context, e event.Event) (app.Effect, error) {
	if e.Type == badType {
		if s.kind == rejected {
			return app.Effect{}, app.Permanent(errors.New("no lines"))
		}
		return app.Effect{}, errors.New("a bug")
	}
	key := map[string]types.AttributeValue{event.AttrKey: &types.AttributeValueMemberS{Value: "#counters#" + e.TenantID}}
	if _, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(ledger), Key: key, ConsistentRead: aws.Bool(true)}); err != nil {
		return app.Effect{}, err
	}
	return app.Effect{Writes: []types.TransactWriteItem{{Update: &types.Update{
		TableName: aws.String(ledger), Key: key, UpdateExpression: aws.String("ADD #events :one SET #tenant = :tenant"),
		ExpressionAttributeNames: map[string]string{"#events": "events", "#tenant": event.AttrTenantID},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":one": &types.AttributeValueMemberN{Value: "1"}, ":tenant": &types.AttributeValueMemberS{Value: e.TenantID},
		},
	}}}}, nil
}

// send puts an event into the cell's queue.
func (s *simulated) send(id, eventType string) {
	e := event.Event{TenantID: "acme", ID: id, Type: eventType, Epoch: 1, AcceptedAt: time.Now().UTC(), Payload: json.RawMessage(`{}`)}
	body, err := event.Message{Event: e}.Encode()
	if err != nil {
		panic(err)
	}
	text := string(body)
	if eventType == badType && s.kind == malformed {
		text = "not a message"
	}
	attribute := func(v string) sqstypes.MessageAttributeValue {
		return sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
	}
	s.mu.Lock()
	s.sent[id] = time.Now()
	s.mu.Unlock()
	if _, err := s.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{
		QueueUrl: aws.String(workURL), MessageBody: &text, MessageAttributes: map[string]sqstypes.MessageAttributeValue{
			event.MessageAttrTenantID: attribute(e.TenantID), event.MessageAttrID: attribute(id),
		},
	}); err != nil {
		panic(err)
	}
}

// poll reads the queue until ctx ends, as one of Lambda's pollers.
func (s *simulated) poll(ctx context.Context) {
	c := config.Default()
	for ctx.Err() == nil {
		start := time.Now()
		got, err := s.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(workURL), MaxNumberOfMessages: int32(c.Pipeline.Queue.BatchSize), MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		})
		if err != nil {
			panic(err)
		}
		if len(got.Messages) == 0 {
			time.Sleep(20 * time.Millisecond) // a long poll answers when there is a message
			continue
		}
		s.invoke(got.Messages, c.Functions.Timeout)
		s.mu.Lock()
		s.busy += time.Since(start)
		s.invocations++
		s.mu.Unlock()
	}
}

// invoke has the function work on a batch, and deletes what it does not report.
func (s *simulated) invoke(batch []sqstypes.Message, timeout time.Duration) {
	s.account <- struct{}{}
	defer func() { <-s.account }()
	var in events.SQSEvent
	receipts := map[string]*string{}
	bad := 0
	for _, m := range batch {
		d := events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes,
			MessageAttributes: map[string]events.SQSMessageAttribute{},
		}
		for name, a := range m.MessageAttributes {
			d.MessageAttributes[name] = events.SQSMessageAttribute{DataType: *a.DataType, StringValue: a.StringValue}
		}
		in.Records = append(in.Records, d)
		receipts[d.MessageId] = m.ReceiptHandle
		if id := *m.MessageAttributes[event.MessageAttrID].StringValue; strings.HasPrefix(id, badType) {
			bad++
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answer, err := s.handle(ctx, in)
	if err != nil {
		panic(err)
	}
	for _, f := range answer.BatchItemFailures {
		delete(receipts, f.ItemIdentifier)
	}
	var done []sqstypes.DeleteMessageBatchRequestEntry
	for i, id := range slices.Sorted(maps.Keys(receipts)) {
		done = append(done, sqstypes.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: receipts[id]})
	}
	if len(done) > 0 {
		if _, err := s.sqs.DeleteMessageBatch(context.Background(), &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(workURL), Entries: done}); err != nil {
			panic(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.receives += bad; bad > 0 {
		s.lastBad = time.Now()
	}
}

// run works on the cell's queue while good events arrive, with a flood of n in between, and until all is done.
func (s *simulated) run(n int, length time.Duration) {
	s.began = time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	var all, pollers sync.WaitGroup
	c := config.Default()
	for i := range c.Pipeline.Queue.MaxConcurrency {
		pollers.Go(func() {
			time.Sleep(time.Duration(i) * 1300 * time.Microsecond) // no two at once
			if i >= firstPollers {
				time.Sleep(floodAt + time.Duration(i-firstPollers+1)*time.Minute/pollersAMinute)
			}
			s.poll(ctx)
		})
	}
	all.Go(func() {
		for i := range int(length / goodEvery) {
			s.send(fmt.Sprintf("good-%05d", i), goodType)
			time.Sleep(goodEvery)
		}
	})
	all.Go(func() {
		time.Sleep(floodAt + 700*time.Microsecond)
		for i := range n {
			s.send(fmt.Sprintf("bad-%05d", i), badType)
			time.Sleep(floodTime / time.Duration(n))
		}
	})
	all.Wait()
	for len(s.sqs.Messages(workURL)) > 0 {
		time.Sleep(time.Second)
	}
	cancel()
	pollers.Wait()
}

// oldestFirst and anyOrder are the two ends of what a queue may do that promises no order.
func oldestFirst(int) int { return 0 }

func anyOrder(seed uint64) order {
	random := rand.New(rand.NewPCG(seed, seed))
	return random.IntN
}

// flooded has two cells work side by side, the one with a flood of n events, and returns both when they are done.
func flooded(t *testing.T, k kind, pick order, n int) (cell, neighbour *simulated) {
	synctest.Test(t, func(t *testing.T) {
		account := make(chan struct{}, 2*config.Default().Pipeline.Queue.MaxConcurrency)
		cell, neighbour = newSimulated("flooded", k, pick, account), newSimulated("neighbour", k, oldestFirst, account)
		var both sync.WaitGroup
		both.Go(func() { cell.run(n, goodTime) })
		both.Go(func() { neighbour.run(0, goodTime) })
		both.Wait()
	})
	return cell, neighbour
}

// waited describes how long good events took from the queue to their effect.
func (s *simulated) waited() string {
	w := slices.Sorted(maps.Values(s.waits))
	return fmt.Sprintf("%d good events waited p50 %v, p99 %v, max %v", len(w), w[len(w)/2].Round(time.Millisecond),
		w[len(w)*99/100].Round(time.Millisecond), w[len(w)-1].Round(time.Millisecond))
}

// A flood of events that can never be applied delays the good events of its own cell by no more than the bound of
// docs/limits.md, in whatever order the queue hands them out, and those of another cell not at all.
func TestI7AFloodDelaysItsOwnCellWithinTheBoundAndNoOther(t *testing.T) {
	quiet, quietNeighbour := flooded(t, rejected, oldestFirst, 0)
	t.Logf("no flood: %s", quiet.waited())
	for _, c := range []struct {
		name   string
		kind   kind
		pick   order
		events int
	}{
		{"rejected, the oldest first", rejected, oldestFirst, floodEvents},
		{"rejected, in any order", rejected, anyOrder(1), floodEvents},
		{"malformed, in any order", malformed, anyOrder(2), floodEvents},
		{"failing, the oldest first", failing, oldestFirst, floodEvents / 5},
		{"failing, in any order", failing, anyOrder(3), floodEvents / 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			cell, neighbour := flooded(t, c.kind, c.pick, c.events)
			bound, lasted := floodBound(c.kind, c.events+len(cell.waits)), cell.lastBad.Sub(cell.began)-floodAt
			t.Logf("%d bad events: drained after %v, in %d receives and %d invocations of the cell; %s, bound %v; of the neighbour %s",
				c.events, lasted.Round(time.Millisecond), cell.receives, cell.invocations, cell.waited(), bound, neighbour.waited())

			require.Len(t, cell.waits, int(goodTime/goodEvery), "every good event is applied")
			require.Len(t, cell.sqs.Messages(deadURL), c.events, "the dead letter queue has the flood, each event once")
			require.Empty(t, neighbour.sqs.Messages(deadURL))
			require.Equal(t, quietNeighbour.waits, neighbour.waits, "nothing of the flood reaches another cell")
			require.LessOrEqual(t, slices.Max(slices.Collect(maps.Values(cell.waits))), bound)
			if c.kind.permanent() {
				require.Equal(t, c.events, cell.receives, "what no retry mends is received once")
				require.LessOrEqual(t, lasted, floodTime+bound)
			}
			require.LessOrEqual(t, cell.busy, time.Duration(c.events+len(cell.waits))*floodCost(c.kind),
				"the calls that the bound counts are all that there are")
		})
	}
}

// permanent reports whether no retry mends a kind of failure.
func (k kind) permanent() bool { return k != failing }

// floodCost is the longest that one of Lambda's pollers is busy with an event, by the calls that it makes one after the
// other; the business logic's own time comes on top.
func floodCost(k kind) time.Duration {
	q := config.Default().Pipeline.Queue
	each, batch := 2, 3 // the fence, the outcome; the receive, the letters, the deletion
	if !k.permanent() {
		// On the first receive: the fence. On the last: the outcome twice. On each but the first: the delay of the record
		// before, the note, the fence.
		each = 1 + 2 + 3*(q.MaxReceiveCount-1)
		// On the first receive: the receive, the delays. On each further one: the notes and two calls for what is hidden besides.
		batch = 2 + 5*(q.MaxReceiveCount-1)
	}
	return time.Duration(each)*maxCall + time.Duration(batch)*maxCall/time.Duration(q.BatchSize)
}

// floodRate is how many bad events a second leave the queue when all pollers are at work.
func floodRate(k kind) int {
	return int(time.Duration(config.Default().Pipeline.Queue.MaxConcurrency) * time.Second / floodCost(k))
}

// floodBound is the longest that a good event waits in a queue that has so many events: while it waits, no poller is idle. To
// the work of all come the pollers that Lambda has not started yet, and the batch that the event is in.
func floodBound(k kind, events int) time.Duration {
	q := config.Default().Pipeline.Queue
	pollers := time.Duration(q.MaxConcurrency)
	missing := time.Duration(max(0, q.MaxConcurrency-firstPollers))
	starting := missing * (missing + 1) / 2 * (time.Minute / pollersAMinute)
	batch := time.Duration(q.BatchSize) * floodCost(k)
	return ((starting+time.Duration(events)*floodCost(k))/pollers + batch).Round(100 * time.Millisecond)
}

func floodTable() string {
	var b strings.Builder
	b.WriteString("| Every event of the flood | Receives of each | A poller's time for each | Leave the queue | Longest wait behind 3,000 |\n|---|---|---|---|---|\n")
	receives := config.Default().Pipeline.Queue.MaxReceiveCount
	for _, row := range []struct {
		what     string
		kind     kind
		receives int
	}{
		{"is no event, or is rejected by the business logic (`malformed`, `rejected`)", rejected, 1},
		{"fails on every try (`error`, `panic`)", failing, receives},
	} {
		fmt.Fprintf(&b, "| %s | %d | %d ms | %d a second | %s |\n", row.what, row.receives, floodCost(row.kind).Milliseconds(), floodRate(row.kind),
			duration(floodBound(row.kind, floodEvents).Round(time.Second)))
	}
	return b.String()
}
