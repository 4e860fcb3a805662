package consumer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/testkit/sqstest"
)

// SQS counts its limit of 12 h from the receive. A message may have waited a visibility timeout of 95 minutes for its
// invocation, and then 15 minutes for its turn.
func TestTheLongestDelayIsTakenLateInAHandler(t *testing.T) {
	now := time.Now()
	const url = "https://queue"
	q := sqstest.New(map[string]sqstest.Queue{url: {VisibilityTimeout: 2 * time.Hour}})
	q.Now = func() time.Time { return now }
	body := deliver("e-1", badType, 1).Body
	_, err := q.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(url), MessageBody: &body})
	require.NoError(t, err)
	received, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(url)})
	require.NoError(t, err)
	now = now.Add(110 * time.Minute)

	c := newCell()
	c.Queue, c.BackoffBase, c.BackoffMax = q, 12*time.Hour, 12*time.Hour
	c.applyBad(func(context.Context, event.Event) (app.Effect, error) {
		return app.Effect{}, errors.New("down")
	})
	m := received.Messages[0]
	c.handle(t.Context(), t, events.SQSMessage{MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body})
	require.NotContains(t, c.log.String(), "keeps the queue's visibility timeout")

	now = now.Add(9 * time.Hour)
	again, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(url)})
	require.NoError(t, err)
	require.Empty(t, again.Messages)
}
