package cell_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cell"
	"cellular/internal/testkit/pulumitest"
)

type object = map[string]any

// statements parses the policy at an input of a resource.
func statements(t testing.TB, res *pulumitest.Resource, path string) []any {
	t.Helper()
	var document struct {
		Version   string
		Statement []any
	}
	res.JSON(t, path, &document)
	require.Equal(t, "2012-10-17", document.Version, res)
	return document.Statement
}

func tlsOnly(arn, actions string) object {
	return object{
		"Sid": "RequireTLS", "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": arn,
		"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
	}
}

func writeLogs(group string) object {
	return object{
		"Sid": "WriteLogs", "Effect": "Allow", "Resource": group + ":*",
		"Action": []any{"logs:CreateLogStream", "logs:PutLogEvents"},
	}
}

var writeTraces = object{
	"Sid": "WriteTraces", "Effect": "Allow", "Resource": "*",
	"Action": []any{"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
}

// The cell admits the router's role by name; nobody else from outside can use its tables.
func TestI2IsolationTablesAdmitOnlyTheRoutersRole(t *testing.T) {
	r := deployAlpha(t)
	data, results := part(t, r, tablePolicyType, "data-policy"), part(t, r, tablePolicyType, "results-policy")
	require.Equal(t, alphaDataTable, data.Str(t, "resourceArn"))
	require.Equal(t, []any{object{
		"Sid": "AdmitRouter", "Effect": "Allow", "Principal": object{"AWS": routerRole},
		"Action": []any{"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:DeleteItem"}, "Resource": alphaDataTable,
	}}, statements(t, data, "policy"))
	require.Equal(t, alphaResultsTable, results.Str(t, "resourceArn"))
	require.Equal(t, []any{object{
		"Sid": "AdmitRouter", "Effect": "Allow", "Principal": object{"AWS": routerRole},
		"Action": "dynamodb:GetItem", "Resource": alphaResultsTable,
	}}, statements(t, results, "policy"))
}

// Whoever has the right to count can reach nothing but counters: not an event, not an outcome, not by any key.
func TestI2IsolationTheRouterCountsInATableOfItsOwn(t *testing.T) {
	r := deployAlpha(t)
	counters := part(t, r, tablePolicyType, "counters-policy")
	require.Equal(t, alphaCountersTable, counters.Str(t, "resourceArn"))
	require.Equal(t, []any{object{
		"Sid": "AdmitRouter", "Effect": "Allow", "Principal": object{"AWS": routerRole},
		"Action": "dynamodb:UpdateItem", "Resource": alphaCountersTable,
	}}, statements(t, counters, "policy"))
	for _, policy := range append(r.OfType(tablePolicyType), r.OfType(rolePolicyType)...) {
		if policy.URN != counters.URN {
			require.NotContains(t, policy.Str(t, "policy"), alphaCountersTable, policy)
		}
	}
	for _, name := range []string{"data-policy", "results-policy"} {
		require.NotContains(t, part(t, r, tablePolicyType, name).Str(t, "policy"), "UpdateItem")
	}
}

func TestProducersRoleReadsItsStreamAndPublishesToItsTopic(t *testing.T) {
	p := part(t, deployAlpha(t), rolePolicyType, "producer-role-policy")
	require.Equal(t, "test-producer-role-cell-alpha", p.Str(t, "role"))
	require.Equal(t, []any{
		object{
			"Sid": "ReadStream", "Effect": "Allow", "Resource": alphaStream,
			"Action": []any{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"},
		},
		object{"Sid": "Publish", "Effect": "Allow", "Action": "sns:Publish", "Resource": alphaTopic},
		object{"Sid": "Eject", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": alphaStreamDLQ},
		writeLogs(alphaProducerLogs), writeTraces,
	}, statements(t, p, "policy"))
}

func TestConsumersRoleReadsItsQueueAndAppliesToItsTable(t *testing.T) {
	p := part(t, deployAlpha(t), rolePolicyType, "consumer-role-policy")
	require.Equal(t, "test-consumer-role-cell-alpha", p.Str(t, "role"))
	require.Equal(t, []any{
		object{
			"Sid": "ReadQueue", "Effect": "Allow", "Resource": alphaQueue,
			"Action": []any{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"},
		},
		object{"Sid": "ReplaceMessage", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": alphaQueue},
		object{"Sid": "Eject", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": alphaConsumerDLQ},
		object{"Sid": "ReadPayload", "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": alphaDataTable},
		object{
			"Sid": "Apply", "Effect": "Allow", "Resource": alphaResultsTable,
			"Action": []any{"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"},
		},
		writeLogs(alphaConsumerLogs), writeTraces,
	}, statements(t, p, "policy"))
}

func TestEachFunctionHasItsOwnRoleThatOnlyLambdaAssumes(t *testing.T) {
	r := deployAlpha(t)
	require.NotEqual(t, part(t, r, functionType, "producer").Str(t, "role"), part(t, r, functionType, "consumer").Str(t, "role"))
	for _, role := range r.OfType(roleType) {
		require.Equal(t, []any{object{
			"Sid": "LambdaAssumes", "Effect": "Allow", "Principal": object{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
		}}, statements(t, role, "assumeRolePolicy"), role)
	}
}

func TestTopicDemandsTLSAndAdmitsNobody(t *testing.T) {
	p := part(t, deployAlpha(t), topicPolicyType, "topic-policy")
	require.Equal(t, alphaTopic, p.Str(t, "arn"))
	require.Equal(t, []any{tlsOnly(alphaTopic, "sns:Publish")}, statements(t, p, "policy"))
}

func TestQueuesAdmitTheTopicOverTLS(t *testing.T) {
	fromTopic := func(queue string) object {
		return object{
			"Sid": "AdmitTopic", "Effect": "Allow", "Principal": object{"Service": "sns.amazonaws.com"},
			"Action": "sqs:SendMessage", "Resource": queue,
			"Condition": object{"ArnEquals": object{"aws:SourceArn": alphaTopic}},
		}
	}
	r := deployAlpha(t)
	for queue, want := range map[string][]any{
		"queue":            {fromTopic(alphaQueue), tlsOnly(alphaQueue, "sqs:*")},
		"subscription-dlq": {fromTopic(alphaSubDLQ), tlsOnly(alphaSubDLQ, "sqs:*")},
		"stream-dlq":       {tlsOnly(alphaStreamDLQ, "sqs:*")},
		"consumer-dlq":     {tlsOnly(alphaConsumerDLQ, "sqs:*")},
	} {
		p := part(t, r, queuePolicyType, queue+"-policy")
		require.Equal(t, want, statements(t, p, "policy"), queue)
		require.Equal(t, queueURLPrefix+part(t, r, queueType, queue).Str(t, "name"), p.Str(t, "queueUrl"), queue)
	}
}

func TestWithoutTracingNoGrantIsOnEveryResource(t *testing.T) {
	for _, tracing := range []bool{true, false} {
		r := deploy(t, []string{"alpha"}, func(a *cell.Args) { a.Functions.Tracing = tracing })
		everything, seen := 0, 0
		for _, p := range r.OfType(rolePolicyType) {
			for _, s := range statements(t, p, "policy") {
				seen++
				statement, ok := s.(object)
				require.True(t, ok)
				resource, ok := statement["Resource"].(string)
				require.True(t, ok, "%s: %v has not one resource", p, statement)
				switch {
				case resource == "*":
					require.Equal(t, writeTraces, statement, p)
					everything++
				case statement["Sid"] == "WriteLogs": // a log group's own streams
					require.Equal(t, strings.Index(resource, "*"), len(resource)-1, p)
				default:
					require.NotContains(t, resource, "*", p)
				}
			}
		}
		require.NotZero(t, seen)
		require.Equal(t, map[bool]int{true: 2, false: 0}[tracing], everything)
	}
}
