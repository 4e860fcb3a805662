package lambda_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"cellular/local/lambda"
)

// roles gives each role credentials of its own, and denies one action.
type roles struct{ deny string }

func (roles) Assume(roleARN, session string) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "key of " + roleARN, SecretAccessKey: "secret", SessionToken: "session " + session}, nil
}

func (r roles) Authorize(roleARN, _, action, resource string) error {
	if action == r.deny {
		return errors.New(roleARN + " may not " + action + " on " + resource)
	}
	return nil
}

func TestAFunctionHasTheCredentialsOfItsRole(t *testing.T) {
	b := newBench(t, func(o *lambda.Options) { o.Roles = roles{} })
	c := config("worker")
	_, err := b.CreateFunction(t.Context(), c)
	require.NoError(t, err)
	env := b.invoke(t, "worker", `{"do":"env"}`).Env
	require.Contains(t, env, "AWS_ACCESS_KEY_ID=key of "+c.Role)
	require.Contains(t, env, "AWS_SECRET_ACCESS_KEY=secret")
	require.Contains(t, env, "AWS_SESSION_TOKEN=session worker")
}

// Lambda checks the rights of a function's role when a mapping is created, before it polls.
func TestAMappingNeedsTheRightsOfItsFunctionsRole(t *testing.T) {
	const (
		stream = "arn:aws:dynamodb:us-east-1:123456789012:table/items/stream/2026-01-01T00:00:00.000"
		queue  = "arn:aws:sqs:us-east-1:123456789012:orders"
		dlq    = "arn:aws:sqs:us-east-1:123456789012:dlq"
	)
	ofStream := lambda.MappingConfig{FunctionName: "worker", EventSourceARN: stream, StartingPosition: lambda.TrimHorizon, OnFailureARN: dlq}
	ofQueue := lambda.MappingConfig{FunctionName: "worker", EventSourceARN: queue}
	for action, mapping := range map[string]lambda.MappingConfig{
		"dynamodb:DescribeStream": ofStream, "dynamodb:GetRecords": ofStream, "dynamodb:GetShardIterator": ofStream, "dynamodb:ListStreams": ofStream,
		"sqs:ReceiveMessage": ofQueue, "sqs:DeleteMessage": ofQueue, "sqs:GetQueueAttributes": ofQueue,
	} {
		b := newBench(t, func(o *lambda.Options) { o.Roles = roles{deny: action} })
		c := config("worker")
		_, err := b.CreateFunction(t.Context(), c)
		require.NoError(t, err)
		_, err = b.CreateMapping(t.Context(), mapping)
		require.ErrorContains(t, err, "the function's role lacks a right that a mapping of "+mapping.EventSourceARN+" needs: "+c.Role+" may not "+action)
		require.Empty(t, b.Mappings())
	}
}
