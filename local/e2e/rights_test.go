package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/resend"
)

// role is the ARN of a role of the deployment.
func role(name string) string { return "arn:aws:iam::123456789012:role/" + name }

// requireDenied checks that a policy is what a call failed for.
func requireDenied(t *testing.T, err error, what string) {
	t.Helper()
	require.ErrorContains(t, err, "is not authorized to perform", what)
}

func TestI2ARoleOfACellIsDeniedEveryOtherCell(t *testing.T) {
	t.Parallel()
	w := start(t)
	own := &cell{w.outputs.Cells["east"], w}
	key := map[string]types.AttributeValue{event.AttrKey: &types.AttributeValueMemberS{Value: "nobody#nothing"}}
	put := func(as aws.Config, table string) error {
		_, err := dynamodb.NewFromConfig(as).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: key, ConditionExpression: aws.String("attribute_exists(nothing)")})
		if errors.As(err, new(*types.ConditionalCheckFailedException)) {
			return nil // it was let in
		}
		return err
	}
	read := func(as aws.Config, table string) error {
		_, err := dynamodb.NewFromConfig(as).GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key})
		return err
	}
	consumer, producer := w.cloud.As(role(stack.Cell(own.ID).ConsumerRole())), w.cloud.As(role(stack.Cell(own.ID).ProducerRole()))
	router := w.cloud.As(role(stack.RouterRole()))

	// What the roles have in their own cell shows that the calls below are not denied for another reason.
	require.NoError(t, read(consumer, own.DataTable))
	require.NoError(t, put(consumer, own.ResultsTable))
	require.NoError(t, read(router, own.DataTable))
	require.NoError(t, put(router, own.DataTable))
	requireDenied(t, put(consumer, own.DataTable), "a consumer writes no events")
	requireDenied(t, put(router, own.ResultsTable), "the router writes no outcomes")
	requireDenied(t, read(producer, own.DataTable), "a producer reads its stream only")
	for _, table := range []string{w.outputs.MappingTable, stack.CellTable(), stack.MoveTable()} {
		requireDenied(t, read(consumer, table), table)
		requireDenied(t, put(consumer, table), table)
		requireDenied(t, put(router, table), table)
	}
	for _, other := range own.others() {
		for _, table := range []string{other.DataTable, other.ResultsTable} {
			requireDenied(t, read(consumer, table), table)
			requireDenied(t, put(consumer, table), table)
			requireDenied(t, read(producer, table), table)
			_, err := dynamodb.NewFromConfig(consumer).TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
				{Put: &types.Put{TableName: &own.ResultsTable, Item: key}}, {Delete: &types.Delete{TableName: &table, Key: key}},
			}})
			requireDenied(t, err, "a transaction of both cells")
		}
		_, err := sqs.NewFromConfig(consumer).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &other.QueueURL})
		requireDenied(t, err, other.QueueURL)
		for _, queue := range append(other.dlqs(), other.QueueURL) {
			_, err := sqs.NewFromConfig(producer).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String("{}")})
			requireDenied(t, err, queue)
		}
		_, err = sns.NewFromConfig(producer).Publish(t.Context(), &sns.PublishInput{TopicArn: &other.TopicARN, Message: aws.String("{}")})
		requireDenied(t, err, other.TopicARN)
		described, err := w.tables.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &other.DataTable})
		require.NoError(t, err)
		_, err = dynamodbstreams.NewFromConfig(producer).DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: described.Table.LatestStreamArn})
		requireDenied(t, err, "the stream of "+other.DataTable)
	}
}

// takeAway takes actions out of a role's policy, until restore is called or the test ends.
func (w *world) takeAway(t *testing.T, roleName, policyName string, actions ...string) (restore func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	client := iam.NewFromConfig(w.cloud.AWS)
	out, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &roleName, PolicyName: &policyName})
	require.NoError(t, err)
	before, err := url.QueryUnescape(*out.PolicyDocument)
	require.NoError(t, err)
	after := before
	for _, action := range actions {
		require.Contains(t, after, `"`+action+`"`)
		after = strings.ReplaceAll(after, `"`+action+`"`, `"none:None"`)
	}
	set := func(text string) {
		_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &roleName, PolicyName: &policyName, PolicyDocument: &text})
		require.NoError(t, err)
	}
	set(after)
	return once(t, func() { set(before) })
}

// redriveAs redrives what is in the DLQs of a cell, with an operator's rights.
func (c *cell) redriveAsOperator(t *testing.T) deadletter.Summary {
	t.Helper()
	as := c.world.cloud.Operator()
	tables, queues := dynamodb.NewFromConfig(as), sqs.NewFromConfig(as)
	letters := &deadletter.Letters{SQS: queues, Streams: dynamodbstreams.NewFromConfig(as), Home: &resend.Home{
		Tables: tables, Queue: queues, Mappings: mapping.NewStore(tables, c.world.outputs.MappingTable), Now: time.Now,
		Cells: func(_ context.Context, id string) (manifest.Cell, error) { return c.world.outputs.Cells[id], nil },
	}}
	seen, err := letters.Redrive(t.Context(), c.Cell, deadletter.Kinds(), deadletter.Options{Rate: 100})
	require.NoError(t, err)
	return seen
}

func TestI6WhatAConsumerIsDeniedEndsInTheDLQAndIsAppliedWhenItIsAllowed(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	w.Accept(t, tenant, "allowed", placed, order)
	w.AwaitStatus(t, tenant, "processed", "allowed")

	allow := w.takeAway(t, stack.Cell(c.ID).ConsumerRole(), "consumer", "dynamodb:PutItem")
	w.Accept(t, tenant, "denied", placed, order)
	c.awaitLetters(t, c.ConsumerDLQURL, `"denied"`)
	c.awaitDrained(t)
	denied := 0
	for _, line := range w.logs.all() {
		if strings.Contains(line, c.ID+" consumer") && strings.Contains(line, "AccessDenied") && strings.Contains(line, "dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/"+c.ResultsTable) {
			denied++
		}
	}
	require.GreaterOrEqual(t, denied, 5, "each of its deliveries says in the log what was denied")
	require.Equal(t, map[string]int{placed: 1}, c.counters(t, tenant))

	allow()
	require.Equal(t, 1, c.redriveAsOperator(t).Redriven)
	w.AwaitStatus(t, tenant, "processed", "denied")
	require.Equal(t, map[string]int{placed: 2}, c.counters(t, tenant))
}

func TestI6WhatTheQueueRefusesIsInTheSubscriptionDLQ(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	admit := c.refuseTopic(t)
	w.Accept(t, tenant, "refused", placed, order)
	c.awaitLetters(t, c.SubscriptionDLQURL, `"refused"`)
	require.Equal(t, "accepted", w.get(t, tenant, "refused").Field("status"))
	admit()
	require.Equal(t, 1, c.redriveAsOperator(t).Redriven)
	w.AwaitStatus(t, tenant, "processed", "refused")
	require.Equal(t, map[string]int{placed: 1}, c.counters(t, tenant))
}

// refuseTopic has the cell's queue admit another topic only, until restore is called or the test ends.
func (c *cell) refuseTopic(t *testing.T) (restore func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	out, err := c.world.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &c.QueueURL, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNamePolicy}})
	require.NoError(t, err)
	before := out.Attributes["Policy"]
	require.True(t, json.Valid([]byte(before)), "%s", before)
	set := func(text string) {
		_, err := c.world.queues.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &c.QueueURL, Attributes: map[string]string{"Policy": text}})
		require.NoError(t, err)
	}
	set(strings.ReplaceAll(before, c.TopicARN, c.TopicARN+"-of-another"))
	return once(t, func() { set(before) })
}

// An operator adds to the audit, and takes nothing out of it.
func TestAnOperatorTakesNothingOutOfTheAudit(t *testing.T) {
	t.Parallel()
	w := start(t)
	table, operator := stack.AuditTable(), dynamodb.NewFromConfig(w.cloud.As(role(string(stack)+"-cellctl-operator")))
	key := map[string]types.AttributeValue{
		controltables.AttrMonth: &types.AttributeValueMemberS{Value: "2026-01"}, controltables.AttrAct: &types.AttributeValueMemberS{Value: "nothing"},
	}
	_, err := operator.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: key, ConditionExpression: aws.String("attribute_exists(nothing)")})
	require.ErrorAs(t, err, new(*types.ConditionalCheckFailedException), "it was let in")
	_, err = operator.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key})
	requireDenied(t, err, "DeleteItem")
	_, err = operator.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &table, Key: key, UpdateExpression: aws.String("REMOVE caller")})
	requireDenied(t, err, "UpdateItem")
}
