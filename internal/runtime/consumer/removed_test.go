package consumer_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// removedBelow is the cell's fence once the tenant was removed, and all of its items with it.
func (c *cell) removedBelow(epoch int64) {
	c.setFence(ledger.Fence{
		TenantID: "acme", Floor: epoch, State: ledger.Left, RemovedBelow: epoch, UpdatedAt: time.Unix(1772600767, 0), Copied: epoch,
	})
}

// dropped requires that a delivery succeeds, is logged as removed, and leaves nothing behind.
func (c *cell) dropped(t *testing.T, m events.SQSMessage) {
	t.Helper()
	before := len(c.stored())
	require.Empty(t, c.handle(t.Context(), t, m))
	require.Len(t, c.stored(), before, "nothing is written")
	require.Regexp(t, `level=INFO .*outcome=removed .*epoch=`, c.log.String())
	require.NotContains(t, c.log.String(), "outcome=diverted")
}

func TestConsumer_DropsTheEventsOfARemovedTenant(t *testing.T) {
	t.Run("that would have been applied", func(t *testing.T) {
		c := newCell()
		c.removedBelow(3)
		c.dropped(t, deliverOf(2, "e-1", "t", 1))
		require.Empty(t, c.handle(t.Context(), t, deliverOf(3, "e-2", "t", 1)), "the next tenant of that name is served")
		require.Equal(t, 1, c.effects("e-2"))
	})
	t.Run("whose payload is gone", func(t *testing.T) {
		c := newCell()
		c.removedBelow(3)
		m := event.Message{PayloadRef: true, Event: event.Event{TenantID: "acme", ID: "e-1", Type: "t", Epoch: 2, AcceptedAt: time.Unix(1772600767, 0)}}
		c.dropped(t, deliverMessage(m, 1))
	})
	for receives := 1; receives <= 5; receives++ {
		t.Run("that the business logic does not take, on receive "+strconv.Itoa(receives), func(t *testing.T) {
			c := newCell()
			c.Apply = func(context.Context, event.Event) (app.Effect, error) {
				return app.Effect{}, errors.New("unknown account")
			}
			c.removedBelow(3)
			c.dropped(t, deliverOf(2, "e-1", "t", receives))
		})
	}
	t.Run("although the next tenant has moved away, and its fence diverts", func(t *testing.T) {
		c := newCell()
		c.removedBelow(3)
		c.setFence(ledger.Fence{
			TenantID: "acme", Floor: 5, State: ledger.Left, Peer: "beta", RemovedBelow: 3, UpdatedAt: time.Unix(1772600767, 0), Copied: 5,
		})
		c.dropped(t, deliverOf(2, "e-1", "t", 1))
		require.Empty(t, c.handle(t.Context(), t, deliverOf(4, "e-2", "t", 1)))
		require.Equal(t, ledger.Diverted, c.status("e-2"))
	})
	t.Run("when the tenant is removed before the transaction", func(t *testing.T) {
		c := newCell()
		c.tables.before = func(call int) error {
			if call == 1 {
				c.removedBelow(3)
			}
			return nil
		}
		require.Empty(t, c.handle(t.Context(), t, deliverOf(2, "e-1", "t", 1)))
		require.Empty(t, c.entry("e-1"))
		require.Contains(t, c.log.String(), "outcome=removed")
	})
}

// Of a message that cannot be read nobody knows the epoch. A note of it would be what a client of the next tenant reads.
func TestConsumer_NotesNothingOfARemovedTenantsUnreadableMessage(t *testing.T) {
	c := newCell()
	c.removedBelow(3)
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliverBody("e-1", "{", 5)), "it goes to the DLQ")
	require.Empty(t, c.entry("e-1"))

	c.tables.items[dataTable+"/acme#e-2"] = event.Event{
		TenantID: "acme", ID: "e-2", Type: "t", Payload: []byte(`1`), Epoch: 3, AcceptedAt: time.Unix(1772600767, 0),
	}.Item()
	require.Equal(t, []string{"e-2"}, c.handle(t.Context(), t, deliverBody("e-2", "{", 5)))
	require.Equal(t, ledger.Failed, c.status("e-2"), "the next tenant's client is told")
}

// The tenant may be removed between the look at its fence and the note.
func TestConsumer_NotesNothingBehindARemoval(t *testing.T) {
	for name, fenced := range map[string]bool{"the first of the name": false, "a later one": true} {
		t.Run(name, func(t *testing.T) {
			c := newCell()
			if fenced {
				c.removedBelow(3)
			}
			c.tables.items[dataTable+"/acme#e-1"] = event.Event{
				TenantID: "acme", ID: "e-1", Type: "t", Payload: []byte(`1`), Epoch: 4, AcceptedAt: time.Unix(1772600767, 0),
			}.Item()
			removed := false
			c.tables.before = func(int) error {
				if !removed {
					removed = true
					c.removedBelow(6)
					delete(c.tables.items, dataTable+"/acme#e-1")
				}
				return nil
			}
			require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliverBody("e-1", "{", 5)), "it goes to the DLQ")
			require.True(t, removed)
			require.Empty(t, c.entry("e-1"))
		})
	}
}
