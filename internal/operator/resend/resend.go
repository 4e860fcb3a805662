// Package resend puts events that a cell has accepted into the cell's queue again, as the producer and the topic would
// have brought them there. Sending an event twice does no harm: the consumer's ledger makes it one effect.
package resend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/model/event"
)

// Queue is the part of SQS that is needed.
type Queue interface {
	SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// What one SendMessageBatch call may hold, from its API reference: 10 messages. Of bytes it may hold as many as one
// message, which was 262,144 (256 KiB) before it was 1 MiB; the smaller bound holds everywhere.
const (
	maxBatchEntries = 10
	maxBatchBytes   = event.MaxMessageBytes
)

// Events sends the events to a queue. The epoch of each is the one that it is sent with: the caller stamps it. A payload
// of more than inlineBytes does not travel; the consumer reads it from its cell's data table, where it must be.
//
// Its error is a *RefusedError if all were sent but those that the queue refuses. Any other error means that some, or
// all, may not have been sent.
func Events(ctx context.Context, client Queue, queueURL string, inlineBytes int, events []event.Event) error {
	var batch []types.SendMessageBatchRequestEntry
	var keys []string // of the batch's events
	size := 0
	refused := map[string]error{}
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := send(ctx, client, queueURL, batch, func(i int, err error) { refused[keys[i]] = err })
		batch, keys, size = nil, nil, 0
		return err
	}
	for _, e := range events {
		body, err := event.EncodeMessage(e, inlineBytes)
		if err != nil {
			return fmt.Errorf("send event %q again: %w", e.Key(), err)
		}
		bytes := event.MessageBytes(e, body)
		if len(batch) == maxBatchEntries || size+bytes > maxBatchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		batch = append(batch, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(batch))), MessageBody: aws.String(string(body)), MessageAttributes: SentAgain(Attributes(e.TenantID, e.ID)),
			MessageGroupId: aws.String(event.MessageGroup(e.TenantID)),
		})
		keys = append(keys, e.Key())
		size += bytes
	}
	if err := flush(); err != nil {
		return err
	}
	if len(refused) > 0 {
		return &RefusedError{refused}
	}
	return nil
}

// RefusedError is the error of messages that a queue takes from nobody, because of what is in them.
type RefusedError struct {
	Events map[string]error // why, by the events' keys
}

func (e *RefusedError) Error() string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(e.Events)) {
		list = append(list, fmt.Sprintf("event %q: %v", key, e.Events[key]))
	}
	return strings.Join(list, "\n")
}

// Attributes are the attributes of a message, which repeat the event's ids.
func Attributes(tenantID, eventID string) map[string]types.MessageAttributeValue {
	return map[string]types.MessageAttributeValue{
		event.MessageAttrTenantID: {DataType: aws.String("String"), StringValue: aws.String(tenantID)},
		event.MessageAttrID:       {DataType: aws.String("String"), StringValue: aws.String(eventID)},
	}
}

// SentAgain returns attributes with the one that says that the message comes from no producer. Of a message that has as many as
// a message may have, it returns them as they are.
func SentAgain(attributes map[string]types.MessageAttributeValue) map[string]types.MessageAttributeValue {
	if len(attributes) >= maxAttributes {
		return attributes
	}
	with := map[string]types.MessageAttributeValue{
		event.MessageAttrSentAgain: {DataType: aws.String("String"), StringValue: aws.String(event.SentAgain)},
	}
	maps.Copy(with, attributes)
	return with
}

// maxAttributes is from "Message metadata" of the SQS developer guide.
const maxAttributes = 10

// invalidContents is the code of a message with characters that SQS does not take.
const invalidContents = "InvalidMessageContents"

// send makes one call. It calls refuse with the index of each entry that is refused for what is in it.
func send(ctx context.Context, client Queue, queueURL string, batch []types.SendMessageBatchRequestEntry, refuse func(int, error)) error {
	answer, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(queueURL), Entries: batch})
	if err != nil {
		return fmt.Errorf("send to the queue: %w", err)
	}
	var errs []error
	refused := 0
	for _, f := range answer.Failed {
		err := fmt.Errorf("send to the queue: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
		if i, idErr := strconv.Atoi(aws.ToString(f.Id)); idErr == nil && i < len(batch) && aws.ToString(f.Code) == invalidContents {
			refuse(i, err)
			refused++
			continue
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 && len(answer.Successful)+refused != len(batch) {
		errs = append(errs, fmt.Errorf("send to the queue: %d of %d messages are confirmed", len(answer.Successful), len(batch)))
	}
	return errors.Join(errs...)
}
