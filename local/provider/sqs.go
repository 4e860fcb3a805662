package provider

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
)

// queueGone are the codes with which SQS says that a queue does not exist.
var queueGone = []string{"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}

// queueAttributes maps the properties of a queue to SQS attributes. Ranges: API reference, SetQueueAttributes.
var queueAttributes = map[string]types.QueueAttributeName{
	"visibilityTimeoutSeconds": types.QueueAttributeNameVisibilityTimeout,
	"messageRetentionSeconds":  types.QueueAttributeNameMessageRetentionPeriod,
	"maxMessageSize":           types.QueueAttributeNameMaximumMessageSize,
	"delaySeconds":             types.QueueAttributeNameDelaySeconds,
	"receiveWaitTimeSeconds":   types.QueueAttributeNameReceiveMessageWaitTimeSeconds,
	"sqsManagedSseEnabled":     types.QueueAttributeNameSqsManagedSseEnabled,
	"redrivePolicy":            types.QueueAttributeNameRedrivePolicy,
}

var queueKind = &kind{
	token: "aws:sqs/queue:Queue",
	args:  elementOf(sqs.QueueArgs{}),
	state: reflect.TypeFor[sqs.Queue](),
	rules: map[string]rule{
		"name":                     named("A-Za-z0-9_-", 1, 80),
		"visibilityTimeoutSeconds": between(0, 43_200),
		"messageRetentionSeconds":  between(60, 1_209_600),
		"maxMessageSize":           between(1_024, 1_048_576),
		"delaySeconds":             between(0, 900),
		"receiveWaitTimeSeconds":   between(0, 20),
		"sqsManagedSseEnabled":     nil,
		"redrivePolicy":            document(checkRedrive),
		"tags":                     tagMap,
	},
	defaults: values{
		"visibilityTimeoutSeconds": 30, "messageRetentionSeconds": 345_600, "maxMessageSize": 262_144,
		"delaySeconds": 0, "receiveWaitTimeSeconds": 0,
	},
	replaceOn: []string{"name"},
	create:    createQueue,
	read:      readQueue,
	update:    updateQueue,
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.sqs.DeleteQueue(ctx, &awssqs.DeleteQueueInput{QueueUrl: &r.id})
		return gone(err, queueGone...)
	},
}

// redrive is a queue's redrive policy.
type redrive struct {
	Target     string `json:"deadLetterTargetArn"`
	MaxReceive int    `json:"maxReceiveCount"`
}

func checkRedrive(d redrive) error {
	if err := arnOf("sqs")(stringValue(d.Target)); err != nil {
		return fmt.Errorf("deadLetterTargetArn %w", err)
	}
	if d.MaxReceive < 1 || d.MaxReceive > 1000 {
		return fmt.Errorf("maxReceiveCount is %d, allowed: 1 to 1000", d.MaxReceive)
	}
	return nil
}

func attributes(in props, keys ...string) map[string]string {
	out := map[string]string{}
	for _, key := range keys {
		name := string(queueAttributes[key])
		switch v, ok := in.get(key); {
		case !ok:
			out[name] = ""
		case v.IsString():
			out[name] = v.StringValue()
		case v.IsBool():
			out[name] = strconv.FormatBool(v.BoolValue())
		default:
			out[name] = strconv.Itoa(int(v.NumberValue()))
		}
	}
	return out
}

func createQueue(ctx context.Context, c *clients, r request) (string, values, error) {
	if err := c.deadLetterQueueExists(ctx, r.in); err != nil {
		return "", nil, err
	}
	var set []string
	for _, key := range sortedKeys(queueAttributes) {
		if r.in.has(key) {
			set = append(set, key)
		}
	}
	name := r.in.str("name")
	out, err := c.sqs.CreateQueue(ctx, &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes(r.in, set...), Tags: r.tags})
	if err != nil {
		return "", nil, err
	}
	url := aws.ToString(out.QueueUrl)
	found, err := c.describeQueue(ctx, url)
	return url, found, err
}

// deadLetterQueueExists refuses a redrive policy that points nowhere, as SQS does.
func (c *clients) deadLetterQueueExists(ctx context.Context, in props) error {
	if !in.has("redrivePolicy") {
		return nil
	}
	var d redrive
	if err := document(func(v redrive) error { d = v; return nil })(stringValue(in.str("redrivePolicy"))); err != nil {
		return err
	}
	if err := c.queueExists(ctx, d.Target); err != nil {
		return fmt.Errorf("redrivePolicy: dead letter target %s: %w", d.Target, err)
	}
	return nil
}

// queueExists returns errGone if the ARN names no queue.
func (c *clients) queueExists(ctx context.Context, queueARN string) error {
	_, err := c.queueURL(ctx, queueARN)
	return err
}

func (c *clients) queueURL(ctx context.Context, queueARN string) (string, error) {
	a, err := arn.Parse(queueARN)
	if err != nil {
		return "", err
	}
	out, err := c.sqs.GetQueueUrl(ctx, &awssqs.GetQueueUrlInput{QueueName: &a.Resource})
	if err != nil {
		return "", gone(err, queueGone...)
	}
	return aws.ToString(out.QueueUrl), nil
}

func (c *clients) queueAttributes(ctx context.Context, url string) (map[string]string, error) {
	out, err := c.sqs.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	if err != nil {
		return nil, gone(err, queueGone...)
	}
	return out.Attributes, nil
}

// setQueueAttributes sends the queue's policy along with every change, because moto forgets a policy that is not in the
// request; one call at a time, so that the policy cannot change between the read and the write.
func (c *clients) setQueueAttributes(ctx context.Context, url string, changed map[string]string) error {
	c.queueWrites.Lock()
	defer c.queueWrites.Unlock()
	const policy = string(types.QueueAttributeNamePolicy)
	if _, ok := changed[policy]; !ok {
		now, err := c.queueAttributes(ctx, url)
		if err != nil {
			return err
		}
		if now[policy] != "" {
			changed[policy] = now[policy]
		}
	}
	_, err := c.sqs.SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: changed})
	return gone(err, queueGone...)
}

func readQueue(ctx context.Context, c *clients, r request) (values, error) {
	found, err := c.describeQueue(ctx, r.id)
	if err != nil {
		return nil, err
	}
	tags, err := c.sqs.ListQueueTags(ctx, &awssqs.ListQueueTagsInput{QueueUrl: &r.id})
	if err != nil {
		return nil, gone(err, queueGone...)
	}
	found["tagsAll"] = tags.Tags
	return found, nil
}

// describeQueue gives everything but the tags.
func (c *clients) describeQueue(ctx context.Context, url string) (values, error) {
	got, err := c.queueAttributes(ctx, url)
	if err != nil {
		return nil, err
	}
	a, err := arn.Parse(got["QueueArn"])
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", url, err)
	}
	found := values{
		"arn": got["QueueArn"], "url": url, "name": a.Resource,
		"policy": got["Policy"], "redriveAllowPolicy": got["RedriveAllowPolicy"],
		"namePrefix": "", "deduplicationScope": "", "fifoThroughputLimit": "",
		"kmsDataKeyReusePeriodSeconds": 300, // the service's default: the queues here have no key of their own
	}
	for key, name := range queueAttributes {
		v := got[string(name)]
		switch key {
		case "redrivePolicy":
			found[key] = v
		case "sqsManagedSseEnabled":
			found[key] = v == "true"
		default:
			n, err := strconv.Atoi(v)
			if err != nil {
				return nil, fmt.Errorf("queue %s: attribute %s: %w", url, name, err)
			}
			found[key] = n
		}
	}
	return found, nil
}

func updateQueue(ctx context.Context, c *clients, r request) (values, error) {
	if err := c.deadLetterQueueExists(ctx, r.in); err != nil {
		return nil, err
	}
	var changed []string
	for _, key := range sortedKeys(queueAttributes) {
		if r.changed(key) {
			changed = append(changed, key)
		}
	}
	if len(changed) > 0 {
		if err := c.setQueueAttributes(ctx, r.id, attributes(r.in, changed...)); err != nil {
			return nil, err
		}
	}
	return nil, retag(ctx, r.oldTags(), r.tags,
		func(ctx context.Context, set map[string]string) error {
			_, err := c.sqs.TagQueue(ctx, &awssqs.TagQueueInput{QueueUrl: &r.id, Tags: set})
			return err
		},
		func(ctx context.Context, keys []string) error {
			_, err := c.sqs.UntagQueue(ctx, &awssqs.UntagQueueInput{QueueUrl: &r.id, TagKeys: keys})
			return err
		})
}

var queuePolicyKind = queueDocumentKind("aws:sqs/queuePolicy:QueuePolicy", elementOf(sqs.QueuePolicyArgs{}), reflect.TypeFor[sqs.QueuePolicy](),
	"policy", types.QueueAttributeNamePolicy, policy(resourcePolicy, 262_144))

var redriveAllowPolicyKind = queueDocumentKind("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy", elementOf(sqs.RedriveAllowPolicyArgs{}), reflect.TypeFor[sqs.RedriveAllowPolicy](),
	"redriveAllowPolicy", types.QueueAttributeNameRedriveAllowPolicy, document(checkRedriveAllow))

// redriveAllow says which queues may use a queue as their dead-letter queue.
type redriveAllow struct {
	Permission string   `json:"redrivePermission"`
	Sources    []string `json:"sourceQueueArns,omitempty"`
}

func checkRedriveAllow(d redriveAllow) error {
	if err := oneOf("allowAll", "denyAll", "byQueue")(stringValue(d.Permission)); err != nil {
		return fmt.Errorf("redrivePermission %w", err)
	}
	if (d.Permission == "byQueue") != (len(d.Sources) > 0) {
		return errors.New("sourceQueueArns go with redrivePermission byQueue, and only with it")
	}
	if len(d.Sources) > 10 {
		return fmt.Errorf("has %d sourceQueueArns, allowed: 10", len(d.Sources))
	}
	for _, s := range d.Sources {
		if err := arnOf("sqs")(stringValue(s)); err != nil {
			return fmt.Errorf("sourceQueueArns: %w", err)
		}
	}
	return nil
}

// queueDocumentKind is a resource that is one JSON attribute of a queue. Its id is the queue's URL.
func queueDocumentKind(token string, args, state reflect.Type, property string, attribute types.QueueAttributeName, check rule) *kind {
	set := func(ctx context.Context, c *clients, url, value string) error {
		if attribute == types.QueueAttributeNamePolicy && value != "" {
			if err := c.principalsExist(ctx, value); err != nil {
				return err
			}
		}
		return c.setQueueAttributes(ctx, url, map[string]string{string(attribute): value})
	}
	return &kind{
		token:     token,
		args:      args,
		state:     state,
		rules:     map[string]rule{"queueUrl": nil, property: check},
		required:  []string{property},
		replaceOn: []string{"queueUrl"},
		create: func(ctx context.Context, c *clients, r request) (string, values, error) {
			url := r.in.str("queueUrl")
			if err := set(ctx, c, url, r.in.str(property)); err != nil {
				return "", nil, err
			}
			return url, nil, nil
		},
		read: func(ctx context.Context, c *clients, r request) (values, error) {
			got, err := c.queueAttributes(ctx, r.id)
			if err != nil {
				return nil, err
			}
			doc := got[string(attribute)]
			if attribute == types.QueueAttributeNameRedriveAllowPolicy && doc == "" {
				doc = r.in.str(property) // moto takes this attribute and does not tell it: what is known stands
			}
			if doc == "" {
				return nil, errGone
			}
			return values{"queueUrl": r.id, property: doc}, nil
		},
		update: func(ctx context.Context, c *clients, r request) (values, error) {
			return nil, set(ctx, c, r.id, r.in.str(property))
		},
		remove: func(ctx context.Context, c *clients, r request) error { return set(ctx, c, r.id, "") },
	}
}
