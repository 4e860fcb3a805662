package gate

import (
	"encoding/json"
	"strings"

	"cellular/local/gate/policy"
)

// ownSNSKey is the alias of the key that AWS manages for SNS. Its policy admits the account's principals through SNS, and no
// service: a topic that is encrypted with it takes nothing from CloudWatch.
const ownSNSKey = "alias/aws/sns"

// keyActions are what a service needs of a topic's key to publish: "Enable compatibility between event sources from AWS
// services and encrypted topics" of the SNS developer guide.
var keyActions = []string{"kms:GenerateDataKey", "kms:Decrypt"}

func readKMS(c *call) error {
	var in struct{ KeyId, Policy, AliasName, TargetKeyId string }
	if err := json.Unmarshal(c.body, &in); err != nil {
		return failure{400, "SerializationException", err.Error()}
	}
	key := c.key(in.KeyId)
	switch c.operation {
	case "CreateKey":
		p, err := keyPolicy(in.Policy)
		if err != nil {
			return err
		}
		c.change = func(d *deployed, answer []byte) {
			var made struct{ KeyMetadata struct{ Arn string } }
			if json.Unmarshal(answer, &made) == nil && made.KeyMetadata.Arn != "" {
				d.policies[made.KeyMetadata.Arn] = p
			}
		}
	case "PutKeyPolicy":
		p, err := keyPolicy(in.Policy)
		if err != nil {
			return err
		}
		c.change = func(d *deployed, _ []byte) { d.policies[key] = p }
	case "ScheduleKeyDeletion": // from now on nobody can use it
		c.change = func(d *deployed, _ []byte) { delete(d.policies, key) }
	case "CreateAlias", "UpdateAlias":
		c.change = func(d *deployed, _ []byte) { d.aliases[in.AliasName] = c.key(in.TargetKeyId) }
	case "DeleteAlias":
		c.change = func(d *deployed, _ []byte) { delete(d.aliases, in.AliasName) }
	case "DescribeKey":
		if strings.Contains(in.KeyId, "alias/") { // the right is one on the key, which an alias does not name
			return c.notEnforced()
		}
		c.requests = c.one("kms:DescribeKey", key)
	case "CreateGrant", "DisableKey", "EnableKey", "CancelKeyDeletion", "ReplicateKey":
		return c.notEnforced()
	}
	return nil
}

// key is the ARN of a key that is given by its id or ARN.
func (c *call) key(id string) string {
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	return c.arn("kms", "key/"+id)
}

// keyPolicy reads the policy of a key; "" is the default, which leaves all to the account's own policies. KMS refuses one by
// which the account could never change it again.
func keyPolicy(text string) (policy.Document, error) {
	if text == "" {
		return policy.Document{Statements: []policy.Statement{{
			Effect: policy.Allow, Principals: policy.Principals{Accounts: []string{Account}}, Actions: []string{"kms:*"}, Resources: []string{"*"},
		}}}, nil
	}
	p, err := policy.Parse(policy.Resource, text)
	if err != nil {
		return p, malformed(err)
	}
	if !p.DelegatesTo(Account, "kms:PutKeyPolicy") {
		return p, failure{400, "MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future."}
	}
	return p, nil
}

// keyOf is the ARN of the key that encrypts a topic's messages, or "". A key that does not exist has an ARN without a policy.
func (d *deployed) keyOf(topic string) string {
	id := d.topicKeys[topic]
	alias := id
	if i := strings.Index(id, ":alias/"); i >= 0 {
		alias = id[i+1:]
	}
	parts := strings.SplitN(topic, ":", 6)
	switch {
	case id == "" || len(parts) < 6:
		return ""
	case d.aliases[alias] != "":
		return d.aliases[alias]
	case strings.HasPrefix(id, "arn:"):
		return id
	case !strings.HasPrefix(id, "alias/"):
		id = "key/" + id
	}
	return strings.Join([]string{"arn", parts[1], "kms", parts[3], parts[4], id}, ":")
}

// authorizeKey returns nil if a service may encrypt what it publishes to a topic.
func (g *Gate) authorizeKey(service, topic, sourceARN string) error {
	g.mu.RLock()
	key := g.deployed.keyOf(topic)
	g.mu.RUnlock()
	if key == "" {
		return nil
	}
	for _, action := range keyActions {
		if err := g.AuthorizeService(service, action, key, sourceARN); err != nil {
			return err
		}
	}
	return nil
}

// refuseOwnKey refuses a role's publication to a topic that has a key of the account: which rights on the key the role needs
// beside sns:Publish is not enforced here. The key that AWS manages lets every role of the account publish.
func (g *Gate) refuseOwnKey(topic string) error {
	g.mu.RLock()
	key := g.deployed.keyOf(topic)
	g.mu.RUnlock()
	if key == "" || strings.HasSuffix(key, ":"+ownSNSKey) {
		return nil
	}
	return failure{400, "KMSAccessDenied", "the local cloud does not enforce what rights a role needs on the key " + key + " of a topic: add it to package local/gate"}
}
