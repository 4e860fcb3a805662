package consumer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
)

// pace is business logic that takes a tenth of a second an event, and notes what it was at work on.
type pace struct {
	mu       sync.Mutex
	began    []string       // the events, in the order in which they began
	underWay map[string]int // by tenant
	most     int            // tenants at the same time
	together bool           // two events of a tenant were under way at the same time
}

const takes = 100 * time.Millisecond

func (p *pace) apply(_ context.Context, e event.Event) (app.Effect, error) {
	p.mu.Lock()
	p.began = append(p.began, e.ID)
	p.underWay[e.TenantID]++
	p.together = p.together || p.underWay[e.TenantID] > 1
	p.most = max(p.most, len(p.underWay))
	p.mu.Unlock()
	time.Sleep(takes)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.underWay[e.TenantID]--; p.underWay[e.TenantID] == 0 {
		delete(p.underWay, e.TenantID)
	}
	return app.Effect{}, nil
}

func deliverTo(tenantID, id string, receives int) events.SQSMessage {
	return deliverMessage(event.Message{Event: event.Event{
		TenantID: tenantID, ID: id, Type: "t", Epoch: 1, Payload: json.RawMessage(`{}`), AcceptedAt: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
	}}, receives)
}

// One tenant has five events in a batch, and five others have one each: a batch takes as long as that one tenant's.
func batchOfSix(receives int) []events.SQSMessage {
	var batch []events.SQSMessage
	for i := range 5 {
		batch = append(batch, deliverTo("big", fmt.Sprintf("big-%d", i), receives), deliverTo(fmt.Sprintf("small-%d", i), fmt.Sprintf("small-%d", i), receives))
	}
	return batch
}

func TestConsumer_HandlesTenantsAtTheSameTimeAndATenantsEventsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{underWay: map[string]int{}}
		c := newCell()
		c.ConcurrentTenants, c.Apply = 3, p.apply
		start := time.Now()
		require.Empty(t, c.handle(t.Context(), t, batchOfSix(1)...))
		require.Equal(t, 5*takes, time.Since(start), "as long as the tenant with most events takes")
		require.Equal(t, 3, p.most, "tenants at the same time")
		require.False(t, p.together, "two events of a tenant at the same time")
		var big []string
		for _, id := range p.began {
			if len(id) == len("big-0") {
				big = append(big, id)
			}
		}
		require.Equal(t, []string{"big-0", "big-1", "big-2", "big-3", "big-4"}, big)
	})
}

// What may have ended a process runs alone, whosever it is.
func TestConsumer_HandlesABatchOnTrialOneRecordAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{underWay: map[string]int{}}
		c := newCell()
		c.ConcurrentTenants, c.Apply = 3, p.apply
		batch := batchOfSix(1)
		batch[3] = deliverTo("small-1", "small-1", 2)
		start := time.Now()
		require.Empty(t, c.handle(t.Context(), t, batch...))
		require.Equal(t, 10*takes, time.Since(start))
		require.Equal(t, 1, p.most, "tenants at the same time")
	})
}

// A tenant whose events hang costs its neighbours in the batch nothing, where no message was received before.
func TestI7ATenantWhoseEventsHangDoesNotDelayItsNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCell()
		c.ConcurrentTenants = 2
		done := map[string]time.Duration{}
		start := time.Now()
		c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
			if e.TenantID == "hangs" {
				<-ctx.Done()
				return app.Effect{}, ctx.Err()
			}
			return app.Effect{}, nil
		}
		c.AfterApply = func(e event.Event) { done[e.ID] = time.Since(start) }
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		failed := c.handle(ctx, t, deliverTo("hangs", "h-1", 1), deliverTo("hangs", "h-2", 1), deliverTo("well", "w-1", 1), deliverTo("fine", "f-1", 1))
		require.ElementsMatch(t, []string{"h-1", "h-2"}, failed)
		require.Equal(t, map[string]time.Duration{"w-1": 0, "f-1": 0}, done)
	})
}
