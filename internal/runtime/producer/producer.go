// Package producer publishes what was written to a cell's data table: it takes the table's stream, a batch of records
// at a time, and publishes each inserted event to the cell's topic.
//
// # What fails, and what does not
//
// A failure is of one of two kinds, and the producer treats them in opposite ways.
//
// What says nothing about a record is transient: a topic that throttles, does not answer, is gone or refuses the
// permission. A topic's quota is shared by the whole account and Region, a grant comes back with a deployment, and none of
// it is a reason to give an event up. The producer waits for it within the invocation, with growing delays, until it has
// to answer. Only then it reports the batch: a failure that a function reports counts against the retries of its event
// source mapping, which config.StreamRetries makes so many that the records reach their maximum age first.
//
// What can never be published, because it cannot be decoded or because the topic refuses what is in it, is ejected at
// once: the producer sends a letter to the stream DLQ itself (package ejection) and the record is done. A letter that the
// DLQ does not take is a transient failure like any other.
//
// A stream retries from the lowest sequence number that a batch reports, so the answer is that one number. Everything
// behind it comes again, published or not: delivery is at least once, and the consumer's ledger makes it one effect. So
// that letters do not multiply in the same way, a record is ejected only once everything before it is done.
//
// No record waits for another one: what fails is tried again after what has not been tried. Order is nothing to protect
// here: a standard topic and a standard queue keep none.
//
// Nothing is lost on the way: an event counts as published only where SNS lists its entry as successful, as ejected only
// where SQS has taken its letter, and every other path ends in the answer.
//
// # Clones
//
// An item that a move has copied from another cell (event.AttrClonedFrom) is not published: the move sees to it that the
// event in it is processed. Published, it would reach the consumer with the epoch of the cell that it came from.
package producer

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/internal/model/config"
	"cellular/internal/model/event"
	"cellular/internal/model/wait"
	"cellular/internal/runtime/telemetry"
)

// AnswerMargin is how long before the invocation's own deadline the work ends, so that the answer still goes out.
const AnswerMargin = config.ProducerAnswerMargin

// Topic is the part of SNS that a producer needs. The client must not retry: the producer does.
type Topic interface {
	PublishBatch(context.Context, *sns.PublishBatchInput, ...func(*sns.Options)) (*sns.PublishBatchOutput, error)
}

// Queue is the part of SQS that a producer needs. The client must not retry: the producer does.
type Queue interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

// Options is what a producer works with. All of it is required, except ConcurrentPublishes and Records.
type Options struct {
	Topic    Topic
	TopicARN string
	DLQ      Queue
	DLQURL   string // of the stream DLQ
	// InlinePayloadBytes is the largest payload that travels in the message; a larger one stays in the data table
	// and the message refers to it.
	InlinePayloadBytes int
	// ConcurrentPublishes is how many calls of the topic an invocation makes at a time; 0 means 1.
	ConcurrentPublishes int
	// Records takes a line for each batch, with its metrics; nil drops them. Logger takes what else happens.
	Records *telemetry.Records
	Logger  *slog.Logger
}

// Producer handles the batches of one cell's stream. It is safe for concurrent use.
type Producer struct {
	Options
	decode func(events.DynamoDBEventRecord) (event.Event, error)
}

// New returns a producer.
func New(o Options) *Producer {
	if o.Records == nil {
		o.Records = telemetry.Discard()
	}
	o.ConcurrentPublishes = max(o.ConcurrentPublishes, 1)
	return &Producer{Options: o, decode: decodeRecord}
}

// Handle publishes the inserted events of a batch, and ejects what can never be published. The answer names the lowest
// record, in the batch's order, that is not known to be either, by its sequence number; it is empty if there is none, and
// it is not empty before ctx is about to end. The error is always nil.
func (p *Producer) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	working, cancel := wait.Before(ctx, AnswerMargin)
	defer cancel()
	w := p.newWork(working, batch.Records)
	w.finish(working)
	w.log(ctx)
	return w.answer(), nil
}

// entry makes the entry of the record at index i of its batch. A panic on the way is that record's error.
func (p *Producer) entry(i int, record events.DynamoDBEventRecord) (made entry, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decode record: panic: %s", panicked(r))
		}
	}()
	e, err := p.decode(record)
	if err != nil {
		return entry{}, fmt.Errorf("decode record: %w", err)
	}
	return newEntry(i, e, p.InlinePayloadBytes)
}

// panicked describes the value of a panic. The runtime's own say what went wrong; another one may hold anything, such as
// the payload, and only its type is named.
func panicked(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", value)
}
