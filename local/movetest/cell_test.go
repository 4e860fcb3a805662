package movetest_test

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/env"
	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/ownership"
)

// cell is one cell, seen by an operator.
type cell struct {
	manifest.Cell
	world *world
}

func (w *world) cell(id string) *cell { return &cell{w.outputs.Cells[id], w} }

// takeSouth gives the test the cell south for itself, until it ends.
func (w *world) takeSouth(t *testing.T) *cell {
	t.Helper()
	w.south.Lock()
	t.Cleanup(w.south.Unlock)
	return w.cell("south")
}

// pause stops the delivery of the cell's queue to its consumer, when that has finished what it works on, until resume is
// called or the test ends.
func (c *cell) pause(t *testing.T) (resume func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // what is paused has to go on, even after a test that failed
	set := func(enabled bool) {
		for _, m := range c.world.cloud.Lambda.Mappings() {
			if m.Config.EventSourceARN == c.QueueARN && m.Config.Enabled != enabled {
				m.Config.Enabled = enabled
				_, err := c.world.cloud.Lambda.UpdateMapping(ctx, m.UUID, m.Config)
				require.NoError(t, err)
			}
		}
	}
	set(false)
	t.Cleanup(func() { set(true) })
	return func() { set(true) }
}

// injectFaults deploys the cell's consumer with fault injection or without.
func (c *cell) injectFaults(t *testing.T, on bool) {
	t.Helper()
	f, err := c.world.cloud.Lambda.GetFunction(t.Context(), c.Consumer)
	require.NoError(t, err)
	f.Config.Env = maps.Clone(f.Config.Env)
	f.Config.Env[env.FaultInjection] = strconv.FormatBool(on)
	_, err = c.world.cloud.Lambda.UpdateFunction(t.Context(), f.Config)
	require.NoError(t, err)
}

// counters are what the business logic has counted of a tenant, by event type.
func (c *cell) counters(t *testing.T, tenant string) map[string]int {
	t.Helper()
	counts, err := c.count(t.Context(), tenant)
	require.NoError(t, err)
	return counts
}

func (c *cell) count(ctx context.Context, tenant string) (map[string]int, error) {
	counts, err := counters.Read(ctx, c.world.tables, c.ResultsTable, tenant)
	return counts.ByType, err
}

// awaitCounters polls until the business logic has counted that much.
func (c *cell) awaitCounters(t *testing.T, tenant string, want map[string]int) {
	t.Helper()
	await(t, fmt.Sprintf("cell %s has counted %v of tenant %s", c.ID, want, tenant), func() (map[string]int, bool) {
		got := c.counters(t, tenant)
		return got, maps.Equal(got, want)
	})
}

// item is an item of a tenant that a cell has.
type item struct{ Table, Key, Status string }

// isOfAMove reports whether an item is one that a move leaves in a cell: the fence, or the note that a late delivery of a
// message got.
func (i item) isOfAMove() bool {
	return strings.HasPrefix(i.Key, ownership.Key("")) || i.Status == string(event.Diverted)
}

// kept are the items of the cell with the tenant's name in their key, without those that a move leaves.
func (c *cell) kept(ctx context.Context, tenant string) ([]item, error) {
	var found []item
	for _, table := range []string{c.DataTable, c.ResultsTable} {
		pages := dynamodb.NewScanPaginator(c.world.tables, &dynamodb.ScanInput{
			TableName: &table, ConsistentRead: aws.Bool(true),
			FilterExpression:          aws.String("contains(#key, :tenant)"),
			ExpressionAttributeNames:  map[string]string{"#key": event.AttrKey},
			ExpressionAttributeValues: map[string]types.AttributeValue{":tenant": &types.AttributeValueMemberS{Value: tenant}},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, attributes := range page.Items {
				i := item{table, text(attributes, event.AttrKey), text(attributes, event.AttrStatus)}
				if !i.isOfAMove() {
					found = append(found, i)
				}
			}
		}
	}
	return found, nil
}

func text(attributes map[string]types.AttributeValue, name string) string {
	if v, ok := attributes[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// depth is the number of a queue's messages that may be received, and of those that were and are not deleted yet.
func (w *world) depth(ctx context.Context, queue string) (waiting, received int, err error) {
	out, err := w.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &queue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll},
	})
	if err != nil {
		return 0, 0, err
	}
	waiting, err = strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessages)])
	if err != nil {
		return 0, 0, err
	}
	received, err = strconv.Atoi(out.Attributes[string(sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible)])
	return waiting, received, err
}

// awaitWaiting polls until so many messages wait in a queue, and none is being looked at.
func (w *world) awaitWaiting(t *testing.T, queue string, n int) {
	t.Helper()
	await(t, fmt.Sprintf("%d messages wait in the queue %s", n, queue), func() (string, bool) {
		waiting, received, err := w.depth(t.Context(), queue)
		require.NoError(t, err)
		return fmt.Sprintf("%d wait, %d are received", waiting, received), waiting == n && received == 0
	})
}
