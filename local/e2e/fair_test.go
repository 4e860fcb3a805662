package e2e_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
)

// groups are the message groups of a queue's messages, by the events that they carry.
func (c *cell) groups(t *testing.T, queue string) map[string]string {
	t.Helper()
	groups := map[string]string{}
	for _, m := range c.receive(t, queue) {
		groups[aws.ToString(m.MessageAttributes[event.MessageAttrID].StringValue)] = m.Attributes["MessageGroupId"]
		_, err := c.world.queues.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &queue, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0,
		})
		require.NoError(t, err)
	}
	return groups
}

// What the topic delivers is in its tenant's group, which makes the cell's queue a fair one; the consumer gets to see the
// group, and keeps it where it sends a message on. A message without one, of a producer of the version before, is handled too.
func TestFairQueues_AMessageIsInTheGroupOfItsTenantOnItsWholeWay(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Consumer)
	good := w.acceptOrders(t, tenant, "good", 1)[0]
	w.Accept(t, tenant, "rejects", placed, `{"order_id":"A-1","customer":"jane","currency":"EUR","lines":[]}`)
	c.send(t, tenant, "ungrouped", "not a message")
	_, err := w.queues.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &c.QueueURL, MessageBody: aws.String("not a message either"), MessageGroupId: aws.String("another"),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{
			event.MessageAttrTenantID: {DataType: aws.String("String"), StringValue: &tenant},
			event.MessageAttrID:       {DataType: aws.String("String"), StringValue: aws.String("grouped")},
		},
	})
	require.NoError(t, err)
	c.awaitWaiting(t, 4)
	require.Equal(t, map[string]string{good: tenant, "rejects": tenant, "ungrouped": "", "grouped": "another"}, c.groups(t, c.QueueURL))
	resume()

	w.AwaitStatus(t, tenant, "processed", good)
	w.AwaitStatus(t, tenant, "failed", "rejects", "ungrouped", "grouped")
	c.awaitDrained(t)
	require.Equal(t, map[string]string{"rejects": tenant, "ungrouped": tenant, "grouped": "another"}, c.groups(t, c.ConsumerDLQURL))
}
