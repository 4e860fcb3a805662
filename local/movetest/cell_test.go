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
	"github.com/stretchr/testify/require"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/env"
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

func (w *world) cell(id string) *cell { return &cell{w.outputs.Cells[id], w} }

// takeSouth gives the test the cell south for itself, until it ends.
func (w *world) takeSouth(t *testing.T) *cell {
	t.Helper()
	w.south.Lock()
	t.Cleanup(w.south.Unlock)
	return w.cell("south")
}

// pause stops the delivery of the cell's queue to its consumer, until resume is called or the test ends.
func (c *cell) pause(t *testing.T) (resume func()) {
	t.Helper()
	return cloudtest.Pause(t, c.world.cloud, c.Consumer)
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
	cloudtest.Await(t, fmt.Sprintf("cell %s has counted %v of tenant %s", c.ID, want, tenant), func() (map[string]int, bool) {
		got := c.counters(t, tenant)
		return got, maps.Equal(got, want)
	})
}

// item is an item of a tenant that a cell has.
type item struct{ Table, Key, Status string }

// isOfAMove reports whether an item is one that a move leaves in a cell: the fence, the note that a late delivery of a
// message got, or what failed attempts said.
func (i item) isOfAMove() bool {
	return strings.HasPrefix(i.Key, ledger.FenceKey("")) || strings.HasPrefix(i.Key, attempts) || i.Status == string(ledger.Diverted)
}

// attempts begins the keys of failed attempts at events.
var attempts, _, _ = strings.Cut(ledger.AttemptsKey("TENANT", ""), "TENANT")

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
				i := item{table, cloudtest.Text(attributes, event.AttrKey), cloudtest.Text(attributes, ledger.AttrStatus)}
				if !i.isOfAMove() {
					found = append(found, i)
				}
			}
		}
	}
	return found, nil
}

// awaitWaiting polls until so many messages wait in a queue, and none is being looked at.
func (w *world) awaitWaiting(t *testing.T, queue string, n int) {
	t.Helper()
	cloudtest.Await(t, fmt.Sprintf("%d messages wait in the queue %s", n, queue), func() (string, bool) {
		waiting, hidden, err := cloudtest.Depth(t.Context(), w.queues, queue)
		require.NoError(t, err)
		return fmt.Sprintf("%d wait, %d are hidden", waiting, hidden), waiting == n && hidden == 0
	})
}
