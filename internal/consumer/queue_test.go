package consumer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/event"
)

// queue records for how long, in seconds, each message was hidden, by its id.
type queue struct {
	hidden map[string]int32
	err    error
	refuse bool
}

func (q *queue) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	if q.err != nil {
		return nil, q.err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
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
