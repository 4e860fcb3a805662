package follow_test

import (
	"context"
	"maps"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/follow"
	"cellular/internal/testkit/dynamotest"
)

const stack = naming.Stack("test")

// noon is the time of the world.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func cell(id string) manifest.Cell {
	n := stack.Cell(id)
	return manifest.Cell{ID: id, DataTable: n.DataTable(), ResultsTable: n.ResultsTable()}
}

// world is the tables of the cells alpha, beta and gamma, and where tenant acme is: in alpha, unless a test has moved it.
type world struct {
	*dynamotest.DB
	at   mapping.Mapping
	gone map[string]bool // cells that are not there any more
}

func newWorld() *world {
	w := &world{at: mapping.Mapping{TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Active}, gone: map[string]bool{}}
	schema := map[string]dynamotest.Table{}
	for _, id := range []string{"alpha", "beta", "gamma"} {
		maps.Copy(schema, dynamotest.Cell(stack.Cell(id)))
	}
	w.DB = dynamotest.NewTables(schema)
	return w
}

// Get is the mapping of a tenant.
func (w *world) Get(_ context.Context, tenantID string) (mapping.Mapping, error) {
	if tenantID != w.at.TenantID {
		return mapping.Mapping{}, mapping.ErrUnknownTenant
	}
	return w.at, nil
}

func (w *world) finder() follow.Finder {
	return follow.Finder{Tables: w.DB, Mappings: w, Now: func() time.Time { return noon }, Cells: func(_ context.Context, id string) (manifest.Cell, error) {
		if w.gone[id] {
			return manifest.Cell{}, fleet.ErrUnknownCell
		}
		return cell(id), nil
	}}
}

// order is an event of acme that was accepted so long ago, and is kept for a day.
func order(id string, ago time.Duration) event.Event {
	at := noon.Add(-ago)
	return event.Event{
		TenantID: "acme", ID: id, Type: "order.placed", Payload: []byte(`{}`), Epoch: 1, AcceptedAt: at, ExpiresAt: event.Expiry(at, 24*time.Hour), CorrelationID: "req-" + id,
	}
}

func (w *world) data(cellID string, stored dynamotest.Item) { w.Put(cell(cellID).DataTable, stored) }

func (w *world) results(cellID string, stored dynamotest.Item) {
	w.Put(cell(cellID).ResultsTable, stored)
}

// clone is an event's item as a move has copied it.
func clone(e event.Event, from string) dynamotest.Item {
	cloned := e.Item()
	cloned[event.AttrClonedFrom] = item.Text(from)
	return cloned
}

// outcome is what became of an event, so long after it was accepted.
func outcome(e event.Event, status ledger.Status, after time.Duration) ledger.Outcome {
	return ledger.Of(e, status, e.AcceptedAt.Add(after), 90*24*time.Hour)
}
