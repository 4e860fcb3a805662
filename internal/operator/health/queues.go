package health

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/model/manifest"
)

// Queues is the part of SQS's client that is needed.
type Queues interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ListQueues(context.Context, *sqs.ListQueuesInput, ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error)
}

// Topics is the part of SNS's client that is needed.
type Topics interface {
	ListSubscriptionsByTopic(context.Context, *sns.ListSubscriptionsByTopicInput, ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error)
	GetTopicAttributes(context.Context, *sns.GetTopicAttributesInput, ...func(*sns.Options)) (*sns.GetTopicAttributesOutput, error)
	GetSubscriptionAttributes(context.Context, *sns.GetSubscriptionAttributesInput, ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error)
}

const (
	queueCheck = "queue"
	topicCheck = "topic"
)

// redrive is a redrive policy. SQS answers the count as a number or as text, as it was given.
type redrive struct {
	Target          string      `json:"deadLetterTargetArn"`
	MaxReceiveCount json.Number `json:"maxReceiveCount"`
}

// redriveAllow says which queues may have a queue for their DLQ.
type redriveAllow struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns"`
}

func (d Doctor) cellQueues(ctx context.Context, c manifest.Cell) []Finding {
	s := c.Settings
	consumerDLQ := siblingARN(c.QueueARN, c.ConsumerDLQURL)
	onlyTheQueue := redriveAllow{"byQueue", []string{c.QueueARN}}
	nobody := redriveAllow{Permission: "denyAll"}
	return slices.Concat(
		d.queue(ctx, c.QueueURL, func(l *look, a attributes) {
			same(l, "its visibility timeout in seconds", a.number(types.QueueAttributeNameVisibilityTimeout), seconds(s.QueueVisibilityTimeout))
			same(l, "its retention in seconds", a.number(types.QueueAttributeNameMessageRetentionPeriod), seconds(s.QueueRetention))
			var policy redrive
			if err := a.document(types.QueueAttributeNameRedrivePolicy, &policy); err != nil {
				l.fail("%v: a message that cannot be processed is received until its retention ends, and then lost", err)
				return
			}
			same(l, "the target of its redrive policy", policy.Target, consumerDLQ)
			same(l, "its maximum receive count", policy.MaxReceiveCount.String(), strconv.Itoa(s.QueueMaxReceiveCount))
		}),
		d.dlq(ctx, c.ConsumerDLQURL, s, onlyTheQueue),
		d.dlq(ctx, c.SubscriptionDLQURL, s, nobody),
		d.dlq(ctx, c.StreamDLQURL, s, nobody),
	)
}

func (d Doctor) dlq(ctx context.Context, url string, s manifest.Settings, allowed redriveAllow) []Finding {
	return d.queue(ctx, url, func(l *look, a attributes) {
		same(l, "its retention in seconds", a.number(types.QueueAttributeNameMessageRetentionPeriod), seconds(s.DLQRetention))
		if a[string(types.QueueAttributeNameRedriveAllowPolicy)] == "" {
			d.openDLQ(ctx, l, url)
			return
		}
		var policy redriveAllow
		if err := a.document(types.QueueAttributeNameRedriveAllowPolicy, &policy); err != nil {
			l.warn("%v", err)
			return
		}
		same(l, "who may redrive into it", policy.String(), allowed.String())
	})
}

// openDLQ is about a DLQ that does not say which queues may use it. The local emulator takes the attribute and never tells
// it; asked for it by name, it says that it does not know it.
func (d Doctor) openDLQ(ctx context.Context, l *look, url string) {
	_, err := d.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameRedriveAllowPolicy},
	})
	if err != nil {
		l.unseen(err)
		return
	}
	l.warn("it has no %s: any queue of the account may use it as its DLQ", types.QueueAttributeNameRedriveAllowPolicy)
}

func (r redriveAllow) String() string {
	return strings.Join(append([]string{r.Permission}, r.Sources...), " ")
}

func (d Doctor) queue(ctx context.Context, queueURL string, examine func(*look, attributes)) []Finding {
	l := d.look(queueCheck, lastSegment(queueURL))
	out, err := d.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &queueURL, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	examine(l, out.Attributes)
	return l.end("set as it should be")
}

// attributes are a queue's.
type attributes map[string]string

// number is an attribute's value; -1 where it is not there, or no number.
func (a attributes) number(name types.QueueAttributeName) int {
	n, err := strconv.Atoi(a[string(name)])
	if err != nil {
		return -1
	}
	return n
}

func (a attributes) document(name types.QueueAttributeName, into any) error {
	text := a[string(name)]
	if text == "" {
		return fmt.Errorf("it has no %s", name)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("its %s cannot be read: %w", name, err)
	}
	return nil
}

// subscriptions visits those of a topic.
func (d Doctor) subscriptions(ctx context.Context, topicARN string, visit func(snstypes.Subscription)) error {
	pages := sns.NewListSubscriptionsByTopicPaginator(d.SNS, &sns.ListSubscriptionsByTopicInput{TopicArn: &topicARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.Subscriptions {
			visit(s)
		}
	}
	return nil
}

// cellTopic examines the topic's one subscriber.
func (d Doctor) cellTopic(ctx context.Context, c manifest.Cell) []Finding {
	l := d.look(topicCheck, c.TopicARN[strings.LastIndex(c.TopicARN, ":")+1:])
	subscription := ""
	if err := d.subscriptions(ctx, c.TopicARN, func(s snstypes.Subscription) {
		if aws.ToString(s.Endpoint) == c.QueueARN {
			subscription = aws.ToString(s.SubscriptionArn)
			return
		}
		l.add(Warn, "delete the subscription, unless it is yours", "%s is subscribed to it too: the cell's events go out of the cell", aws.ToString(s.Endpoint))
	}); err != nil {
		l.unseen(err)
		return l.findings
	}
	if subscription == "" {
		l.fail("%s is not subscribed to it: what the producer publishes is lost", c.QueueARN)
		return l.findings
	}
	out, err := d.SNS.GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &subscription})
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	same(l, "raw delivery of its subscription", out.Attributes["RawMessageDelivery"], "true")
	var policy redrive
	if err := json.Unmarshal([]byte(out.Attributes["RedrivePolicy"]), &policy); err != nil {
		l.fail("its subscription has no redrive policy: what the queue refuses is lost")
	} else {
		same(l, "the DLQ of its subscription", policy.Target, siblingARN(c.QueueARN, c.SubscriptionDLQURL))
	}
	return l.end("delivers to the queue")
}

// siblingARN is the ARN of a queue of which the URL is known, in the account and Region of another one.
func siblingARN(queueARN, queueURL string) string {
	return queueARN[:strings.LastIndex(queueARN, ":")+1] + lastSegment(queueURL)
}

func lastSegment(path string) string { return path[strings.LastIndex(path, "/")+1:] }
