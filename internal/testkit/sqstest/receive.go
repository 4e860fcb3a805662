package sqstest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/testkit/dynamotest/strict"
)

// The limits of a receive, from the API reference of ReceiveMessage.
const (
	maxReceive    = 10
	maxVisibility = 12 * time.Hour
	maxWait       = 20 // seconds
)

var knownSystemAttributes = []types.MessageSystemAttributeName{
	types.MessageSystemAttributeNameAll, types.MessageSystemAttributeNameSenderId, types.MessageSystemAttributeNameSentTimestamp,
	types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp,
	types.MessageSystemAttributeNameDeadLetterQueueSourceArn, types.MessageSystemAttributeNameMessageGroupId,
}

// ReceiveMessage delivers up to 10 messages and hides them. A VisibilityTimeout of 0 means, as in the SDK, the queue's.
func (s *SQS) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	return run(ctx, s, "ReceiveMessage", in.QueueUrl, func(q *queue, call Call) (*sqs.ReceiveMessageOutput, error) {
		if err := strict.Only("sqstest", in, "QueueUrl", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds",
			"MessageAttributeNames", "MessageSystemAttributeNames"); err != nil {
			return nil, err
		}
		if in.MaxNumberOfMessages < 0 || in.MaxNumberOfMessages > maxReceive {
			return nil, invalidParameter("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and %d, if provided.",
				in.MaxNumberOfMessages, maxReceive)
		}
		if in.WaitTimeSeconds < 0 || in.WaitTimeSeconds > maxWait {
			return nil, invalidParameter("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= %d, if provided.",
				in.WaitTimeSeconds, maxWait)
		}
		for _, name := range in.MessageSystemAttributeNames {
			if !slices.Contains(knownSystemAttributes, name) {
				return nil, unknown("the system attribute %s", name)
			}
		}
		hidden := time.Duration(in.VisibilityTimeout) * time.Second
		if err := checkVisibility(hidden); err != nil {
			return nil, err
		}
		if hidden == 0 {
			hidden = q.VisibilityTimeout
		}
		out := &sqs.ReceiveMessageOutput{}
		for _, m := range s.due(q, call.QueueURL, int(max(in.MaxNumberOfMessages, 1))) {
			s.deliver(q, m, hidden)
			out.Messages = append(out.Messages, m.received(m.receipt, in.MessageAttributeNames, in.MessageSystemAttributeNames))
		}
		return out, nil
	})
}

func checkVisibility(d time.Duration) error {
	if d < 0 || d > maxVisibility {
		return invalidParameter("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and %d.",
			int(d.Seconds()), int(maxVisibility.Seconds()))
	}
	return nil
}

// due are up to n of the visible messages. Those that were received too often are moved to the dead letter queue first.
func (s *SQS) due(q *queue, url string, n int) []*message {
	var visible []*message
	for _, m := range slices.Clone(q.messages) {
		switch {
		case m.hiddenUntil.After(s.now()):
		case q.DeadLetterURL != "" && m.receives >= q.MaxReceiveCount:
			s.bury(q, url, m)
		default:
			visible = append(visible, m)
		}
	}
	if s.Pick == nil {
		s.inFairOrder(q, visible)
		return visible[:min(n, len(visible))]
	}
	var picked []*message
	for len(picked) < n && len(visible) > 0 {
		i := s.Pick(url, len(visible))
		picked = append(picked, visible[i])
		visible = slices.Delete(visible, i, i+1)
	}
	return picked
}

// bury moves a message to the dead letter queue, which keeps its id, its age and its receive count.
func (s *SQS) bury(q *queue, url string, m *message) {
	q.drop(m)
	dead := *m
	dead.deleted, dead.receipt, dead.hiddenUntil, dead.deadFrom = false, "", time.Time{}, arn(url)
	to := s.queues[q.DeadLetterURL]
	to.messages = append(to.messages, &dead)
}

func (s *SQS) deliver(q *queue, m *message, hidden time.Duration) {
	s.last++
	m.receives++
	if m.firstReceive.IsZero() {
		m.firstReceive = s.now()
	}
	m.receivedAt = s.now()
	m.hiddenUntil = m.receivedAt.Add(hidden)
	m.receipt = fmt.Sprintf("receipt-%d", s.last)
	q.receipts[m.receipt] = m
}

// drop removes a message from its queue.
func (q *queue) drop(m *message) {
	m.deleted = true
	q.messages = slices.DeleteFunc(q.messages, func(other *message) bool { return other == m })
}
