package controlplane_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/controlplane"
	"cellular/internal/testkit/pulumitest"
)

const (
	keyType         = "aws:kms/key:Key"
	aliasType       = "aws:kms/alias:Alias"
	topicType       = "aws:sns/topic:Topic"
	topicPolicyType = "aws:sns/topicPolicy:TopicPolicy"
)

type object = map[string]any

func topicARN(name string) string {
	return "arn:" + pulumitest.Partition + ":sns:" + pulumitest.Region + ":" + pulumitest.Account + ":" + name
}

// ofThisAccountsAlarms is the condition under which CloudWatch may use the topic and its key.
var ofThisAccountsAlarms = object{
	"StringEquals": object{"aws:SourceAccount": pulumitest.Account},
	"ArnLike":      object{"aws:SourceArn": "arn:" + pulumitest.Partition + ":cloudwatch:" + pulumitest.Region + ":" + pulumitest.Account + ":alarm:*"},
}

func TestAlarmTopic_IsEncryptedWithItsOwnKey(t *testing.T) {
	r := pulumitest.Run(t, program(valid("prod", true)))
	key, topic := r.Only(t, keyType), r.Only(t, topicType)
	id := r.Only(t, aliasType).Str(t, "targetKeyId")
	require.Equal(t, object{
		"name": "prod-global-alarms", "tags": object{"Layer": "ControlPlane"},
		"kmsMasterKeyId": "arn:" + pulumitest.Partition + ":kms:" + pulumitest.Region + ":" + pulumitest.Account + ":key/" + id,
	}, inputs(t, topic))
	require.True(t, topic.DependsOn(key))
	keyInputs := inputs(t, key)
	delete(keyInputs, "policy")
	require.Equal(t, object{
		"description": "Encrypts what the alarms of prod publish", "enableKeyRotation": true, "deletionWindowInDays": 30.0, "tags": object{"Layer": "ControlPlane"},
	}, keyInputs)
	require.Equal(t, object{"name": "alias/prod-global-alarms", "targetKeyId": id}, inputs(t, r.Only(t, aliasType)))
	require.True(t, r.Only(t, aliasType).DependsOn(key))
}

func TestAlarmTopic_KeyAdmitsTheAccountAndItsAlarms(t *testing.T) {
	var document struct {
		Version   string
		Statement []any
	}
	pulumitest.Run(t, program(valid("prod", true))).Only(t, keyType).JSON(t, "policy", &document)
	require.Equal(t, "2012-10-17", document.Version)
	require.Equal(t, []any{
		object{
			"Sid": "AccountAdministers", "Effect": "Allow", "Principal": object{"AWS": "arn:" + pulumitest.Partition + ":iam::" + pulumitest.Account + ":root"},
			"Action": "kms:*", "Resource": "*",
		},
		object{
			"Sid": "AlarmsEncrypt", "Effect": "Allow", "Principal": object{"Service": "cloudwatch.amazonaws.com"},
			"Action": []any{"kms:Decrypt", "kms:GenerateDataKey*"}, "Resource": "*", "Condition": ofThisAccountsAlarms,
		},
	}, document.Statement)
}

func TestAlarmTopic_TakesTheAccountsAlarmsOverTLS(t *testing.T) {
	var document struct {
		Version   string
		Statement []any
	}
	policy := pulumitest.Run(t, program(valid("prod", true))).Only(t, topicPolicyType)
	policy.JSON(t, "policy", &document)
	arn := topicARN("prod-global-alarms")
	require.Equal(t, arn, policy.Str(t, "arn"))
	require.Equal(t, "2012-10-17", document.Version)
	require.Equal(t, []any{
		object{
			"Sid": "AlarmsPublish", "Effect": "Allow", "Principal": object{"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish",
			"Resource": arn, "Condition": ofThisAccountsAlarms,
		},
		object{
			"Sid": "RequireTLS", "Effect": "Deny", "Principal": "*", "Action": []any{"sns:Publish", "sns:Subscribe"}, "Resource": arn,
			"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
		},
	}, document.Statement)
}

func TestAlarmTopic_ProtectKeepsTheKeyAndTheSubscriptions(t *testing.T) {
	for protect, days := range map[bool]float64{true: 30, false: 7} {
		r := pulumitest.Run(t, program(valid("s", protect)))
		require.Equal(t, protect, r.Only(t, keyType).Protect)
		require.Equal(t, protect, r.Only(t, topicType).Protect)
		require.Equal(t, days, r.Only(t, keyType).Value(t, "deletionWindowInDays"))
	}
}

func TestAlarmTopic_IsNotMadeWhereTheConfigurationNamesAnother(t *testing.T) {
	args := valid("prod", true)
	args.Alarms.Topic = topicARN("pager")
	r := pulumitest.Run(t, program(args))
	for _, kind := range []string{controlplane.AlarmTopicType, keyType, aliasType, topicType, topicPolicyType} {
		require.Empty(t, r.OfType(kind))
	}
	require.Contains(t, r.Only(t, parameterType).Str(t, "value"), `"alarm_topic_arn":"`+topicARN("pager")+`"`)
}
