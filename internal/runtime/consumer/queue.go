package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"cellular/internal/model/event"
)

// maxEntries is what one call of ChangeMessageVisibilityBatch or DeleteMessageBatch takes, from their API references.
const maxEntries = 10

// delay is how long a message stays hidden in the queue from now on.
type delay struct {
	receipt string
	until   time.Duration
}

// hide changes how long messages stay hidden. It reports false if the queue does not answer. Where a message cannot be
// changed, the queue's visibility timeout stands, which is later and does no harm.
func (c *Consumer) hide(ctx context.Context, delays []delay) bool {
	for chunk := range slices.Chunk(delays, maxEntries) {
		if !c.hideChunk(ctx, chunk) {
			return false
		}
	}
	return true
}

func (c *Consumer) hideChunk(ctx context.Context, chunk []delay) bool {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	input := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: aws.String(c.QueueURL)}
	for i, d := range chunk {
		input.Entries = append(input.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
			Id:                aws.String(strconv.Itoa(i)),
			ReceiptHandle:     aws.String(d.receipt),
			VisibilityTimeout: visibilitySeconds(d.until),
		})
	}
	var failed []types.BatchResultErrorEntry
	out, err := c.Queue.ChangeMessageVisibilityBatch(ctx, input)
	if err == nil {
		failed = out.Failed
	}
	c.refused(ctx, "a message keeps the queue's visibility timeout", failed, err)
	return err == nil
}

// remove deletes messages from the queue, and returns those that it could not delete. They are deleted with the answer, or
// come back as duplicates. After a call that the queue does not answer it makes no other.
func (c *Consumer) remove(ctx context.Context, list []delivery) (left []delivery) {
	for at := 0; at < len(list); at += maxEntries {
		chunk := list[at:min(at+maxEntries, len(list))]
		kept, err := c.removeChunk(ctx, chunk)
		if err != nil {
			return append(left, list[at:]...)
		}
		left = append(left, kept...)
	}
	return left
}

func (c *Consumer) removeChunk(ctx context.Context, chunk []delivery) (left []delivery, err error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	input := &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(c.QueueURL)}
	for i, d := range chunk {
		input.Entries = append(input.Entries, types.DeleteMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(d.sqs.ReceiptHandle),
		})
	}
	var failed []types.BatchResultErrorEntry
	out, err := c.Queue.DeleteMessageBatch(ctx, input)
	if err == nil {
		failed = out.Failed
	}
	c.refused(ctx, "a message that is done stays in the queue until the batch is answered", failed, err)
	for _, f := range failed {
		if i, err := strconv.Atoi(aws.ToString(f.Id)); err == nil && i < len(chunk) {
			left = append(left, chunk[i])
		}
	}
	return left, err
}

// refused reports the failure of a call, and those of its entries.
func (c *Consumer) refused(ctx context.Context, message string, failed []types.BatchResultErrorEntry, err error) {
	if err != nil {
		c.Logger.LogAttrs(ctx, slog.LevelWarn, message, slog.String("error", err.Error()))
	}
	for _, f := range failed {
		c.Logger.LogAttrs(ctx, slog.LevelWarn, message, slog.String("error", aws.ToString(f.Code)+": "+aws.ToString(f.Message)))
	}
}

// resend puts a copy of a message into the queue, whose receives count from 1 again. The copy says which message it is of.
// The note is written first: a message that cannot be counted is not copied, or it would be without end.
func (c *Consumer) resend(ctx context.Context, d delivery) error {
	d.trial.Resends++
	if err := c.note(ctx, d); err != nil {
		return fmt.Errorf("note the copy: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	input := same(d, c.QueueURL)
	input.MessageAttributes[event.MessageAttrCopyOf] = types.MessageAttributeValue{
		DataType: aws.String("String"), StringValue: aws.String(d.firstID()),
	}
	if _, err := c.Queue.SendMessage(ctx, input); err != nil {
		return fmt.Errorf("send the copy: %w", err)
	}
	return nil
}

// senders is how many messages are sent at a time.
const senders = 10

// eject sends messages to the dead letter queue, and returns an error for each, nil where it arrived.
func (c *Consumer) eject(ctx context.Context, list []delivery) []error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	errs := make([]error, len(list))
	var group errgroup.Group
	group.SetLimit(senders)
	for i, d := range list {
		errs[i] = errUnfinished
		group.Go(func() error {
			_, errs[i] = c.Queue.SendMessage(ctx, same(d, c.DeadLetterURL))
			return nil
		})
	}
	_ = group.Wait() // errs has them
	return errs
}

// same is a request to send a message as it is to a queue.
func same(d delivery, queueURL string) *sqs.SendMessageInput {
	input := &sqs.SendMessageInput{
		QueueUrl: aws.String(queueURL), MessageBody: aws.String(d.sqs.Body),
		MessageAttributes: map[string]types.MessageAttributeValue{},
	}
	for name, a := range d.sqs.MessageAttributes {
		input.MessageAttributes[name] = attributeOf(a)
	}
	if group := d.group(); group != "" {
		input.MessageGroupId = aws.String(group)
	}
	return input
}

// group is the message group that a message is sent on with: its own or, if it comes from a producer that sets none, its
// tenant's; "" where neither is known.
func (d delivery) group() string {
	if group := d.sqs.Attributes[string(types.MessageSystemAttributeNameMessageGroupId)]; group != "" || d.tenantID == "" {
		return group
	}
	return event.MessageGroup(d.tenantID)
}

func attributeOf(a events.SQSMessageAttribute) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String(a.DataType), StringValue: a.StringValue, BinaryValue: a.BinaryValue}
}
