// Package resend puts events that a cell has accepted into the cell's queue again, as the producer and the topic would
// have brought them there. Sending an event twice does no harm: the consumer's ledger makes it one effect.
package resend

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/event"
)

// Queue is the part of SQS that is needed.
type Queue interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// What one SendMessageBatch call may hold, from its API reference: 10 messages. Of bytes it may hold as many as one
// message, which was 262,144 (256 KiB) before it was 1 MiB; the smaller bound holds everywhere.
const (
	maxBatchEntries = 10
	maxBatchBytes   = 256 << 10
)

// Events sends the events to a queue. The epoch of each is the one that it is sent with: the caller stamps it. A payload
// of more than inlineBytes does not travel; the consumer reads it from its cell's data table, where it must be.
//
// Its error means that some, or all, may not have been sent.
func Events(ctx context.Context, client Queue, queueURL string, inlineBytes int, events []event.Event) error {
	var batch []types.SendMessageBatchRequestEntry
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := send(ctx, client, queueURL, batch)
		batch, size = nil, 0
		return err
	}
	for _, e := range events {
		body, err := encode(e, inlineBytes)
		if err != nil {
			return fmt.Errorf("send event %q again: %w", e.Key(), err)
		}
		bytes := len(body) + attributeBytes(e)
		if len(batch) == maxBatchEntries || size+bytes > maxBatchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		batch = append(batch, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(batch))), MessageBody: aws.String(body), MessageAttributes: Attributes(e.TenantID, e.ID),
		})
		size += bytes
	}
	return flush()
}

// encode leaves the payload out where it is too large, or makes a message that no call takes, as the producer does.
func encode(e event.Event, inlineBytes int) (string, error) {
	m := event.Message{Event: e}
	if len(e.Payload) <= inlineBytes {
		body, err := m.Encode()
		if err != nil || len(body)+attributeBytes(e) <= maxBatchBytes {
			return string(body), err
		}
	}
	m.Payload, m.PayloadRef = nil, true
	body, err := m.Encode()
	return string(body), err
}

// Attributes are the attributes of a message, which repeat the event's ids.
func Attributes(tenantID, eventID string) map[string]types.MessageAttributeValue {
	return map[string]types.MessageAttributeValue{
		event.MessageAttrTenantID: {DataType: aws.String("String"), StringValue: aws.String(tenantID)},
		event.MessageAttrID:       {DataType: aws.String("String"), StringValue: aws.String(eventID)},
	}
}

func attributeBytes(e event.Event) int {
	n := 0
	for name, v := range Attributes(e.TenantID, e.ID) {
		n += len(name) + len(*v.DataType) + len(*v.StringValue)
	}
	return n
}

func send(ctx context.Context, client Queue, queueURL string, batch []types.SendMessageBatchRequestEntry) error {
	answer, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(queueURL), Entries: batch})
	if err != nil {
		return fmt.Errorf("send to the queue: %w", err)
	}
	var errs []error
	for _, f := range answer.Failed {
		errs = append(errs, fmt.Errorf("send to the queue: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message)))
	}
	if len(errs) == 0 && len(answer.Successful) != len(batch) {
		errs = append(errs, fmt.Errorf("send to the queue: %d of %d messages are confirmed", len(answer.Successful), len(batch)))
	}
	return errors.Join(errs...)
}
