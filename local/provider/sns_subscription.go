package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
)

// subscriptionAttributes maps the properties of a subscription to SNS attributes.
var subscriptionAttributes = map[string]string{
	"rawMessageDelivery": "RawMessageDelivery",
	"redrivePolicy":      "RedrivePolicy",
	"filterPolicy":       "FilterPolicy",
	"filterPolicyScope":  "FilterPolicyScope",
}

var subscriptionKind = &kind{
	token: "aws:sns/topicSubscription:TopicSubscription",
	args:  elementOf(sns.TopicSubscriptionArgs{}),
	state: reflect.TypeFor[sns.TopicSubscription](),
	rules: map[string]rule{
		"topic":                        arnOf("sns"),
		"protocol":                     oneOf("sqs"), // what the program uses
		"endpoint":                     arnOf("sqs"),
		"rawMessageDelivery":           nil,
		"redrivePolicy":                document(checkSubscriptionRedrive),
		"filterPolicy":                 document(func(map[string]any) error { return nil }),
		"filterPolicyScope":            oneOf("MessageAttributes", "MessageBody"),
		"confirmationTimeoutInMinutes": nil,
		"endpointAutoConfirms":         nil,
	},
	required:  []string{"topic"},
	defaults:  values{"confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": false, "rawMessageDelivery": false},
	replaceOn: []string{"topic", "protocol", "endpoint"},
	create:    createSubscription,
	read:      readSubscription,
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		if err := c.subscriptionQueuesExist(ctx, r.in); err != nil {
			return nil, err
		}
		for _, key := range sortedKeys(subscriptionAttributes) {
			if !r.changed(key) {
				continue
			}
			name := subscriptionAttributes[key]
			_, err := c.sns.SetSubscriptionAttributes(ctx, &awssns.SetSubscriptionAttributesInput{
				SubscriptionArn: &r.id, AttributeName: &name, AttributeValue: aws.String(subscriptionAttribute(r.in, key)),
			})
			if err != nil {
				return nil, fmt.Errorf("set %s: %w", name, gone(err, topicGone))
			}
		}
		return nil, nil
	},
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.sns.Unsubscribe(ctx, &awssns.UnsubscribeInput{SubscriptionArn: &r.id})
		return gone(err, topicGone)
	},
}

// subscriptionRedrive is a subscription's redrive policy.
type subscriptionRedrive struct {
	Target string `json:"deadLetterTargetArn"`
}

func checkSubscriptionRedrive(d subscriptionRedrive) error {
	if err := arnOf("sqs")(stringValue(d.Target)); err != nil {
		return fmt.Errorf("deadLetterTargetArn %w", err)
	}
	return nil
}

func subscriptionAttribute(in props, key string) string {
	if key == "rawMessageDelivery" {
		return strconv.FormatBool(in.flag(key))
	}
	return in.str(key)
}

func createSubscription(ctx context.Context, c *clients, r request) (string, values, error) {
	if err := c.subscriptionQueuesExist(ctx, r.in); err != nil {
		return "", nil, err
	}
	attributes := map[string]string{}
	for key, name := range subscriptionAttributes {
		if r.in.has(key) {
			attributes[name] = subscriptionAttribute(r.in, key)
		}
	}
	out, err := c.sns.Subscribe(ctx, &awssns.SubscribeInput{
		TopicArn: aws.String(r.in.str("topic")), Protocol: aws.String(r.in.str("protocol")), Endpoint: aws.String(r.in.str("endpoint")),
		Attributes: attributes, ReturnSubscriptionArn: true,
	})
	if err != nil {
		return "", nil, gone(err, topicGone)
	}
	id := aws.ToString(out.SubscriptionArn)
	found, err := readSubscription(ctx, c, request{id: id})
	return id, found, err
}

// subscriptionQueuesExist refuses a subscription that would deliver, or dead-letter, to nowhere: SNS drops such messages
// without a word.
func (c *clients) subscriptionQueuesExist(ctx context.Context, in props) error {
	if err := c.queueExists(ctx, in.str("endpoint")); err != nil {
		return fmt.Errorf("endpoint %s: %w", in.str("endpoint"), err)
	}
	if !in.has("redrivePolicy") {
		return nil
	}
	var d subscriptionRedrive
	if err := json.Unmarshal([]byte(in.str("redrivePolicy")), &d); err != nil {
		return fmt.Errorf("redrivePolicy: %w", err)
	}
	if err := c.queueExists(ctx, d.Target); err != nil {
		return fmt.Errorf("redrivePolicy: dead letter target %s: %w", d.Target, err)
	}
	return nil
}

func readSubscription(ctx context.Context, c *clients, r request) (values, error) {
	out, err := c.sns.GetSubscriptionAttributes(ctx, &awssns.GetSubscriptionAttributesInput{SubscriptionArn: &r.id})
	if err != nil {
		return nil, gone(err, topicGone)
	}
	a := out.Attributes
	found := values{
		"arn": r.id, "topic": a["TopicArn"], "protocol": a["Protocol"], "endpoint": a["Endpoint"], "ownerId": a["Owner"],
		"rawMessageDelivery": a["RawMessageDelivery"] == "true", "pendingConfirmation": a["PendingConfirmation"] == "true",
		"confirmationWasAuthenticated": a["ConfirmationWasAuthenticated"] == "true", "filterPolicyScope": a["FilterPolicyScope"],
	}
	for _, key := range []string{"redrivePolicy", "filterPolicy"} {
		if v := a[subscriptionAttributes[key]]; v != "" {
			found[key] = v
		}
	}
	return found, nil
}
