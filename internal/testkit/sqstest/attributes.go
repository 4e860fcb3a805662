package sqstest

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/testkit/dynamotest/strict"
)

// GetQueueAttributes returns the depth of a queue, its ARN and its visibility timeout, those of them that are named. The
// counts are exact, which the service's are not.
func (s *SQS) GetQueueAttributes(
	ctx context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options),
) (*sqs.GetQueueAttributesOutput, error) {
	return run(ctx, s, "GetQueueAttributes", in.QueueUrl, func(q *queue, call Call) (*sqs.GetQueueAttributesOutput, error) {
		if err := strict.Only("sqstest", in, "QueueUrl", "AttributeNames"); err != nil {
			return nil, err
		}
		hidden := 0
		for _, m := range q.messages {
			if m.hiddenUntil.After(s.now()) {
				hidden++
			}
		}
		all := map[types.QueueAttributeName]string{
			types.QueueAttributeNameApproximateNumberOfMessages:           strconv.Itoa(len(q.messages) - hidden),
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: strconv.Itoa(hidden),
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    "0",
			types.QueueAttributeNameQueueArn:                              arn(call.QueueURL),
			types.QueueAttributeNameVisibilityTimeout:                     strconv.Itoa(int(q.VisibilityTimeout.Seconds())),
		}
		out := &sqs.GetQueueAttributesOutput{}
		for _, name := range in.AttributeNames {
			value, ok := all[name]
			if !ok {
				return nil, unknown("the queue attribute %s", name)
			}
			if out.Attributes == nil {
				out.Attributes = map[string]string{}
			}
			out.Attributes[string(name)] = value
		}
		return out, nil
	})
}

// arn makes a queue's ARN of its URL, which ends with its name.
func arn(url string) string {
	return "arn:aws:sqs:us-east-1:000000000000:" + url[strings.LastIndex(url, "/")+1:]
}
