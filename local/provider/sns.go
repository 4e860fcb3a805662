package provider

import (
	"context"
	"fmt"
	"reflect"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
)

const (
	// topicGone is the code with which SNS says that a topic or subscription does not exist.
	topicGone = "NotFound"
	// maxTopicPolicy is SNS's limit on a topic's policy, in bytes.
	maxTopicPolicy = 30 << 10
)

// topicAttributes maps the properties of a topic to SNS attributes.
var topicAttributes = map[string]string{
	"displayName":      "DisplayName",
	"kmsMasterKeyId":   "KmsMasterKeyId",
	"tracingConfig":    "TracingConfig",
	"signatureVersion": "SignatureVersion",
}

var topicKind = &kind{
	token: "aws:sns/topic:Topic",
	args:  elementOf(sns.TopicArgs{}),
	state: reflect.TypeFor[sns.Topic](),
	rules: map[string]rule{
		"name":             named("A-Za-z0-9_-", 1, 256),
		"displayName":      length(0, 100),
		"kmsMasterKeyId":   length(1, 2_048),
		"tracingConfig":    oneOf("PassThrough", "Active"),
		"signatureVersion": between(1, 2),
		"tags":             tagMap,
	},
	replaceOn: []string{"name"},
	create:    createTopic,
	read:      readTopic,
	update:    updateTopic,
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.sns.DeleteTopic(ctx, &awssns.DeleteTopicInput{TopicArn: &r.id})
		return gone(err, topicGone)
	},
}

func topicAttribute(in props, key string) string {
	if key == "signatureVersion" {
		return strconv.Itoa(in.numOr(key, 1))
	}
	return in.str(key)
}

func createTopic(ctx context.Context, c *clients, r request) (string, values, error) {
	attributes := map[string]string{}
	for key, attribute := range topicAttributes {
		if r.in.has(key) {
			attributes[attribute] = topicAttribute(r.in, key)
		}
	}
	out, err := c.sns.CreateTopic(ctx, &awssns.CreateTopicInput{Name: aws.String(r.in.str("name")), Attributes: attributes, Tags: topicTags(r.tags)})
	if err != nil {
		return "", nil, err
	}
	id := aws.ToString(out.TopicArn)
	found, err := c.describeTopic(ctx, id)
	return id, found, err
}

func readTopic(ctx context.Context, c *clients, r request) (values, error) {
	found, err := c.describeTopic(ctx, r.id)
	if err != nil {
		return nil, err
	}
	tags, err := c.sns.ListTagsForResource(ctx, &awssns.ListTagsForResourceInput{ResourceArn: &r.id})
	if err != nil {
		return nil, gone(err, topicGone, "ResourceNotFound")
	}
	found["tagsAll"] = tagsOf(tags.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
	return found, nil
}

// describeTopic gives everything but the tags.
func (c *clients) describeTopic(ctx context.Context, topicARN string) (values, error) {
	out, err := c.sns.GetTopicAttributes(ctx, &awssns.GetTopicAttributesInput{TopicArn: &topicARN})
	if err != nil {
		return nil, gone(err, topicGone)
	}
	a, err := arn.Parse(topicARN)
	if err != nil {
		return nil, fmt.Errorf("topic %q: %w", topicARN, err)
	}
	found := values{
		"arn": topicARN, "name": a.Resource, "owner": out.Attributes["Owner"], "policy": out.Attributes["Policy"],
		"namePrefix": "", "beginningArchiveTime": "", "fifoThroughputScope": "", "signatureVersion": 1,
		"tracingConfig": out.Attributes["TracingConfig"],
	}
	for _, key := range []string{"displayName", "kmsMasterKeyId"} {
		if v := out.Attributes[topicAttributes[key]]; v != "" {
			found[key] = v
		}
	}
	if n, err := strconv.Atoi(out.Attributes["SignatureVersion"]); err == nil {
		found["signatureVersion"] = n
	}
	return found, nil
}

func updateTopic(ctx context.Context, c *clients, r request) (values, error) {
	for _, key := range sortedKeys(topicAttributes) {
		if !r.changed(key) {
			continue
		}
		if err := c.setTopicAttribute(ctx, r.id, topicAttributes[key], topicAttribute(r.in, key)); err != nil {
			return nil, err
		}
	}
	return nil, retag(ctx, r.oldTags(), r.tags,
		func(ctx context.Context, set map[string]string) error {
			_, err := c.sns.TagResource(ctx, &awssns.TagResourceInput{ResourceArn: &r.id, Tags: topicTags(set)})
			return err
		},
		func(ctx context.Context, keys []string) error {
			_, err := c.sns.UntagResource(ctx, &awssns.UntagResourceInput{ResourceArn: &r.id, TagKeys: keys})
			return err
		})
}

func (c *clients) setTopicAttribute(ctx context.Context, topicARN, attribute, value string) error {
	_, err := c.sns.SetTopicAttributes(ctx, &awssns.SetTopicAttributesInput{TopicArn: &topicARN, AttributeName: &attribute, AttributeValue: &value})
	if err != nil {
		return fmt.Errorf("set %s: %w", attribute, gone(err, topicGone))
	}
	return nil
}

func topicTags(tags map[string]string) []types.Tag {
	return tagList(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

// topicPolicyKind is a topic's policy. Its id is the topic's ARN. A topic cannot be without a policy: removing it leaves
// one that lets the owner in, as with the real provider.
var topicPolicyKind = &kind{
	token: "aws:sns/topicPolicy:TopicPolicy",
	args:  elementOf(sns.TopicPolicyArgs{}),
	state: reflect.TypeFor[sns.TopicPolicy](),
	rules: map[string]rule{
		"arn":    arnOf("sns"),
		"policy": policy(resourcePolicy, maxTopicPolicy),
	},
	required:  []string{"policy"},
	replaceOn: []string{"arn"},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		topic := r.in.str("arn")
		if err := c.principalsExist(ctx, r.in.str("policy")); err != nil {
			return "", nil, err
		}
		if err := c.setTopicAttribute(ctx, topic, "Policy", r.in.str("policy")); err != nil {
			return "", nil, err
		}
		a, err := arn.Parse(topic)
		return topic, values{"owner": a.AccountID}, err
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		topic, err := c.describeTopic(ctx, r.id)
		if err != nil {
			return nil, err
		}
		left, err := ownerPolicy(r.id)
		if err != nil {
			return nil, err
		}
		if sameJSON(topic["policy"].(string), left) {
			return nil, errGone
		}
		return values{"arn": r.id, "policy": topic["policy"], "owner": topic["owner"]}, nil
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		if err := c.principalsExist(ctx, r.in.str("policy")); err != nil {
			return nil, err
		}
		return nil, c.setTopicAttribute(ctx, r.id, "Policy", r.in.str("policy"))
	},
	remove: func(ctx context.Context, c *clients, r request) error {
		left, err := ownerPolicy(r.id)
		if err != nil {
			return err
		}
		return c.setTopicAttribute(ctx, r.id, "Policy", left)
	},
}

// ownerPolicy lets the topic's owner in and nobody else.
func ownerPolicy(topicARN string) (string, error) {
	a, err := arn.Parse(topicARN)
	if err != nil {
		return "", fmt.Errorf("topic %q: %w", topicARN, err)
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"owner","Effect":"Allow",`+
		`"Principal":{"AWS":"arn:%s:iam::%s:root"},"Action":"sns:*","Resource":"%s"}]}`, a.Partition, a.AccountID, topicARN), nil
}
