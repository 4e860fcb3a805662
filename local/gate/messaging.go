package gate

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"cellular/local/gate/policy"
)

func readSQS(c *call) error {
	var in struct {
		QueueUrl, QueueName string
		Attributes          map[string]string
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return failure{400, "SerializationException", err.Error()}
	}
	name := in.QueueName
	if name == "" {
		name = in.QueueUrl[strings.LastIndex(in.QueueUrl, "/")+1:]
	}
	queue := c.arn("sqs", name)
	action := "sqs:" + strings.TrimSuffix(c.operation, "Batch") // a batch is the action of each of its entries
	switch c.operation {
	case "SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility",
		"ChangeMessageVisibilityBatch", "GetQueueAttributes", "GetQueueUrl", "PurgeQueue":
		c.requests = c.one(action, queue)
	case "ListQueues":
		c.requests = c.one(action, "*")
	case "CreateQueue", "SetQueueAttributes":
		c.requests = c.one(action, queue)
		text, ok := in.Attributes["Policy"]
		if !ok {
			return nil
		}
		return c.setPolicy(queue, text)
	case "DeleteQueue":
		c.requests = c.one(action, queue)
		c.change = func(d *deployed, _ []byte) { delete(d.policies, queue) }
	case "AddPermission", "RemovePermission":
		return c.notEnforced()
	}
	return nil
}

// setPolicy has the call set the policy of a resource; "" removes it.
func (c *call) setPolicy(resource, text string) error {
	if text == "" {
		c.change = func(d *deployed, _ []byte) { delete(d.policies, resource) }
		return nil
	}
	p, err := policy.Parse(policy.Resource, text)
	if err != nil {
		return malformed(err)
	}
	c.change = func(d *deployed, _ []byte) { d.policies[resource] = p }
	return nil
}

func readSNS(c *call) error {
	topic, action := c.form.Get("TopicArn"), "sns:"+c.operation
	switch c.operation {
	case "Publish", "PublishBatch":
		c.requests = c.one("sns:Publish", topic)
	case "ListSubscriptionsByTopic", "GetTopicAttributes":
		c.requests = c.one(action, topic)
	case "GetSubscriptionAttributes":
		c.requests = c.one(action, "*")
	case "CreateTopic":
		attributes := entries(c.form, "Attributes")
		if slices.Contains(attributes.names, "Policy") {
			return c.notEnforced()
		}
		if i := slices.Index(attributes.names, "KmsMasterKeyId"); i >= 0 {
			named := c.arn("sns", c.form.Get("Name"))
			c.change = func(d *deployed, _ []byte) { d.topicKeys[named] = attributes.values[i] }
		}
	case "SetTopicAttributes":
		value := c.form.Get("AttributeValue")
		switch c.form.Get("AttributeName") {
		case "Policy":
			return c.setPolicy(topic, value)
		case "KmsMasterKeyId":
			c.change = func(d *deployed, _ []byte) { d.topicKeys[topic] = value }
		}
	case "DeleteTopic":
		c.change = func(d *deployed, _ []byte) {
			delete(d.policies, topic)
			delete(d.topicKeys, topic)
		}
	case "Subscribe":
		return c.subscribe(topic)
	case "SetSubscriptionAttributes":
		id, name, value := c.form.Get("SubscriptionArn"), c.form.Get("AttributeName"), c.form.Get("AttributeValue")
		if err := (&subscription{}).set(name, value); err != nil {
			return err
		}
		c.change = func(d *deployed, _ []byte) {
			s := d.subscriptions[id]
			_ = s.set(name, value) // it was read before
			d.subscriptions[id] = s
		}
	case "Unsubscribe":
		id := c.form.Get("SubscriptionArn")
		c.requests = c.one(action, id[:max(0, strings.LastIndex(id, ":"))]) // the topic's ARN begins the subscription's
		c.change = func(d *deployed, _ []byte) { delete(d.subscriptions, id) }
	case "AddPermission", "RemovePermission":
		return c.notEnforced()
	}
	return nil
}

func (c *call) subscribe(topic string) error {
	c.requests = c.one("sns:Subscribe", topic)
	s := subscription{topic: topic, protocol: c.form.Get("Protocol"), endpoint: c.form.Get("Endpoint")}
	attributes := entries(c.form, "Attributes")
	for i, name := range attributes.names {
		if err := s.set(name, attributes.values[i]); err != nil {
			return err
		}
	}
	c.change = func(d *deployed, answer []byte) {
		var out struct {
			ARN string `xml:"SubscribeResult>SubscriptionArn"`
		}
		if xml.Unmarshal(answer, &out) == nil && out.ARN != "" {
			d.subscriptions[out.ARN] = s
		}
	}
	return nil
}

// set sets an attribute of a subscription that decides about deliveries.
func (s *subscription) set(name, value string) error {
	switch name {
	case "RawMessageDelivery":
		s.raw = value == "true"
	case "RedrivePolicy":
		var redrive struct {
			Target string `json:"deadLetterTargetArn"`
		}
		if value != "" {
			if err := json.Unmarshal([]byte(value), &redrive); err != nil {
				return failure{400, "InvalidParameter", fmt.Sprintf("RedrivePolicy: %v", err)}
			}
		}
		s.dlq = redrive.Target
	}
	return nil
}

// list is a map of the query protocol.
type list struct{ names, values []string }

// entries reads PREFIX.entry.1.key, PREFIX.entry.1.value and so on.
func entries(form map[string][]string, prefix string) list {
	var l list
	for n := 1; ; n++ {
		at := fmt.Sprintf("%s.entry.%d.", prefix, n)
		key, ok := form[at+"key"]
		if !ok {
			return l
		}
		value := ""
		if v := form[at+"value"]; len(v) > 0 {
			value = v[0]
		}
		l.names, l.values = append(l.names, key[0]), append(l.values, value)
	}
}

func readSSM(c *call) error {
	var in struct {
		Name, Path string
		Names      []string
	}
	if err := json.Unmarshal(c.body, &in); err != nil {
		return failure{400, "SerializationException", err.Error()}
	}
	parameter := func(name string) string { return c.arn("ssm", "parameter/"+strings.TrimPrefix(name, "/")) }
	switch c.operation {
	case "GetParameter":
		c.requests = c.one("ssm:GetParameter", parameter(in.Name))
	case "GetParametersByPath":
		c.requests = c.one("ssm:GetParametersByPath", parameter(in.Path))
	case "GetParameters":
		c.requests = func() ([]request, error) {
			var all []request
			for _, name := range in.Names {
				all = append(all, request{"ssm:GetParameters", parameter(name)})
			}
			return all, nil
		}
	}
	return nil
}
