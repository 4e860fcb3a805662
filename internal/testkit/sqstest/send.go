package sqstest

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"cellular/internal/testkit/dynamotest/strict"
)

// SendMessage puts a message into a queue.
func (s *SQS) SendMessage(ctx context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return run(ctx, s, "SendMessage", in.QueueUrl, func(q *queue, _ Call) (*sqs.SendMessageOutput, error) {
		if err := strict.Only("sqstest", in, "QueueUrl", "MessageBody", "MessageAttributes", "MessageGroupId"); err != nil {
			return nil, err
		}
		bytes, err := checkMessage(in.MessageBody, in.MessageAttributes, in.MessageGroupId)
		if err != nil {
			return nil, err
		}
		if bytes > maxMessageBytes {
			return nil, invalidParameter("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxMessageBytes)
		}
		return &sqs.SendMessageOutput{MessageId: new(s.send(q, *in.MessageBody, in.MessageAttributes, in.MessageGroupId))}, nil
	})
}

// SendMessageBatch puts up to 10 messages, of 262,144 bytes together, into a queue.
func (s *SQS) SendMessageBatch(
	ctx context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageBatchOutput, error) {
	return run(ctx, s, "SendMessageBatch", in.QueueUrl, func(q *queue, call Call) (*sqs.SendMessageBatchOutput, error) {
		ids := idsOf(in.Entries, func(e types.SendMessageBatchRequestEntry) *string { return e.Id })
		if err := checkBatch(ids); err != nil {
			return nil, err
		}
		total := 0
		checked := make([]error, len(in.Entries))
		for i, e := range in.Entries {
			if err := strict.Only("sqstest", e, "Id", "MessageBody", "MessageAttributes", "MessageGroupId"); err != nil {
				return nil, err
			}
			bytes, err := checkMessage(e.MessageBody, e.MessageAttributes, e.MessageGroupId)
			if api := (smithy.APIError)(nil); err != nil && !errors.As(err, &api) {
				return nil, err
			}
			total, checked[i] = total+bytes, err
		}
		if total > maxMessageBytes {
			return nil, &types.BatchRequestTooLong{
				Message: new(fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", maxMessageBytes, total)),
			}
		}
		out := &sqs.SendMessageBatchOutput{}
		_, failed, err := s.each(call, ids, func(i int) error {
			if checked[i] != nil {
				return checked[i]
			}
			e := in.Entries[i]
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{
				Id: e.Id, MessageId: new(s.send(q, *e.MessageBody, e.MessageAttributes, e.MessageGroupId)),
			})
			return nil
		})
		out.Failed = failed
		return out, err
	})
}

// send stores a message and returns its id.
func (s *SQS) send(q *queue, body string, attributes map[string]types.MessageAttributeValue, group *string) string {
	s.last++
	m := &message{
		id: fmt.Sprintf("message-%d", s.last), body: body, attributes: maps.Clone(attributes), group: aws.ToString(group), sentAt: s.now(),
	}
	q.messages = append(q.messages, m)
	if m.group != "" {
		q.sentAt[m.group] = m.sentAt
	}
	return m.id
}
