package sqstest

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/testkit/dynamotest/strict"
)

// DeleteMessage deletes a message that was received.
func (s *SQS) DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageOutput, error) {
	return run(ctx, s, "DeleteMessage", in.QueueUrl, func(q *queue, _ Call) (*sqs.DeleteMessageOutput, error) {
		return &sqs.DeleteMessageOutput{}, q.delete(in.ReceiptHandle)
	})
}

// DeleteMessageBatch deletes up to 10 messages that were received.
func (s *SQS) DeleteMessageBatch(
	ctx context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	return run(ctx, s, "DeleteMessageBatch", in.QueueUrl, func(q *queue, call Call) (*sqs.DeleteMessageBatchOutput, error) {
		ids := idsOf(in.Entries, func(e types.DeleteMessageBatchRequestEntry) *string { return e.Id })
		if err := checkBatch(ids); err != nil {
			return nil, err
		}
		out := &sqs.DeleteMessageBatchOutput{}
		done, failed, err := s.each(call, ids, func(i int) error { return q.delete(in.Entries[i].ReceiptHandle) })
		for _, id := range done {
			out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: new(id)})
		}
		out.Failed = failed
		return out, err
	})
}

// delete deletes a message by the handle of its latest receive, also if it is visible again. By that of an earlier one it
// succeeds and deletes nothing, which is what the API reference of DeleteMessage warns of.
func (q *queue) delete(receipt *string) error {
	m, ok := q.receipts[aws.ToString(receipt)]
	if !ok {
		return &types.ReceiptHandleIsInvalid{Message: new("The input receipt handle is invalid: " + aws.ToString(receipt))}
	}
	if m.receipt == *receipt {
		q.drop(m)
	}
	return nil
}

// ChangeMessageVisibility hides a message that was received for another time, from now on; 0 makes it visible. The limit of
// 12 h counts from the receive.
func (s *SQS) ChangeMessageVisibility(
	ctx context.Context, in *sqs.ChangeMessageVisibilityInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityOutput, error) {
	return run(ctx, s, "ChangeMessageVisibility", in.QueueUrl, func(q *queue, _ Call) (*sqs.ChangeMessageVisibilityOutput, error) {
		return &sqs.ChangeMessageVisibilityOutput{}, s.hide(q, in.ReceiptHandle, in.VisibilityTimeout)
	})
}

// ChangeMessageVisibilityBatch does the same for up to 10 messages.
func (s *SQS) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, _ ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	return run(ctx, s, "ChangeMessageVisibilityBatch", in.QueueUrl, func(q *queue, call Call) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
		ids := idsOf(in.Entries, func(e types.ChangeMessageVisibilityBatchRequestEntry) *string { return e.Id })
		if err := checkBatch(ids); err != nil {
			return nil, err
		}
		out := &sqs.ChangeMessageVisibilityBatchOutput{}
		done, failed, err := s.each(call, ids, func(i int) error {
			return s.hide(q, in.Entries[i].ReceiptHandle, in.Entries[i].VisibilityTimeout)
		})
		for _, id := range done {
			out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: new(id)})
		}
		out.Failed = failed
		return out, err
	})
}

func (s *SQS) hide(q *queue, receipt *string, seconds int32) error {
	hidden := time.Duration(seconds) * time.Second
	if err := checkVisibility(hidden); err != nil {
		return err
	}
	m, ok := q.receipts[aws.ToString(receipt)]
	switch {
	case !ok:
		return &types.ReceiptHandleIsInvalid{Message: new("The input receipt handle is invalid: " + aws.ToString(receipt))}
	case m.deleted || m.receipt != *receipt:
		return invalidParameter("Value %s for parameter ReceiptHandle is invalid. Reason: "+
			"Message does not exist or is not available for visibility timeout change.", *receipt)
	case !m.hiddenUntil.After(s.now()):
		return &types.MessageNotInflight{Message: new("The message referred to isn't in flight.")}
	case s.now().Add(hidden).Sub(m.receivedAt) > maxVisibility:
		return invalidParameter("Value %d for parameter VisibilityTimeout is invalid. Reason: "+
			"Total VisibilityTimeout for the message is beyond the limit [%d seconds].", seconds, int(maxVisibility.Seconds()))
	}
	m.hiddenUntil = s.now().Add(hidden)
	return nil
}

// purgePause is how long a queue that was purged cannot be purged again, from the API reference of PurgeQueue.
const purgePause = time.Minute

// PurgeQueue deletes all messages of a queue.
func (s *SQS) PurgeQueue(ctx context.Context, in *sqs.PurgeQueueInput, _ ...func(*sqs.Options)) (*sqs.PurgeQueueOutput, error) {
	return run(ctx, s, "PurgeQueue", in.QueueUrl, func(q *queue, call Call) (*sqs.PurgeQueueOutput, error) {
		if err := strict.Only("sqstest", in, "QueueUrl"); err != nil {
			return nil, err
		}
		if !q.purgedAt.IsZero() && s.now().Sub(q.purgedAt) < purgePause {
			return nil, &types.PurgeQueueInProgress{
				Message: new("Only one PurgeQueue operation on " + call.QueueURL + " is allowed every 60 seconds."),
			}
		}
		q.purgedAt = s.now()
		for _, m := range q.messages {
			m.deleted = true
		}
		q.messages = nil
		return &sqs.PurgeQueueOutput{}, nil
	})
}
