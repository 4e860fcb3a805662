// Package resendtest is two cells and their control plane in memory, for tests of what sends events again.
package resendtest

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/resend"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// The cells of a world, and its mapping table.
var (
	Alpha = cell("alpha")
	Beta  = cell("beta")
)

const stack = naming.Stack("dev")

// Control names the world's control plane.
var Control = dynamotest.ControlPlaneOf(stack)

const day = 24 * time.Hour

// ResultTTL is for how long the ledgers remember, DataTTL for how long an event's data is kept, and WayAhead for how long a message
// that is sent now can be on its way, at most.
const (
	ResultTTL = 30 * day
	DataTTL   = 20 * day
	WayAhead  = queueRetention + dlqRetention

	queueRetention, dlqRetention = 2 * day, 5 * day
)

func cell(id string) manifest.Cell {
	c := manifest.Cell{
		ID: id, Tier: mapping.TierStandard, MaxTenants: 10, DataTable: stack.Cell(id).DataTable(), ResultsTable: stack.Cell(id).ResultsTable(),
		QueueURL: "https://sqs/" + id + "-queue", ConsumerDLQURL: "https://sqs/" + id + "-consumer-dlq",
		SubscriptionDLQURL: "https://sqs/" + id + "-subscription-dlq", StreamDLQURL: "https://sqs/" + id + "-stream-dlq",
	}
	c.Settings.InlinePayloadBytes, c.Settings.ResultTTL, c.Settings.DataTTL = 64<<10, manifest.Duration(ResultTTL), manifest.Duration(DataTTL)
	c.Settings.QueueRetention, c.Settings.DLQRetention = manifest.Duration(queueRetention), manifest.Duration(dlqRetention)
	return c
}

// World is the tables of both cells and of the control plane, and the queues of both cells.
type World struct {
	Clock  *Clock
	Tables *dynamotest.DB
	Queues *sqstest.SQS
}

// Tables are those of a world.
func Tables() map[string]dynamotest.Table { return dynamotest.Deployment(stack, Alpha.ID, Beta.ID) }

// New returns a world without tenants.
func New() *World {
	clock := &Clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	return &World{Clock: clock, Tables: dynamotest.NewTables(Tables()), Queues: newQueues(clock.Now)}
}

// Home returns a home that sends to queue.
func (w *World) Home(queue resend.Queue) *resend.Home {
	return &resend.Home{
		Tables: w.Tables, Queue: queue, Mappings: mapping.NewStore(w.Tables, Control.MappingTable), Now: w.Clock.Now,
		Cells: func(_ context.Context, id string) (manifest.Cell, error) {
			for _, c := range []manifest.Cell{Alpha, Beta} {
				if c.ID == id {
					return c, nil
				}
			}
			return manifest.Cell{}, fmt.Errorf("%w %q", fleet.ErrUnknownCell, id)
		},
	}
}

// Map gives a tenant a place.
func (w *World) Map(tenantID string, c manifest.Cell, epoch int64) {
	w.Tables.Put(Control.MappingTable, mapping.Mapping{
		TenantID: tenantID, CellID: c.ID, Epoch: epoch, State: mapping.Active, Tier: mapping.TierStandard, UpdatedAt: w.Clock.Now(),
	}.Item())
}

// Fence puts a tenant's fence into a cell.
func (w *World) Fence(c manifest.Cell, tenantID string, floor int64, state ledger.FenceState) {
	w.Tables.Put(c.ResultsTable, ledger.Fence{TenantID: tenantID, Floor: floor, State: state, UpdatedAt: w.Clock.Now()}.Item())
}

// Accept puts an event into a cell's data table, as the router does.
func (w *World) Accept(c manifest.Cell, tenantID, eventID string, epoch int64, age time.Duration) event.Event {
	e := event.Event{
		TenantID: tenantID, ID: eventID, Type: "order", Payload: []byte(`{"n":1}`), Epoch: epoch,
		AcceptedAt: w.Clock.Now().Add(-age).UTC().Truncate(time.Millisecond),
	}
	e.ExpiresAt = event.Expiry(e.AcceptedAt, DataTTL)
	w.Tables.Put(c.DataTable, e.Item())
	return e
}

// Outcome puts an entry for an event into a cell's ledger, written age ago. One that was diverted waits.
func (w *World) Outcome(c manifest.Cell, e event.Event, status ledger.Status, age time.Duration) {
	entry := dynamotest.Item{
		event.AttrKey:         item.Text(e.Key()),
		event.AttrTenantShard: item.Text(event.TenantShard(e.TenantID, e.ID)),
		event.AttrID:          item.Text(e.ID),
		event.AttrType:        item.Text(e.Type),
		event.AttrEpoch:       item.Number(e.Epoch),
		ledger.AttrStatus:     item.Text(string(status)),
		ledger.AttrAppliedAt:  item.Text(event.FormatTime(w.Clock.Now().Add(-age))),
	}
	if !e.AcceptedAt.IsZero() {
		entry[event.AttrAcceptedAt] = item.Text(event.FormatTime(e.AcceptedAt))
	}
	if !e.ExpiresAt.IsZero() {
		entry[ledger.AttrEventExpiresAt] = item.Number(e.ExpiresAt.Unix())
	}
	switch status {
	case ledger.Diverted:
		entry[ledger.AttrWaiting] = entry[event.AttrTenantShard]
	case ledger.Failed:
		entry[ledger.AttrReason] = item.Text("rejected")
	}
	w.Tables.Put(c.ResultsTable, entry)
}

// Status is what a cell's ledger says of an event; "" for nothing.
func (w *World) Status(c manifest.Cell, key string) ledger.Status {
	if s, ok := w.Tables.Item(c.ResultsTable, key)[ledger.AttrStatus].(*types.AttributeValueMemberS); ok {
		return ledger.Status(s.Value)
	}
	return ""
}
