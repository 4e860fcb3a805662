package consumer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
)

// oldFence is a fence as the version before wrote it, which knew no copies.
func (c *cell) oldFence(floor, removedBelow int64) {
	c.tables.items[resultsTable+"/"+ledger.FenceKey("acme")] = ledger.Fence{
		TenantID: "acme", Floor: floor, State: ledger.Left, RemovedBelow: removedBelow, UpdatedAt: time.Unix(1772600767, 0),
	}.Item()
}

func TestI8AConsumerGoesByAFenceOfTheVersionBefore(t *testing.T) {
	c := newCell()
	c.oldFence(4, 3)
	require.Empty(t, c.handle(t.Context(), t, deliverOf(2, "removed", "t", 1), deliverOf(3, "left", "t", 1), deliverOf(4, "here", "t", 1)))
	require.Empty(t, c.entry("removed"))
	require.Equal(t, []ledger.Status{ledger.Diverted, ledger.Processed}, []ledger.Status{c.status("left"), c.status("here")})
	require.EqualValues(t, 4, c.floor("left"), "the fence has copies now")

	unreadable := newCell()
	unreadable.oldFence(4, 3)
	require.Equal(t, []string{"e-1"}, unreadable.handle(t.Context(), t, deliverBody("e-1", "{", 5)))
	require.Empty(t, unreadable.entry("e-1"), "it may be of the tenant that was removed")
}

// Where the fence cannot be converted, nothing is known of what may be applied.
func TestI8NothingIsAppliedBehindAFenceThatCannotBeConverted(t *testing.T) {
	c := newCell()
	c.oldFence(4, 0)
	c.tables.before = func(int) error { return errors.New("AccessDeniedException") }
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliverOf(3, "e-1", "t", 1)))
	c.tables.before = nil
	require.Empty(t, c.handle(t.Context(), t, deliverOf(3, "e-1", "t", 2)))
	require.Equal(t, ledger.Diverted, c.status("e-1"))
}

// A tenant's fence is looked at once in the life of a process, whatever becomes of it: from then on its copies say it all.
func TestConsumer_LooksAtATenantsFenceOnce(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliverOf(1, "e-1", "t", 1)))
	require.Equal(t, 1, c.tables.reads)
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliverOf(1, "e-2", "t", 1), deliverOf(2, "e-3", "t", 1)))
	require.Equal(t, []ledger.Status{ledger.Diverted, ledger.Processed}, []ledger.Status{c.status("e-2"), c.status("e-3")})
	require.Equal(t, 1, c.tables.reads)

	c.Consumer = consumer.New(c.Options)
	require.Empty(t, c.handle(context.Background(), t, deliverOf(2, "e-4", "t", 1)))
	require.Equal(t, 2, c.tables.reads)
}
