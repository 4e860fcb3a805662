package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/app"
	"cellular/functions/consumer/counters"
	"cellular/internal/model/event"
	"cellular/internal/testkit/dynamotest"
)

// Figures are what a run of one tenant found.
type Figures struct {
	Offered   float64 // events a second that the client sent
	Applied   float64 // events a second, until the last one was applied
	Canceled  float64 // of all transactions, in percent
	Throttled float64 // requests that were throttled, for 100 events
	Publishes float64 // calls of the topic, for each event
	Units     float64 // write units, for each event, of both tables and their indexes
	P99       float64 // from accepted to applied, in seconds
}

// Count is the shipped business logic: it counts an event in the item of its shard.
func Count(c *Cell, ctx context.Context, e app.Event) (app.Effect, error) {
	write, err := counters.Add(ctx, c.DB, c.Names.ResultsTable(), e)
	if err != nil {
		return app.Effect{}, err
	}
	return app.Effect{Writes: []types.TransactWriteItem{write}}, nil
}

// CountInOne is as it would be with one counter and one fence for each tenant: every transaction adds to one item and
// checks another.
func CountInOne(c *Cell, _ context.Context, e app.Event) (app.Effect, error) {
	key := func(name string) dynamotest.Item {
		return dynamotest.Item{app.KeyAttribute: &types.AttributeValueMemberS{Value: app.KeyPrefix + name + "#" + e.TenantID}}
	}
	return app.Effect{Writes: []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: aws.String(c.Names.ResultsTable()), Key: key("one-counter"),
			UpdateExpression:         aws.String("SET #tenant = :tenant ADD #n :one"),
			ExpressionAttributeNames: map[string]string{"#tenant": app.TenantAttribute, "#n": "n"},
			ExpressionAttributeValues: dynamotest.Item{
				":tenant": &types.AttributeValueMemberS{Value: e.TenantID}, ":one": &types.AttributeValueMemberN{Value: "1"},
			},
		}},
		{ConditionCheck: &types.ConditionCheck{
			TableName: aws.String(c.Names.ResultsTable()), Key: key("one-fence"), ConditionExpression: aws.String("attribute_not_exists(#key)"),
			ExpressionAttributeNames: map[string]string{"#key": app.KeyAttribute},
		}},
	}}, nil
}

// Event is the nth event of a tenant.
func Event(tenantID string, n int) event.Event {
	return event.Event{
		TenantID: tenantID, ID: fmt.Sprintf("e-%d", n), Type: "order.placed", Epoch: 1, Payload: json.RawMessage(`{"n":1}`),
		AcceptedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
}

// Flow has one tenant send so many events a second for a time, and waits until all are applied, at most patience longer.
func (c *Cell) Flow(rate int, d, patience time.Duration) (Figures, error) {
	n := int(float64(rate) * d.Seconds())
	start := time.Now()
	accepted := make([]time.Time, n)
	var clients sync.WaitGroup
	errs := make(chan error, n)
	for i := range n {
		due := start.Add(time.Duration(i) * d / time.Duration(n))
		time.Sleep(time.Until(due))
		clients.Go(func() {
			errs <- c.Accept(Event("acme", i))
			accepted[i] = time.Now()
		})
	}
	clients.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return Figures{}, err
		}
	}
	for end := time.Now().Add(patience); len(c.Applied()) < n && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	return c.figures(start, accepted, float64(n)/d.Seconds()), nil
}

func (c *Cell) figures(start time.Time, accepted []time.Time, offered float64) Figures {
	applied, last := c.Applied(), start
	var latencies []time.Duration
	for i, at := range accepted {
		if done, ok := applied[Event("acme", i).Key()]; ok {
			latencies = append(latencies, done.Sub(at))
			if done.After(last) {
				last = done
			}
		}
	}
	n, all := float64(len(latencies)), float64(len(accepted))
	u := c.DB.Usage()
	total := 0.0
	for _, units := range u.WriteUnits {
		total += units
	}
	return Figures{
		Offered: offered, Applied: n / last.Sub(start).Seconds(), Canceled: 100 * float64(u.Canceled) / float64(u.Transactions),
		Throttled: 100 * float64(u.Throttled) / all, Publishes: float64(c.Published()) / all, Units: total / n,
		P99: Quantile(latencies, 0.99).Seconds(),
	}
}
