package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// policy runs a command that prints a policy, and returns which resources it allows which action.
func (w *world) policy(args ...string) (resources map[string][]string, stderr string) {
	w.t.Helper()
	stdout, stderr, code := w.run(args...)
	require.Zero(w.t, code, stderr)
	var doc struct {
		Statement []struct{ Action, Resource oneOrMore }
	}
	require.NoError(w.t, json.Unmarshal([]byte(stdout), &doc))
	resources = map[string][]string{}
	for _, s := range doc.Statement {
		for _, action := range s.Action {
			resources[action] = append(resources[action], s.Resource...)
		}
	}
	return resources, stderr
}

type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

func TestThePolicyNamesTheStackOfTheAccount(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		reads, stderr := w.policy("iam-policy", "read")
		require.Contains(t, reads["dynamodb:GetItem"], "arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-canary")
		require.Equal(t, []string{"*"}, reads["sqs:ListQueues"])
		require.Contains(t, stderr, "AWS has no resources to limit these to: cloudwatch:DescribeAlarms, cloudwatch:GetMetricData, ")

		writes, stderr := w.policy("iam-policy", "operate")
		require.Equal(t, []string{
			"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-cell-canary",
			"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-cell-c01",
			"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-cell-c02",
			"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-dlq-cell-canary",
			"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-dlq-cell-c01",
			"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-dlq-cell-c02",
		}, writes["sqs:SendMessage"])
		require.Empty(t, stderr)

		writes, _ = w.policy("iam-policy", "operate", "--any-cell")
		require.Equal(t, []string{
			"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-cell-*",
			"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-dlq-cell-*",
		}, writes["sqs:SendMessage"])
	})
}

func TestAPolicyThatIsTooLongIsSaid(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i := range 20 {
			w.addCell(fmt.Sprintf("d%02d", i), 2, 10)
		}
		_, stderr := w.policy("iam-policy", "operate")
		require.Regexp(t, `^The policy has \d+ characters, and a managed policy may have 6144: add --any-cell, or `, stderr)
		_, stderr = w.policy("iam-policy", "operate", "--any-cell")
		require.False(t, strings.Contains(stderr, "6144"), stderr)
	})
}
