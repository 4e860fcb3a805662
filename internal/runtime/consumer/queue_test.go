package consumer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/model/event"
)

// queue records what is asked of it: for how long, in seconds, each message was hidden, by its id, and so on.
type queue struct {
	mu      sync.Mutex // messages are sent concurrently
	hidden  map[string]int32
	deleted []string // message ids
	sent    []*sqs.SendMessageInput
	err     error // of every call
	deadErr error // of every message for the dead letter queue
	refuse  bool  // every entry of every batch
	hang    bool  // every call
}

func (q *queue) fails(ctx context.Context) error {
	if q.hang {
		<-ctx.Done()
	}
	if q.err != nil {
		return q.err
	}
	return ctx.Err()
}

func (q *queue) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	if err := q.fails(ctx); err != nil {
		return nil, err
	}
	if n := len(in.Entries); n == 0 || n > 10 {
		return nil, fmt.Errorf("%d entries", n)
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for _, e := range in.Entries {
		if q.refuse {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("ReceiptHandleIsInvalid")})
			continue
		}
		if q.hidden == nil {
			q.hidden = map[string]int32{}
		}
		q.hidden[messageOf(*e.ReceiptHandle)] = e.VisibilityTimeout
	}
	return out, nil
}

func (q *queue) DeleteMessageBatch(
	ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	if err := q.fails(ctx); err != nil {
		return nil, err
	}
	if n := len(in.Entries); n == 0 || n > 10 {
		return nil, fmt.Errorf("%d entries", n)
	}
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		if q.refuse {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError")})
			continue
		}
		q.deleted = append(q.deleted, messageOf(*e.ReceiptHandle))
	}
	return out, nil
}

func (q *queue) SendMessage(ctx context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if err := q.fails(ctx); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if *in.QueueUrl == deadURL && q.deadErr != nil {
		return nil, q.deadErr
	}
	q.sent = append(q.sent, in)
	return &sqs.SendMessageOutput{}, nil
}

// letters are the messages that were sent to the dead letter queue.
func (q *queue) letters() []*sqs.SendMessageInput {
	return slices.DeleteFunc(slices.Clone(q.sent), func(in *sqs.SendMessageInput) bool { return *in.QueueUrl != deadURL })
}

func receiptOf(messageID string) string { return "receipt-of-" + messageID }
func messageOf(receipt string) string   { return receipt[len("receipt-of-"):] }

// deliver is the nth delivery of an event of epoch 1, as a message whose id is the event's.
func deliver(id, eventType string, receives int) events.SQSMessage {
	return deliverOf(1, id, eventType, receives)
}

// deliverOf is deliver with another epoch.
func deliverOf(epoch int64, id, eventType string, receives int) events.SQSMessage {
	m := event.Message{Event: event.Event{
		TenantID: "acme", ID: id, Type: eventType, Epoch: epoch, Payload: json.RawMessage(`{"secret":1}`),
		AcceptedAt: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
	}}
	return deliverMessage(m, receives)
}

func deliverMessage(m event.Message, receives int) events.SQSMessage {
	body, err := m.Encode()
	if err != nil {
		panic(err)
	}
	return deliverBody(m.ID, string(body), receives)
}

func deliverBody(messageID, body string, receives int) events.SQSMessage {
	return events.SQSMessage{
		MessageId: messageID, ReceiptHandle: receiptOf(messageID), Body: body,
		Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(receives)},
		MessageAttributes: map[string]events.SQSMessageAttribute{
			event.MessageAttrTenantID: {DataType: "String", StringValue: aws.String("acme")},
			event.MessageAttrID:       {DataType: "String", StringValue: aws.String(messageID)},
		},
	}
}
