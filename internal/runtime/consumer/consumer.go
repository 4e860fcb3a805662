// Package consumer applies a cell's events: it takes messages from the cell's queue, a batch at a time, and applies
// each event exactly once in effect. What an event does is one function, Apply, that a user writes.
//
// # One effect
//
// Messages arrive at least once. Apply does not write: it returns the writes as an app.Effect, and they are sent together
// with the event's entry in the ledger (its item in the results table) as one transaction, whose condition is that the
// event has no entry yet. Three deliveries, or a crash between the transaction and the answer, so have one effect.
// Apply itself may run more than once.
//
// An id may be used again once its event has expired, so that the entry is of one acceptance of the id. That of an earlier acceptance
// does not count as an entry, and a message of an earlier acceptance that comes late is a duplicate.
//
// # One owner
//
// The same transaction has the condition that the cell may apply events of this epoch (package ledger). That is on one of 64
// items, so that events of one tenant do not wait for each other. An event of a
// tenant that has moved away is not applied but diverted: the ledger notes that it waits to be sent to the tenant's new
// cell, and the message is done.
//
// # One bad record
//
// A record that fails, for whatever reason, is reported alone; the queue keeps it and deletes the others. One that no retry
// can mend is not reported, but sent to the dead letter queue: a flood of such records costs its cell one receive each. Apply runs
// under a recover and a deadline, and a call that ignores its deadline is left behind.
//
// The records of a tenant in a batch are handled one after the other, those of a few tenants at the same time. So a tenant
// whose events are slow does not hold up its neighbours, unless the batch has a message that was received before (below), and
// the events of a tenant do not compete for the same items within a process: two transactions that meet cancel each other.
// Apply must be safe for concurrent use. More throughput for one tenant comes from more concurrent batches, which the event
// source mapping's maximum concurrency sets.
//
// A record that kills the process takes its batch back to the queue, and costs each of its siblings a receive and a wait.
// Nobody can foresee that, so it happens once. What has been received before is on trial (trial.go): its batch is handled one
// record at a time, with all others safe from its end, and a record that lost its receives to others gets them back. So
// the dead letter queue gets what cannot be applied, and nothing else.
package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	lru "github.com/hashicorp/golang-lru/v2"

	"cellular/app"
	"cellular/internal/model/config"
	"cellular/internal/model/wait"
	"cellular/internal/runtime/telemetry"
)

// Tables is the part of DynamoDB that a consumer needs.
type Tables interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(
		context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options),
	) (*dynamodb.TransactWriteItemsOutput, error)
}

// Queue is the part of SQS that a consumer needs.
type Queue interface {
	ChangeMessageVisibilityBatch(
		context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options),
	) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Options is what a consumer works with. All of it is required, except
// ConcurrentTenants, AfterApply, Now and Records.
type Options struct {
	Apply        app.Apply
	Tables       Tables
	Queue        Queue
	DataTable    string // where payloads are that did not travel
	ResultsTable string // the ledger
	QueueURL     string
	// DeadLetterURL is the dead letter queue of the queue. The consumer sends there what no retry can mend.
	DeadLetterURL string
	// MaxReceiveCount is the queue's: the receive after which a message that fails goes to the dead letter queue.
	MaxReceiveCount int
	// ConcurrentTenants is of how many tenants records are handled at a time, within a batch; 0 means 1. They share the
	// processor and the memory, and each record has its own RecordTimeout: Apply that computes rather than waits wants 1.
	ConcurrentTenants int
	// RecordTimeout bounds one record, from reading its payload to its transaction.
	RecordTimeout time.Duration
	// BackoffBase is the delay after a record's first failure. It doubles with each further one, up to BackoffMax and to
	// config.MaxRetryBackoff.
	BackoffBase, BackoffMax time.Duration
	// ResultTTL is how long the ledger remembers an event. It has to be longer than a message can live in the queue
	// and its dead letter queue together, or a late redrive would be applied a second time.
	ResultTTL time.Duration
	// AfterApply, if not nil, is called when an event's transaction has committed, for several tenants at the same time.
	AfterApply func(app.Event)
	Now        func() time.Time // nil means time.Now
	// Records takes a line for each record, with its metrics; nil drops them. Logger takes what else happens.
	Records *telemetry.Records
	Logger  *slog.Logger
}

// AnswerMargin is the part of an invocation that is kept for settling what failed and for the answer. No record works
// past it, and one that cannot start before it fails without being tried.
const AnswerMargin = config.ConsumerAnswerMargin

// maxAbandoned is how many calls of Apply may hang in one process. Each holds a goroutine, its event and, if it spins,
// a share of the processor. One batch of the default size (10) may hang as a whole without costing the process.
const maxAbandoned = 16

// Consumer handles the batches of one cell's queue.
type Consumer struct {
	Options
	running atomic.Int64 // calls of Apply that have not returned
	heart   heartbeat

	converted *lru.Cache[string, struct{}] // tenants; see convert
}

// New returns a consumer.
func New(o Options) *Consumer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Records == nil {
		o.Records = telemetry.Discard()
	}
	o.ConcurrentTenants = max(o.ConcurrentTenants, 1)
	return &Consumer{Options: o, converted: newConverted()}
}

// Handle applies a batch. The answer names the messages that failed; the error is always nil.
//
// It panics if too many calls of Apply never returned: the Lambda runtime then ends the process and starts a fresh
// one, and the batch is delivered again, in a second. That is the only way to be rid of a goroutine that does not listen.
func (c *Consumer) Handle(ctx context.Context, batch events.SQSEvent) (events.SQSEventResponse, error) {
	workCtx, cancelWork := wait.Before(ctx, AnswerMargin)
	defer cancelWork()
	settleCtx, cancelSettle := wait.Before(ctx, AnswerMargin/4)
	defer cancelSettle()

	i := &invocation{Consumer: c, workCtx: workCtx, settleCtx: settleCtx, afterTrial: true}
	i.begin(ctx, batch)
	if n := c.running.Load(); n >= maxAbandoned {
		i.release()
		panic(fmt.Sprintf("%d calls of the business function never returned: starting over with a fresh process", n))
	}
	for i.guarded && len(i.todo) > 0 {
		i.guard(ctx, i.todo[0])
		i.handle(ctx, 1)
	}
	i.handle(ctx, len(i.todo))
	i.bury(ctx)
	c.hide(settleCtx, i.delays)
	c.beat(settleCtx, i.lastApplied)
	return events.SQSEventResponse{BatchItemFailures: i.failures}, nil
}
