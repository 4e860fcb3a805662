package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// Moved is how long a move took, without the wait for routers to forget the old cell.
type Moved struct {
	Pause time.Duration // from the fence to the flip
	Total time.Duration
}

// Move moves a tenant that has so many events, and so many items of the business logic. All but a few events were processed long ago.
func Move(ctx context.Context, tables dynamotest.Concurrency, events, state int) (Moved, error) {
	const stack, tenant = naming.Stack("bench"), "acme"
	db := dynamotest.NewTables(dynamotest.Deployment(stack, "alpha", "beta"))
	cells := map[string]manifest.Cell{}
	for _, id := range []string{"alpha", "beta"} {
		names := stack.Cell(id)
		cells[id] = manifest.Cell{
			ID: id, Tier: mapping.TierStandard, MaxTenants: 10, DataTable: names.DataTable(), ResultsTable: names.ResultsTable(),
			QueueURL: names.Queue(), ConsumerDLQURL: names.ConsumerDLQ(),
			Settings: manifest.Settings{InlinePayloadBytes: 64 << 10, ResultTTL: manifest.Duration(90 * 24 * time.Hour)},
		}
	}
	control := dynamotest.ControlPlaneOf(stack)
	store := placement.NewStore(db, control)
	if _, err := store.Assign(ctx, []manifest.Cell{cells["alpha"], cells["beta"]}, placement.Request{TenantID: tenant, CellID: "alpha"}); err != nil {
		return Moved{}, err
	}
	seed(db, cells["alpha"], tenant, events, state)
	db.Concurrent(tables)
	mover := move.New(move.Options{
		DynamoDB: db, Queue: noQueue{}, ControlPlane: control,
		Cell:       func(_ context.Context, id string) (manifest.Cell, error) { return cells[id], nil },
		Quarantine: time.Minute, IndexSettle: move.DefaultIndexSettle, Poll: move.DefaultPoll, Parallel: move.DefaultParallel, Holder: "bench:1",
	})
	if _, err := mover.Start(ctx, tenant, "beta"); err != nil {
		return Moved{}, err
	}
	done, err := mover.Run(ctx, tenant, "")
	if err != nil {
		return Moved{}, err
	}
	var m Moved
	for _, p := range done.Phases {
		switch p.Phase {
		case move.Redirect:
			continue
		case move.Fence, move.Copy, move.Flip:
			m.Pause += p.Took
		}
		m.Total += p.Took
	}
	if done.Counts.Events != events || done.Counts.SameState.Items != state {
		return m, fmt.Errorf("moved %d of %d events and %d of %d items", done.Counts.Events, events, done.Counts.SameState.Items, state)
	}
	return m, nil
}

// seed puts what a tenant has into a cell: events that were processed in the last ten days, every hundredth of the last thousand failed.
func seed(db *dynamotest.DB, cell manifest.Cell, tenant string, events, state int) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	for n := range events {
		e := event.Event{
			TenantID: tenant, ID: fmt.Sprintf("e-%d", n), Type: "order.placed", Epoch: 1, Payload: json.RawMessage(`{"n":1}`),
			AcceptedAt: now.Add(-time.Hour - time.Duration(n)*10*24*time.Hour/time.Duration(events)).Truncate(time.Millisecond),
		}
		status := ledger.Processed
		if n < 1000 && n%100 == 0 {
			status = ledger.Failed
		}
		db.Put(cell.DataTable, e.Item())
		db.Put(cell.ResultsTable, ledger.Of(e, status, e.AcceptedAt, ledger.Memory(cell)).Item())
	}
	for n := range state {
		db.Put(cell.ResultsTable, dynamotest.Item{
			event.AttrKey: item.Text(fmt.Sprintf("#orders#%s#%d", tenant, n)), event.AttrTenantID: item.Text(tenant), "n": item.Number(int64(n)),
		})
	}
}

// noQueue takes all messages.
type noQueue struct{}

func (noQueue) SendMessageBatch(context.Context, *sqs.SendMessageBatchInput, ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	return &sqs.SendMessageBatchOutput{}, nil
}
