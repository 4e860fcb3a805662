package health

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Keys is the part of KMS's client that is needed.
type Keys interface {
	DescribeKey(context.Context, *kms.DescribeKeyInput, ...func(*kms.Options)) (*kms.DescribeKeyOutput, error)
}

const alarmTopicCheck = "alarm topic"

// notThereCodes are the codes by which SNS and KMS say that there is no such topic or key.
var notThereCodes = []string{"NotFound", "NotFoundException"}

// alarmTopics examines the topic that the control plane publishes, and those that the composites tell. It is one, unless stacks
// of the deployment name others.
func (d Doctor) alarmTopics(ctx context.Context, p published, known knownAlarms) []Finding {
	topics := map[string]bool{}
	if p.control != nil {
		topics[p.control.AlarmTopicARN] = p.control.AlarmTopicARN != ""
	}
	for _, health := range known.health {
		for _, action := range health.Actions {
			topics[action] = isTopic(action)
		}
	}
	var found []Finding
	for _, arn := range slices.Sorted(maps.Keys(topics)) {
		if topics[arn] {
			found = append(found, d.alarmTopic(ctx, arn)...)
		}
	}
	return found
}

// alarmTopic examines whether what is published to a topic reaches anybody.
func (d Doctor) alarmTopic(ctx context.Context, arn string) []Finding {
	l := d.look(alarmTopicCheck, arn[strings.LastIndex(arn, ":")+1:])
	if l.subject != d.Stack.AlarmTopic() {
		l.fix = "make it again, or change the topic of cellular:alarms"
	}
	out, err := d.SNS.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	if hasCode(err, notThereCodes) {
		l.warn("it is not there, and alarms tell it when they fire: nobody is paged")
		return l.findings
	}
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	d.subscribers(ctx, l, arn)
	if key := out.Attributes["KmsMasterKeyId"]; key != "" {
		d.alarmKey(ctx, l, key)
	}
	return l.end("has subscribers, who are told")
}

// pending is what SNS has for the ARN of a subscription that nobody has confirmed.
const pending = "PendingConfirmation"

// subscribers examines whether anybody is subscribed to a topic.
func (d Doctor) subscribers(ctx context.Context, l *look, arn string) {
	confirmed := 0
	var waiting []string
	if err := d.subscriptions(ctx, arn, func(s snstypes.Subscription) {
		switch arn := aws.ToString(s.SubscriptionArn); {
		case arn == pending:
			waiting = append(waiting, aws.ToString(s.Endpoint))
		case strings.HasPrefix(arn, "arn:"): // of one that was deleted a moment ago, SNS has another word
			confirmed++
		}
	}); err != nil {
		l.unseen(err)
		return
	}
	switch {
	case confirmed > 0:
	case len(waiting) > 0:
		l.add(Warn, "confirm it at "+waiting[0]+", where SNS has sent a link, or subscribe again", "nobody is paged: of its subscriptions none is confirmed")
	default:
		l.add(Warn, "'aws sns subscribe --topic-arn "+arn+" --protocol email --notification-endpoint ADDRESS', or --protocol https with your pager's URL; then confirm it",
			"nobody is paged: it has no subscription")
	}
}

// managedKey is the key that AWS manages for SNS. Its policy admits no service, and cannot be changed.
const managedKey = "alias/aws/sns"

// alarmKey examines the key that encrypts a topic. What cannot be encrypted is not published, and CloudWatch does not try again.
func (d Doctor) alarmKey(ctx context.Context, l *look, key string) {
	if strings.HasSuffix(key, managedKey) {
		l.warn("nobody is paged: it is encrypted with %s, which CloudWatch may not use", managedKey)
		return
	}
	out, err := d.KMS.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &key})
	switch {
	case hasCode(err, notThereCodes):
		l.warn("nobody is paged: its key %s is not there", key)
	case err != nil:
		l.unseen(err)
	case out.KeyMetadata.KeyState == kmstypes.KeyStatePendingDeletion:
		id := aws.ToString(out.KeyMetadata.KeyId)
		l.add(Warn, "'aws kms cancel-key-deletion --key-id "+id+"', then 'aws kms enable-key --key-id "+id+"'", "nobody is paged: its key is to be deleted")
	case out.KeyMetadata.KeyState != kmstypes.KeyStateEnabled:
		l.add(Warn, "'aws kms enable-key --key-id "+aws.ToString(out.KeyMetadata.KeyId)+"'", "nobody is paged: its key is %s", out.KeyMetadata.KeyState)
	}
}
