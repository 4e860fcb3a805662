package cell

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/iam"
)

// longPoll is the longest wait that ReceiveMessage offers: the fewest empty receives.
const longPoll = 20 * time.Second

type queues struct {
	queue           *sqs.Queue // what the consumer reads
	consumerDLQ     *sqs.Queue // what the consumer could not process
	subscriptionDLQ *sqs.Queue // what SNS could not deliver
	streamDLQ       *sqs.Queue // metadata of what the producer could not publish
}

// newQueues registers the queue and the cell's three DLQs. Who may send to a queue follows where the sender is known.
func (b *builder) newQueues() (queues, error) {
	var q queues
	var err error
	if q.consumerDLQ, err = b.newDLQ("consumer-dlq", b.names.ConsumerDLQ()); err != nil {
		return queues{}, err
	}
	if q.subscriptionDLQ, err = b.newDLQ("subscription-dlq", b.names.SubscriptionDLQ()); err != nil {
		return queues{}, err
	}
	if q.streamDLQ, err = b.newDLQ("stream-dlq", b.names.StreamDLQ()); err != nil {
		return queues{}, err
	}
	if q.queue, err = b.newQueue("queue", &sqs.QueueArgs{
		Name:                     pulumi.String(b.names.Queue()),
		MessageRetentionSeconds:  seconds(b.args.Pipeline.Queue.Retention),
		VisibilityTimeoutSeconds: seconds(b.args.visibilityTimeout()),
		RedrivePolicy:            jsonOf(q.consumerDLQ.Arn, b.redrivePolicy),
	}); err != nil {
		return queues{}, err
	}
	if _, err := b.newQueuePolicy("consumer-dlq", q.consumerDLQ, q.queue.Arn, noSender); err != nil {
		return queues{}, err
	}
	return q, b.allowRedrive(q)
}

// redrivePolicy ejects a message into the DLQ once it was received too often.
func (b *builder) redrivePolicy(dlqARN string) any {
	return struct {
		DeadLetterTargetARN string `json:"deadLetterTargetArn"`
		MaxReceiveCount     int    `json:"maxReceiveCount"`
	}{dlqARN, b.args.Pipeline.Queue.MaxReceiveCount}
}

func (b *builder) newDLQ(part, name string) (*sqs.Queue, error) {
	return b.newQueue(part, &sqs.QueueArgs{
		Name:                    pulumi.String(name),
		MessageRetentionSeconds: seconds(b.args.Pipeline.Queue.DLQRetention),
	})
}

func (b *builder) newQueue(part string, args *sqs.QueueArgs) (*sqs.Queue, error) {
	args.ReceiveWaitTimeSeconds = seconds(longPoll)
	args.SqsManagedSseEnabled = pulumi.Bool(true)
	args.Tags = b.tags
	q, err := sqs.NewQueue(b.ctx, b.child(part), args, b.stateful()...)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", part, err)
	}
	return q, nil
}

// allowRedrive says which queue may use a DLQ as its own: for the consumer's DLQ the cell's queue. SNS and Lambda send
// to the other two by their policies, as to any queue, and no queue may redrive into them.
func (b *builder) allowRedrive(q queues) error {
	type redriveAllow struct {
		Permission string   `json:"redrivePermission"`
		Sources    []string `json:"sourceQueueArns,omitempty"`
	}
	byQueue := func(queueARN string) any { return redriveAllow{"byQueue", []string{queueARN}} }
	denyAll := func(string) any { return redriveAllow{Permission: "denyAll"} }
	for _, allow := range []struct {
		part   string
		dlq    *sqs.Queue
		policy func(queueARN string) any
	}{
		{"consumer-dlq", q.consumerDLQ, byQueue},
		{"subscription-dlq", q.subscriptionDLQ, denyAll},
		{"stream-dlq", q.streamDLQ, denyAll},
	} {
		if _, err := sqs.NewRedriveAllowPolicy(b.ctx, b.child(allow.part+"-redrive-allow"), &sqs.RedriveAllowPolicyArgs{
			QueueUrl:           allow.dlq.Url,
			RedriveAllowPolicy: jsonOf(q.queue.Arn, allow.policy),
		}, b.childOpts()...); err != nil {
			return fmt.Errorf("limit the redrive of %s: %w", allow.part, err)
		}
	}
	return nil
}

// newQueuePolicy says who may send to a queue: build gets the queue's ARN and the sender's.
func (b *builder) newQueuePolicy(part string, q *sqs.Queue, sender pulumi.StringInput, build func(queueARN, senderARN string) []iam.Statement) (*sqs.QueuePolicy, error) {
	p, err := sqs.NewQueuePolicy(b.ctx, b.child(part+"-policy"), &sqs.QueuePolicyArgs{
		QueueUrl: q.Url,
		Policy:   deploy.Document(func(arn []string) []iam.Statement { return build(arn[0], arn[1]) }, q.Arn, sender),
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("create the policy of %s: %w", part, err)
	}
	return p, nil
}

// jsonOf is the JSON of what build makes of an ARN.
func jsonOf(arn pulumi.StringOutput, build func(arn string) any) pulumi.StringOutput {
	return arn.ApplyT(func(arn string) (string, error) {
		text, err := json.Marshal(build(arn))
		return string(text), err
	}).(pulumi.StringOutput)
}

func seconds(d time.Duration) pulumi.Int { return pulumi.Int(int(d / time.Second)) }
