package gate_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/stretchr/testify/require"

	"cellular/local/gate"
)

const (
	watch      = "cloudwatch.amazonaws.com"
	keyID      = "01234567-89ab-cdef-0123-456789abcdef"
	administer = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}`
	admitWatch = `{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*",` +
		`"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"},"ArnLike":{"aws:SourceArn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:*"}}}`
)

// putKeyPolicy gives the key a policy of these statements.
func (c *cloud) putKeyPolicy(statements ...string) error {
	_, err := kms.NewFromConfig(c.admin()).PutKeyPolicy(c.t.Context(), &kms.PutKeyPolicyInput{KeyId: aws.String(keyID), Policy: aws.String(document(statements...))})
	return err
}

// topic makes a topic that lets CloudWatch publish, and is encrypted with a key, if one is given.
func (c *cloud) topic(name, key string) string {
	c.t.Helper()
	client, topic := sns.NewFromConfig(c.admin()), arn("sns", name)
	in := &sns.CreateTopicInput{Name: &name}
	if key != "" {
		in.Attributes = map[string]string{"KmsMasterKeyId": key}
	}
	_, err := client.CreateTopic(c.t.Context(), in)
	require.NoError(c.t, err)
	_, err = client.SetTopicAttributes(c.t.Context(), &sns.SetTopicAttributesInput{TopicArn: &topic, AttributeName: aws.String("Policy"), AttributeValue: aws.String(document(
		`{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":"` + topic + `","Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}`,
	))})
	require.NoError(c.t, err)
	return topic
}

func TestAServicePublishesToAnEncryptedTopicOnlyIfItsKeyAdmitsTheService(t *testing.T) {
	c := newCloud(t)
	alarm := arn("cloudwatch", "alarm:depth")
	_, err := kms.NewFromConfig(c.admin()).CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/alarms"), TargetKeyId: aws.String(keyID)})
	require.NoError(t, err)
	key := arn("kms", "key/"+keyID)
	plain, owned := c.topic("plain", ""), c.topic("owned", "alias/aws/sns")
	encrypted := []string{c.topic("by-id", keyID), c.topic("by-arn", key), c.topic("by-alias", "alias/alarms"), c.topic("by-alias-arn", arn("kms", "alias/alarms"))}
	publish := func(topic, alarm string) error { return c.gate.AuthorizeService(watch, "sns:Publish", topic, alarm) }

	require.NoError(t, publish(plain, alarm))
	require.ErrorContains(t, publish(owned, alarm), "kms:GenerateDataKey on resource: "+arn("kms", "alias/aws/sns"), "AWS's own key admits no service")
	for _, topic := range encrypted {
		require.ErrorContains(t, publish(topic, alarm), "Service: cloudwatch.amazonaws.com is not authorized to perform: kms:GenerateDataKey on resource: "+key, topic)
	}
	require.NoError(t, c.putKeyPolicy(administer, admitWatch))
	for _, topic := range encrypted {
		require.NoError(t, publish(topic, alarm), topic)
	}
	stranger := "arn:aws:cloudwatch:eu-west-1:210987654321:alarm:depth"
	require.True(t, gate.IsDenied(publish(plain, stranger)), "another account's alarm")
	require.ErrorContains(t, publish(encrypted[0], arn("cloudwatch", "dashboard/depth")), "kms:GenerateDataKey", "what is no alarm")

	require.NoError(t, c.putKeyPolicy(administer, `{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"kms:GenerateDataKey*","Resource":"*"}`))
	require.ErrorContains(t, publish(encrypted[0], alarm), "kms:Decrypt", "both actions are needed")
	require.NoError(t, c.putKeyPolicy(administer, admitWatch))
	_, err = kms.NewFromConfig(c.admin()).ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: aws.String(keyID)})
	require.NoError(t, err)
	require.Error(t, publish(encrypted[0], alarm), "the key waits for its deletion")

	_, err = sns.NewFromConfig(c.admin()).SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: &encrypted[0], AttributeName: aws.String("KmsMasterKeyId"), AttributeValue: aws.String("")})
	require.NoError(t, err)
	require.NoError(t, publish(encrypted[0], alarm), "encrypted no more")
}

func TestAKeyPolicyThatNobodyCouldChangeIsRefused(t *testing.T) {
	c := newCloud(t)
	for name, statements := range map[string][]string{
		"without the account":               {admitWatch},
		"with the account for little":       {`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:Decrypt","Resource":"*"}`},
		"with the account on a condition":   {`{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"1"}}}`},
		"with a denial of the account":      {`{"Effect":"Deny","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*"}`},
		"with an account that is another's": {`{"Effect":"Allow","Principal":{"AWS":"210987654321"},"Action":"kms:*","Resource":"*"}`},
	} {
		require.ErrorContains(t, c.putKeyPolicy(statements...), "will not allow you to update the key policy", name)
	}
	require.Empty(t, c.passed())
	require.NoError(t, c.putKeyPolicy(administer))
}

func TestARolePublishesToATopicOfAWSsOwnKeyAndNotOfAnother(t *testing.T) {
	c := newCloud(t)
	owned, encrypted := c.topic("owned", "alias/aws/sns"), c.topic("encrypted", keyID)
	as := c.role("worker", allow("sns:Publish", "*"), allow("kms:*", "*"))
	publish := func(topic string) error {
		_, err := sns.NewFromConfig(as).Publish(t.Context(), &sns.PublishInput{TopicArn: &topic, Message: aws.String("m")})
		return err
	}
	require.NoError(t, publish(owned))
	require.ErrorContains(t, publish(encrypted), "does not enforce what rights a role needs on the key")
}

func TestARoleReadsOfAKeyWhatItsPoliciesAllow(t *testing.T) {
	c := newCloud(t)
	describe := func(role aws.Config, key string) error {
		_, err := kms.NewFromConfig(role).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &key})
		return err
	}
	reader := c.role("reader", allow("kms:DescribeKey", "*"))
	require.NoError(t, describe(reader, arn("kms", "key/"+keyID)))
	require.NoError(t, describe(reader, keyID))
	require.ErrorContains(t, describe(c.role("publisher", allow("sns:Publish", "*")), keyID), "is not authorized to perform: kms:DescribeKey on resource: "+arn("kms", "key/"+keyID))
	require.ErrorContains(t, describe(reader, "alias/alarms"), "does not enforce")
}
