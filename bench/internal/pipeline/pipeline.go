// Package pipeline is the pipeline of one cell in virtual time: the real producer and the real consumer, on models of
// DynamoDB, of a stream with its shards, of a topic and of a fair queue. Only what the services take is made up, and stands in
// Delays; what the code itself takes is nothing. It is to be used in a bubble of testing/synctest, whose clock it runs by.
package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/naming"
	"cellular/internal/model/transact"
	"cellular/internal/runtime/consumer"
	"cellular/internal/runtime/producer"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// Delays are how long the calls of services other than DynamoDB take.
type Delays struct {
	Stream  time.Duration // from a write to the producer's invocation
	Publish time.Duration // one PublishBatch
	Queue   time.Duration // one receive, and one deletion
}

// Options is how a cell is set up.
type Options struct {
	Tables  dynamotest.Concurrency
	Delays  Delays
	Shards  int // of the stream; a new table has four
	Records int // of a batch of the stream
	// Processes is the consumer mapping's maximum concurrency, and Messages its batch size.
	Processes, Messages int
	// Groups says whether messages keep their groups.
	Groups bool
	// Consumer and Producer, if not nil, change what those are made with.
	Consumer func(*consumer.Options)
	Producer func(*producer.Options)
}

const (
	queueURL = "https://queue/work"
	deadURL  = "https://queue/dead"
	timeout  = 30 * time.Second // of a function
)

// Cell is a cell at work.
type Cell struct {
	Options
	DB    *dynamotest.DB
	Names naming.Cell
	Queue *sqstest.SQS

	producer *producer.Producer
	shards   []chan events.DynamoDBEventRecord
	stop     chan struct{}
	working  sync.WaitGroup

	mu        sync.Mutex
	published int                  // calls of PublishBatch
	applied   map[string]time.Time // when, by the events' keys
}

// Start starts a cell whose consumer has the given business logic.
func Start(o Options, apply func(c *Cell, ctx context.Context, e app.Event) (app.Effect, error)) *Cell {
	names := naming.Stack("bench").Cell("alpha")
	c := &Cell{
		Options: o, Names: names, DB: dynamotest.NewTables(dynamotest.Cell(names)), stop: make(chan struct{}), applied: map[string]time.Time{},
		Queue: sqstest.New(map[string]sqstest.Queue{
			queueURL: {VisibilityTimeout: 6 * timeout, DeadLetterURL: deadURL, MaxReceiveCount: 5}, deadURL: {},
		}),
	}
	c.DB.Concurrent(o.Tables)
	p := producer.Options{
		Topic: topic{c}, TopicARN: "topic", DLQ: c.Queue, DLQURL: deadURL, InlinePayloadBytes: 64 << 10, ConcurrentPublishes: 4,
		Logger: slog.New(slog.DiscardHandler),
	}
	if o.Producer != nil {
		o.Producer(&p)
	}
	c.producer = producer.New(p)
	for range o.Shards {
		shard := make(chan events.DynamoDBEventRecord, 1<<20)
		c.shards = append(c.shards, shard)
		c.working.Go(func() { c.produce(shard) })
	}
	c.DB.OnInsert(names.DataTable(), func(item dynamotest.Item) {
		key := item[event.AttrKey].(*types.AttributeValueMemberS).Value
		c.shards[event.Shard(key, o.Shards)] <- recordOf(item)
	})
	for range o.Processes {
		options := consumer.Options{
			Apply:  func(ctx context.Context, e app.Event) (app.Effect, error) { return apply(c, ctx, e) },
			Tables: c.DB, Queue: queue{c.Queue, o.Delays.Queue}, DataTable: names.DataTable(), ResultsTable: names.ResultsTable(),
			QueueURL: queueURL, DeadLetterURL: deadURL, MaxReceiveCount: 5, ConcurrentTenants: 4, RecordTimeout: 10 * time.Second,
			BackoffBase: time.Second, BackoffMax: 10 * time.Second, ResultTTL: 90 * 24 * time.Hour, Logger: slog.New(slog.DiscardHandler),
			AfterApply: c.note,
		}
		if o.Consumer != nil {
			o.Consumer(&options)
		}
		process := consumer.New(options)
		c.working.Go(func() { c.consume(process) })
	}
	return c
}

// Stop ends a cell's work.
func (c *Cell) Stop() {
	close(c.stop)
	c.working.Wait()
}

func (c *Cell) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// Accept writes an event into the cell, as the router does, and waits where it is throttled.
func (c *Cell) Accept(e event.Event) error {
	put := types.TransactWriteItem{Put: &types.Put{TableName: aws.String(c.Names.DataTable()), Item: e.Item()}}
	_, err := transact.Single(context.Background(), transact.Retrier{}, c.DB.PutItem, putInput(put.Put))
	return err
}

// Send puts an event into the queue, past the producer.
func (c *Cell) Send(e event.Event) error {
	body, err := event.EncodeMessage(e, 64<<10)
	if err != nil {
		return err
	}
	return c.deliver(string(body), e.TenantID)
}

func (c *Cell) deliver(body, group string) error {
	in := &sqs.SendMessageInput{QueueUrl: aws.String(queueURL), MessageBody: &body}
	if c.Groups {
		in.MessageGroupId = &group
	}
	_, err := c.Queue.SendMessage(context.Background(), in)
	return err
}

// produce has the producer work on a shard, a batch after the other.
func (c *Cell) produce(shard chan events.DynamoDBEventRecord) {
	for {
		var batch []events.DynamoDBEventRecord
		select {
		case r := <-shard:
			batch = append(batch, r)
		case <-c.stop:
			return
		}
		time.Sleep(c.Delays.Stream)
		for len(batch) < c.Records && len(shard) > 0 {
			batch = append(batch, <-shard)
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, _ = c.producer.Handle(ctx, events.DynamoDBEvent{Records: batch}) // the topic does not fail
		cancel()
	}
}

// consume has a process work on the queue, a batch after the other.
func (c *Cell) consume(process *consumer.Consumer) {
	for !c.stopped() {
		time.Sleep(c.Delays.Queue)
		got, err := c.Queue.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(queueURL), MaxNumberOfMessages: int32(c.Messages), MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
		})
		if err != nil {
			panic(err)
		}
		if len(got.Messages) == 0 {
			time.Sleep(c.Delays.Queue) // the rest of a long poll, which ends when something comes
			continue
		}
		c.invoke(process, got.Messages)
	}
}

func (c *Cell) invoke(process *consumer.Consumer, messages []sqstypes.Message) {
	var batch events.SQSEvent
	for _, m := range messages {
		batch.Records = append(batch.Records, events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes,
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answer, _ := process.Handle(ctx, batch)
	time.Sleep(c.Delays.Queue)
	for _, m := range messages {
		if slices.ContainsFunc(answer.BatchItemFailures, func(f events.SQSBatchItemFailure) bool { return f.ItemIdentifier == *m.MessageId }) {
			continue
		}
		_, err := c.Queue.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: aws.String(queueURL), ReceiptHandle: m.ReceiptHandle})
		if err != nil {
			panic(err)
		}
	}
}

// note notes that an event was applied.
func (c *Cell) note(e app.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied[event.Key(e.TenantID, e.ID)] = time.Now()
}

// Applied returns when each event was applied, by its key.
func (c *Cell) Applied() map[string]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	applied := make(map[string]time.Time, len(c.applied))
	for key, at := range c.applied {
		applied[key] = at
	}
	return applied
}

// Published returns how often the producer has called the topic.
func (c *Cell) Published() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published
}

// topic delivers to the cell's queue.
type topic struct{ c *Cell }

func (t topic) PublishBatch(_ context.Context, in *sns.PublishBatchInput, _ ...func(*sns.Options)) (*sns.PublishBatchOutput, error) {
	time.Sleep(t.c.Delays.Publish)
	t.c.mu.Lock()
	t.c.published++
	t.c.mu.Unlock()
	out := &sns.PublishBatchOutput{}
	for _, e := range in.PublishBatchRequestEntries {
		if err := t.c.deliver(*e.Message, aws.ToString(e.MessageGroupId)); err != nil {
			return nil, fmt.Errorf("deliver: %w", err)
		}
		out.Successful = append(out.Successful, snstypes.PublishBatchResultEntry{Id: e.Id})
	}
	return out, nil
}
