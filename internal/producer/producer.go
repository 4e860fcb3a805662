// Package producer publishes what was written to a cell's data table: it takes the table's stream, a batch of records
// at a time, and publishes each inserted event to the cell's topic.
//
// # What fails, and what does not
//
// A stream retries from the lowest sequence number that a batch reports, so the answer is that one number. Everything
// behind it comes again, published or not: delivery is at least once, and the consumer's ledger makes it one effect.
//
// A record that cannot be decoded, or that the topic refuses, does not stop the records behind it. They are published
// at once rather than after the retries of the bad record, and they are safe even if Lambda gives up on all that is
// left of a batch. The price is bounded: they are published again with each retry of the bad one, until the event
// source mapping has bisected it away from them. Order is nothing to protect here: a standard topic and a standard
// queue keep none.
//
// A call that fails as a whole (the topic throttles, is gone, does not answer) says nothing about a record. Publishing
// stops there, because going on would only add load to what is failing, and the batch is retried from that point.
//
// Nothing is lost on the way: an event counts as published only where SNS lists its entry as successful, and every
// other path ends in the answer. After the last retry the record goes to the mapping's on-failure destination.
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
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"cellular/internal/event"
	"cellular/internal/telemetry"
)

// AnswerMargin is how long before the invocation's own deadline publishing ends, so that the answer still goes out.
const AnswerMargin = time.Second

// Topic is the part of SNS that a producer needs.
type Topic interface {
	PublishBatch(context.Context, *sns.PublishBatchInput, ...func(*sns.Options)) (*sns.PublishBatchOutput, error)
}

// Options is what a producer works with. All of it is required.
type Options struct {
	Topic    Topic
	TopicARN string
	// InlinePayloadBytes is the largest payload that travels in the message; a larger one stays in the data table
	// and the message refers to it.
	InlinePayloadBytes int
	Logger             *slog.Logger
}

// Producer handles the batches of one cell's stream. It is safe for concurrent use.
type Producer struct {
	Options
	decode func(events.DynamoDBEventRecord) (event.Event, error)
}

// New returns a producer.
func New(o Options) *Producer { return &Producer{Options: o, decode: decodeRecord} }

// Handle publishes the inserted events of a batch. The answer names the lowest record, in the batch's order, that is
// not known to be published, by its sequence number; it is empty if there is none. The error is always nil.
func (p *Producer) Handle(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	publishCtx, cancel := beforeAnswer(ctx)
	defer cancel()

	var out outcome
	var entries []entry
	for i, record := range batch.Records {
		if record.EventName != string(events.DynamoDBOperationTypeInsert) {
			continue // what happens to an item later is not an event
		}
		if _, clone := record.Change.NewImage[event.AttrClonedFrom]; clone {
			out.clones++
			continue
		}
		e, err := p.entry(i, record)
		if err != nil {
			out.fail(i, err)
			continue
		}
		entries = append(entries, e)
	}
	p.publish(publishCtx, entries, &out)

	p.log(ctx, batch, out)
	return out.answer(batch), nil
}

// entry makes the entry of the record at index i of its batch. A panic on the way is that record's error.
func (p *Producer) entry(i int, record events.DynamoDBEventRecord) (made entry, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decode record: panic: %v", r)
		}
	}()
	e, err := p.decode(record)
	if err != nil {
		return entry{}, fmt.Errorf("decode record: %w", err)
	}
	return newEntry(i, e, p.InlinePayloadBytes)
}

// beforeAnswer bounds the publishing by the invocation's deadline, where it has one.
func beforeAnswer(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-AnswerMargin))
	}
	return context.WithCancel(ctx)
}

// log writes a line for each record that failed by itself, and one for the batch. The payload is in none of them.
func (p *Producer) log(ctx context.Context, batch events.DynamoDBEvent, out outcome) {
	for _, i := range slices.Sorted(maps.Keys(out.failed)) {
		record := batch.Records[i]
		tenantID, eventID := recordIDs(record)
		p.Logger.LogAttrs(ctx, slog.LevelError, "record not published",
			telemetry.Tenant(tenantID), telemetry.Event(eventID),
			slog.String("sequence_number", record.Change.SequenceNumber),
			slog.String("error", out.failed[i].Error()))
	}
	attrs := []slog.Attr{
		slog.Int("records", len(batch.Records)),
		slog.Int("published", out.published),
		slog.Int("clones", out.clones),
		slog.Int("failed", len(out.failed)),
	}
	if out.stopped != nil {
		p.Logger.LogAttrs(ctx, slog.LevelError, "publishing stopped", append(attrs, slog.String("error", out.stopped.Error()))...)
		return
	}
	p.Logger.LogAttrs(ctx, slog.LevelInfo, "batch published", attrs...)
}
