package gate_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"
)

var epoch = time.Unix(0, 0)

// noChecksums is for an emulator that answers with none.
func noChecksums(o *sqs.Options) { o.DisableMessageChecksumValidation = true }

func TestATopicDeliversAsTheQueuesPolicySays(t *testing.T) {
	c := newCloud(t)
	worker := c.role("worker", allow("sns:Publish", arn("sns", "orders")))
	topic := arn("sns", "orders")
	_, err := sns.NewFromConfig(c.admin()).Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String(arn("sqs", "orders")), ReturnSubscriptionArn: true,
		Attributes: map[string]string{"RawMessageDelivery": "true", "RedrivePolicy": `{"deadLetterTargetArn":"` + arn("sqs", "dlq") + `"}`},
	})
	require.NoError(t, err)
	admit := func(queue, from string) {
		policy := document(`{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"` + arn("sqs", queue) +
			`","Condition":{"ArnEquals":{"aws:SourceArn":"` + from + `"}}}`)
		_, err := sqs.NewFromConfig(c.admin()).SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl: aws.String("http://127.0.0.1:1/123456789012/" + queue), Attributes: map[string]string{"Policy": policy},
		})
		require.NoError(t, err)
		c.passed()
	}
	publish := func() []string {
		c.passed()
		out, err := sns.NewFromConfig(worker).PublishBatch(t.Context(), &sns.PublishBatchInput{TopicArn: &topic, PublishBatchRequestEntries: []snstypes.PublishBatchRequestEntry{{
			Id: aws.String("1"), Message: aws.String("hello"), MessageAttributes: map[string]snstypes.MessageAttributeValue{
				"tenant": {DataType: aws.String("String"), StringValue: aws.String("acme")},
			},
		}}})
		require.NoError(t, err)
		require.Empty(t, out.Failed)
		return c.passed()
	}
	require.Empty(t, publish(), "neither the queue nor the DLQ takes it: it is dropped")
	admit("dlq", topic)
	passed := publish()
	require.Len(t, passed, 1)
	require.Contains(t, passed[0], "AmazonSQS.SendMessage")
	require.Contains(t, passed[0], `"MessageBody":"hello"`)
	require.Contains(t, passed[0], `"QueueUrl":"`+c.endpoint+`/123456789012/dlq"`)
	require.Contains(t, passed[0], `"tenant":{"DataType":"String","StringValue":"acme"}`)
	admit("orders", arn("sns", "others"))
	require.Contains(t, publish()[0], "AmazonSQS.SendMessage", "the queue admits another topic")
	admit("orders", topic)
	passed = publish()
	require.Len(t, passed, 1)
	require.Contains(t, passed[0], "Action=PublishBatch")
}
