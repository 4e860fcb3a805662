package consumer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/formattest"
)

// expiring is an event as the router of this version accepts it.
func expiring(id string) event.Message {
	accepted := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return event.Message{Event: event.Event{
		TenantID: "acme", ID: id, Type: "t", Epoch: 1, Payload: []byte(`{}`), AcceptedAt: accepted, ExpiresAt: accepted.Add(840 * time.Hour),
	}}
}

// The outcomes that the consumer writes are read by the router, which has the same files in its tests.
func TestTheFormatOfAnOutcomeIsKept(t *testing.T) {
	c := newCell()
	c.Now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC) }
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(expiring("e-1"), 1)))
	formattest.WritesItem(t, "testdata/outcome-v3/processed.json", c.entry("e-1"))

	c.Apply = func(context.Context, event.Event) (app.Effect, error) {
		return app.Effect{}, app.Permanent(errors.New("no"))
	}
	c.handle(t.Context(), t, deliverMessage(expiring("e-2"), maxReceives))
	formattest.WritesItem(t, "testdata/outcome-v3/failed-with-text.json", c.entry("e-2"))
	rejected := expiring("e-3")
	rejected.CorrelationID = "client-42"
	c.handle(t.Context(), t, deliverMessage(rejected, maxReceives))
	formattest.WritesItem(t, "testdata/outcome-v3/failed-correlated.json", c.entry("e-3"))
}

func TestConsumer_TakesAnOutcomeOfALaterVersionAsSettled(t *testing.T) {
	c := newCell()
	held := attributes{event.AttrKey: item.Text("acme#e-1"), event.AttrTenantShard: item.Text("acme#3"), ledger.AttrStatus: item.Text("held")}
	c.tables.items[resultsTable+"/acme#e-1"] = held
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)), "whoever wrote the entry answers for the event")
	require.Zero(t, c.effects("e-1"))
	require.Equal(t, held, c.entry("e-1"))
}
