package controlplane

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/iam"
)

// AlarmTopicType is the component's Pulumi type.
const AlarmTopicType = "cellular:controlplane:AlarmTopic"

// KMS deletes a key after a number of days, and until then gives it back: 7 to 30, API reference, ScheduleKeyDeletion.
const (
	keptKeyDays      = 30
	throwAwayKeyDays = 7
)

// AlarmTopic is the topic to which the deployment's composite alarms publish, and to which people subscribe. It is encrypted
// with a key of its own, because the policy of the key that AWS manages for SNS does not admit CloudWatch: an alarm of such a
// topic fires and nobody hears of it.
type AlarmTopic struct {
	pulumi.ResourceState

	ARN pulumi.StringOutput `pulumi:"arn"`
}

// NewAlarmTopic registers the topic, its key, and their policies. Where the configuration names another topic, it registers
// nothing, and the ARN is that one's. The policies name the account and the Region of the mapping table, which the stack need not
// ask for. opts apply to the component.
func NewAlarmTopic(ctx *pulumi.Context, name string, args *Args, mappingTableARN pulumi.StringInput, opts ...pulumi.ResourceOption) (*AlarmTopic, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("alarm topic %s: %w", name, err)
	}
	if other := args.Alarms.Topic; other != "" {
		return &AlarmTopic{ARN: pulumi.String(other).ToStringOutput()}, nil
	}
	t := &AlarmTopic{}
	if err := ctx.RegisterComponentResource(AlarmTopicType, name, t, opts...); err != nil {
		return nil, fmt.Errorf("alarm topic %s: register: %w", name, err)
	}
	key, err := newAlarmKey(ctx, name, args, mappingTableARN, t)
	if err != nil {
		return nil, fmt.Errorf("alarm topic %s: %w", name, err)
	}
	topic, err := sns.NewTopic(ctx, name, &sns.TopicArgs{
		Name:           pulumi.String(args.Stack.AlarmTopic()),
		KmsMasterKeyId: key.Arn,
		Tags:           tags(),
	}, pulumi.Parent(t), pulumi.Protect(args.Protect)) // with it go the subscriptions that people have confirmed
	if err != nil {
		return nil, fmt.Errorf("alarm topic %s: create the topic: %w", name, err)
	}
	policy, err := sns.NewTopicPolicy(ctx, name+"-policy", &sns.TopicPolicyArgs{
		Arn: topic.Arn,
		Policy: pulumi.All(topic.Arn, mappingTableARN).ApplyT(func(arns []any) (string, error) {
			return iam.Document(alarmTopicPolicy(arns[0].(string), placeOf(arns[1].(string)))...)
		}).(pulumi.StringOutput),
	}, pulumi.Parent(t))
	if err != nil {
		return nil, fmt.Errorf("alarm topic %s: create the topic's policy: %w", name, err)
	}
	t.ARN = policy.Arn // the same; an alarm that tells it is made once it may
	if err := ctx.RegisterResourceOutputs(t, pulumi.Map{"arn": t.ARN}); err != nil {
		return nil, fmt.Errorf("alarm topic %s: register outputs: %w", name, err)
	}
	return t, nil
}

// newAlarmKey registers the key and its alias.
func newAlarmKey(ctx *pulumi.Context, name string, args *Args, mappingTableARN pulumi.StringInput, parent pulumi.Resource) (*kms.Key, error) {
	days := throwAwayKeyDays
	if args.Protect {
		days = keptKeyDays
	}
	key, err := kms.NewKey(ctx, name+"-key", &kms.KeyArgs{
		Description:          pulumi.String("Encrypts what the alarms of " + string(args.Stack) + " publish"),
		EnableKeyRotation:    pulumi.Bool(true),
		DeletionWindowInDays: pulumi.Int(days),
		Policy: mappingTableARN.ToStringOutput().ApplyT(func(arn string) (string, error) {
			return iam.Document(alarmKeyPolicy(placeOf(arn))...)
		}).(pulumi.StringOutput),
		Tags: tags(),
	}, pulumi.Parent(parent), pulumi.Protect(args.Protect))
	if err != nil {
		return nil, fmt.Errorf("create the topic's key: %w", err)
	}
	if _, err := kms.NewAlias(ctx, name+"-key-alias", &kms.AliasArgs{
		Name:        pulumi.String(args.Stack.AlarmKeyAlias()),
		TargetKeyId: key.KeyId,
	}, pulumi.Parent(parent)); err != nil {
		return nil, fmt.Errorf("create the alias of the topic's key: %w", err)
	}
	return key, nil
}

// place is where the stack is.
type place struct{ partition, region, account string }

// placeOf takes the place out of the ARN of something there.
func placeOf(arn string) place {
	parts := strings.SplitN(arn, ":", 6) // arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE
	return place{partition: parts[1], region: parts[3], account: parts[4]}
}

// root is the ARN by which a policy names the account.
func (p place) root() string { return "arn:" + p.partition + ":iam::" + p.account + ":root" }

// itsAlarms keeps CloudWatch, which serves every account, from publishing for the alarms of others.
func (p place) itsAlarms() iam.Condition {
	return iam.Condition{
		"StringEquals": {"aws:SourceAccount": p.account},
		"ArnLike":      {"aws:SourceArn": "arn:" + p.partition + ":cloudwatch:" + p.region + ":" + p.account + ":alarm:*"},
	}
}

const cloudWatch = "cloudwatch.amazonaws.com"

// alarmTopicPolicy lets the account's alarms publish. Who may subscribe, the account's own policies say: within an account, the
// right of a role or user is enough.
func alarmTopicPolicy(topicARN string, here place) []iam.Statement {
	return []iam.Statement{
		{
			Sid: "AlarmsPublish", Effect: iam.Allow,
			Principal: iam.Principal{Service: cloudWatch},
			Actions:   []string{"sns:Publish"},
			Resources: []string{topicARN},
			Condition: here.itsAlarms(),
		},
		iam.RequireTLS(topicARN, "sns:Publish", "sns:Subscribe"),
	}
}

// alarmKeyPolicy lets CloudWatch encrypt what it publishes, and leaves the key to the account. In the policy of a key, the key is
// all resources.
func alarmKeyPolicy(here place) []iam.Statement {
	return []iam.Statement{
		iam.AdministerKey(here.root()),
		{
			Sid: "AlarmsEncrypt", Effect: iam.Allow,
			Principal: iam.Principal{Service: cloudWatch},
			Actions:   []string{"kms:Decrypt", iam.GenerateDataKeys},
			Resources: []string{"*"},
			Condition: here.itsAlarms(),
		},
	}
}
