package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestI4AcceptedEventsAreProcessedWithoutTheMappingTable(t *testing.T) {
	w := start(t)
	testAutonomy(t, w, func(t *testing.T) func() { return w.loseMappingTable(t) })
}

func TestI4AcceptedEventsAreProcessedWithoutMappingTableAndRouter(t *testing.T) {
	w := start(t)
	testAutonomy(t, w, func(t *testing.T) func() {
		table, router := w.loseMappingTable(t), w.loseRouter(t)
		require.GreaterOrEqual(t, w.get(t, "any", "any").Status, http.StatusInternalServerError, "the router is gone")
		return func() { table(); router() }
	})
}

// testAutonomy lets a cell accept events that it cannot process yet, takes away what lose loses, and only then lets the
// cell go on.
func testAutonomy(t *testing.T, w *world, lose func(*testing.T) (restore func())) {
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	resume := c.pause(t, c.Producer)
	ids := w.acceptOrders(t, tenant, "held", 5)
	for _, id := range ids {
		require.Equal(t, "accepted", w.get(t, tenant, id).Field("status"))
	}

	restore := lose(t)
	resume()
	c.awaitApplied(t, tenant, ids...)
	require.Equal(t, map[string]int{placed: len(ids)}, c.counters(t, tenant))

	restore()
	for _, id := range ids {
		w.AwaitStatus(t, tenant, "processed", id)
	}
	c.requireUnseenElsewhere(t, tenant)
}
