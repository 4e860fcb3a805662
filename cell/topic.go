package cell

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/iam"
)

type topic struct {
	topic        *sns.Topic
	policy       *sns.TopicPolicy
	subscription *sns.TopicSubscription
}

// newTopic registers the topic and its one subscriber, the queue.
func (b *builder) newTopic(q queues) (topic, error) {
	t, err := sns.NewTopic(b.ctx, b.child("topic"), &sns.TopicArgs{
		Name: pulumi.String(b.names.Topic()),
		Tags: b.tags,
	}, b.childOpts()...)
	if err != nil {
		return topic{}, fmt.Errorf("create topic: %w", err)
	}
	policy, err := sns.NewTopicPolicy(b.ctx, b.child("topic-policy"), &sns.TopicPolicyArgs{
		Arn:    t.Arn,
		Policy: deploy.Document(func(arn []string) []iam.Statement { return topicPolicy(arn[0]) }, t.Arn),
	}, b.childOpts()...)
	if err != nil {
		return topic{}, fmt.Errorf("create the topic's policy: %w", err)
	}
	subscription, err := b.newSubscription(t, q)
	if err != nil {
		return topic{}, err
	}
	return topic{topic: t, policy: policy, subscription: subscription}, nil
}

// newSubscription delivers the topic's messages to the queue as they are. SNS never retries what the queue refuses, so
// the subscription waits until the queue admits the topic, and has a DLQ for the day when it no longer does.
func (b *builder) newSubscription(t *sns.Topic, q queues) (*sns.TopicSubscription, error) {
	queuePolicy, err := b.newQueuePolicy("queue", q.queue, t.Arn, topicMaySend)
	if err != nil {
		return nil, err
	}
	dlqPolicy, err := b.newQueuePolicy("subscription-dlq", q.subscriptionDLQ, t.Arn, topicMaySend)
	if err != nil {
		return nil, err
	}
	s, err := sns.NewTopicSubscription(b.ctx, b.child("subscription"), &sns.TopicSubscriptionArgs{
		Topic:              t.Arn,
		Protocol:           pulumi.String("sqs"),
		Endpoint:           q.queue.Arn,
		RawMessageDelivery: pulumi.Bool(true),
		RedrivePolicy: jsonOf(q.subscriptionDLQ.Arn, func(arn string) any {
			return map[string]string{"deadLetterTargetArn": arn}
		}),
	}, b.childOpts(pulumi.DependsOn([]pulumi.Resource{queuePolicy, dlqPolicy}))...)
	if err != nil {
		return nil, fmt.Errorf("subscribe the queue: %w", err)
	}
	return s, nil
}
