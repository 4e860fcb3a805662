package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/testkit/cloudtest"
)

// cell is one cell, seen by an operator.
type cell struct {
	manifest.Cell
	world *world
}

// take gives the test a cell for itself, until it ends. It finds and leaves the DLQs empty.
func (w *world) take(t *testing.T) *cell {
	t.Helper()
	var c *cell
	select {
	case c = <-w.free:
	case <-t.Context().Done():
		t.Fatal("no cell is free")
	}
	t.Cleanup(func() {
		defer func() { w.free <- c }()
		for _, queue := range c.dlqs() {
			c.empty(t, queue)
		}
	})
	return c
}

// others are the other cells.
func (c *cell) others() []*cell {
	var list []*cell
	for id, published := range c.world.outputs.Cells {
		if id != c.ID {
			list = append(list, &cell{published, c.world})
		}
	}
	return list
}

func (c *cell) dlqs() []string {
	return []string{c.StreamDLQURL, c.SubscriptionDLQURL, c.ConsumerDLQURL}
}

// pause stops what feeds a function of the cell, until resume is called or the test ends.
func (c *cell) pause(t *testing.T, function string) (resume func()) {
	t.Helper()
	return cloudtest.Pause(t, c.world.cloud, function)
}

// item reads an item; nil if there is none.
func (c *cell) item(t *testing.T, table, key string) map[string]types.AttributeValue {
	t.Helper()
	item, err := cloudtest.Item(t.Context(), c.world.tables, table, key)
	require.NoError(t, err)
	return item
}

// counters are what the business logic has counted of a tenant, by event type.
func (c *cell) counters(t *testing.T, tenant string) map[string]int {
	t.Helper()
	counts, err := counters.Read(t.Context(), c.world.tables, c.ResultsTable, tenant)
	require.NoError(t, err)
	return counts.ByType
}

// awaitApplied polls the results table, past the router, until every event was applied.
func (c *cell) awaitApplied(t *testing.T, tenant string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		cloudtest.Await(t, fmt.Sprintf("cell %s applied event %s of tenant %s", c.ID, id, tenant), func() (string, bool) {
			status := cloudtest.Text(c.item(t, c.ResultsTable, event.Key(tenant, id)), ledger.AttrStatus)
			return status, status == string(ledger.Processed)
		})
	}
}

// awaitWaiting polls until so many messages wait in the cell's queue.
func (c *cell) awaitWaiting(t *testing.T, n int) {
	t.Helper()
	cloudtest.Await(t, fmt.Sprintf("%d messages wait in the queue of cell %s", n, c.ID), func() (int, bool) {
		waiting, _ := c.depth(t, c.QueueURL)
		return waiting, waiting == n
	})
}

// awaitDrained polls until the cell's queue holds nothing, not even a message that is to be delivered again.
func (c *cell) awaitDrained(t *testing.T) {
	t.Helper()
	cloudtest.Await(t, "the queue of cell "+c.ID+" is empty", func() (string, bool) {
		waiting, hidden := c.depth(t, c.QueueURL)
		return fmt.Sprintf("%d messages wait, %d are hidden", waiting, hidden), waiting+hidden == 0
	})
}

// depth is how many of a queue's messages may be received, and how many are hidden.
func (c *cell) depth(t *testing.T, queue string) (waiting, hidden int) {
	t.Helper()
	waiting, hidden, err := cloudtest.Depth(context.WithoutCancel(t.Context()), c.world.queues, queue)
	require.NoError(t, err)
	return waiting, hidden
}

// letters are the messages of a DLQ, at most ten. They stay in it.
func (c *cell) letters(t *testing.T, queue string) []string {
	t.Helper()
	var list []string
	for _, m := range c.receive(t, queue) {
		list = append(list, aws.ToString(m.Body))
		_, err := c.world.queues.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0,
		})
		require.NoError(t, err)
	}
	return list
}

// empty deletes the messages of a DLQ one by one: a queue can be purged once in a minute only.
func (c *cell) empty(t *testing.T, queue string) {
	t.Helper()
	for _, m := range c.receive(t, queue) {
		_, err := c.world.queues.DeleteMessage(context.WithoutCancel(t.Context()), &sqs.DeleteMessageInput{
			QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle,
		})
		require.NoError(t, err)
	}
}

// receive receives up to ten messages of a queue, if there are any: to receive from an empty queue takes as long as its
// long poll.
func (c *cell) receive(t *testing.T, queue string) []sqstypes.Message {
	t.Helper()
	if waiting, _ := c.depth(t, queue); waiting == 0 {
		return nil
	}
	out, err := c.world.queues.ReceiveMessage(context.WithoutCancel(t.Context()), &sqs.ReceiveMessageInput{
		QueueUrl: &queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
	})
	require.NoError(t, err)
	return out.Messages
}

// requireDead waits until the consumer's DLQ holds as many messages as there are ids, and fails unless it has one of each event.
// A message whose visibility ends while the emulator counts is in neither count: an empty queue may have a last one.
func (c *cell) requireDead(t *testing.T, ids ...string) {
	t.Helper()
	dead := cloudtest.Await(t, fmt.Sprintf("%d messages in DLQ %s", len(ids), c.ConsumerDLQURL), func() ([]string, bool) {
		dead := []string{}
		for _, m := range c.receive(t, c.ConsumerDLQURL) {
			dead = append(dead, aws.ToString(m.MessageAttributes[event.MessageAttrID].StringValue))
			_, err := c.world.queues.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &c.ConsumerDLQURL, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0,
			})
			require.NoError(t, err)
		}
		return dead, len(dead) >= len(ids)
	})
	require.ElementsMatch(t, ids, dead)
}

// awaitLetters polls until the DLQ holds as many messages as there are parts, each with one of the parts in it.
func (c *cell) awaitLetters(t *testing.T, queue string, parts ...string) []string {
	t.Helper()
	list := cloudtest.Await(t, fmt.Sprintf("%d messages in DLQ %s", len(parts), queue), func() ([]string, bool) {
		list := c.letters(t, queue)
		return list, len(list) >= len(parts)
	})
	require.Len(t, list, len(parts))
	for _, part := range parts {
		require.Contains(t, strings.Join(list, "\n"), part)
	}
	return list
}

// traces are the items and messages of the cell in which a tenant's name stands.
func (c *cell) traces(t *testing.T, tenant string) []string {
	t.Helper()
	var found []string
	for _, table := range []string{c.DataTable, c.ResultsTable} {
		out, err := c.world.tables.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
		require.NoError(t, err)
		for _, item := range out.Items {
			if strings.Contains(cloudtest.Text(item, event.AttrKey), tenant) {
				found = append(found, table+": "+cloudtest.Text(item, event.AttrKey))
			}
		}
	}
	for _, queue := range c.dlqs() {
		for _, letter := range c.letters(t, queue) {
			if strings.Contains(letter, tenant) {
				found = append(found, queue+": "+letter)
			}
		}
	}
	return found
}

// requireUnseenElsewhere fails if another cell knows anything of the tenant.
func (c *cell) requireUnseenElsewhere(t *testing.T, tenant string) {
	t.Helper()
	require.NotEmpty(t, c.traces(t, tenant), "the tenant's own cell knows it")
	for _, other := range c.others() {
		require.Empty(t, other.traces(t, tenant), "cell %s", other.ID)
	}
}

// message is the message that the cell's producer published for an event.
func (c *cell) message(t *testing.T, tenant, id string) string {
	t.Helper()
	e, err := event.FromItem(c.item(t, c.DataTable, event.Key(tenant, id)))
	require.NoError(t, err)
	body, err := event.Message{Event: e}.Encode()
	require.NoError(t, err)
	return string(body)
}

// send puts a message into the cell's queue, with the attributes that name its event.
func (c *cell) send(t *testing.T, tenant, id, body string) {
	t.Helper()
	attribute := func(value string) sqstypes.MessageAttributeValue {
		return sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	_, err := c.world.queues.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &c.QueueURL, MessageBody: &body,
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{
			event.MessageAttrTenantID: attribute(tenant), event.MessageAttrID: attribute(id),
		},
	})
	require.NoError(t, err)
}

// decode reads a JSON document.
func decode[T any](t *testing.T, document string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(document), &v), "%s", document)
	return v
}
