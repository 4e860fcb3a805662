package gate

import (
	"crypto/rand"
	"maps"
	"slices"
	"strings"

	"cellular/local/gate/policy"
)

// deployed is what the emulator has been told that decides about requests.
type deployed struct {
	roles         map[string]role            // by ARN
	policies      map[string]policy.Document // of tables, queues, topics, functions and keys, by ARN
	subscriptions map[string]subscription    // by ARN
	topicKeys     map[string]string          // the keys of topics as they were given, by the topic's ARN
	aliases       map[string]string          // the ARNs of keys, by name: "alias/NAME"
	hashKeys      map[string]string          // the names of tables' hash keys, by the table's ARN
}

type role struct {
	id     string
	trust  policy.Document
	inline map[string]policy.Document // by name
}

// subscription is a queue's subscription to a topic.
type subscription struct {
	topic, protocol, endpoint string
	raw                       bool
	dlq                       string // ARN; "" for none
}

func newDeployed() deployed {
	return deployed{
		roles: map[string]role{}, policies: map[string]policy.Document{}, subscriptions: map[string]subscription{},
		topicKeys: map[string]string{}, aliases: map[string]string{}, hashKeys: map[string]string{},
	}
}

func newRole(trust policy.Document) role {
	return role{id: rand.Text(), trust: trust, inline: map[string]policy.Document{}}
}

func (r role) documents() []policy.Document { return slices.Collect(maps.Values(r.inline)) }

// policyOf is the policy of a resource, or nil. That of a table covers its indexes; a stream would have one of its own.
func (d *deployed) policyOf(arn string) *policy.Document {
	if table, _, ok := strings.Cut(arn, "/index/"); ok {
		arn = table
	}
	if p, ok := d.policies[arn]; ok {
		return &p
	}
	return nil
}

// roleARN is the ARN of the role of that name.
func (d *deployed) roleARN(name string) string {
	for arn := range d.roles {
		if roleName(arn) == name {
			return arn
		}
	}
	return "arn:" + partition + ":iam::" + Account + ":role/" + name
}

// queuesOf are the queues that subscribe to a topic.
func (d *deployed) queuesOf(topic string) []subscription {
	var all []subscription
	for _, s := range d.subscriptions {
		if s.topic == topic && s.protocol == "sqs" {
			all = append(all, s)
		}
	}
	return all
}

// SetFunctionPolicy sets the policy of a function, which the local Lambda keeps; "" removes it.
func (g *Gate) SetFunctionPolicy(functionARN, text string) error {
	var p policy.Document
	if text != "" {
		var err error
		if p, err = policy.Parse(policy.Resource, text); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if text == "" {
		delete(g.deployed.policies, functionARN)
	} else {
		g.deployed.policies[functionARN] = p
	}
	return nil
}
