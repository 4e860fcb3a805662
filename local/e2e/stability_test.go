package e2e_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

func TestI5KnownTenantsAreRoutedWithoutTheMappingTable(t *testing.T) {
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	// One request at a time lands in one environment of the router, which so gets to know the tenant.
	w.Accept(t, tenant, "before", placed, order)
	// awaitRouted asks for the event until the router's log says that it came by the tenant's mapping in that way. The
	// tenant's cell has to answer all the time.
	awaitRouted := func(way string) {
		cloudtest.Await(t, "the router's mapping of the tenant is "+way, func() (record, bool) {
			a := w.get(t, tenant, "before")
			require.Equal(t, http.StatusOK, a.Status, "%s", a)
			require.Equal(t, c.ID, a.Header.Get("X-Cell-Id"))
			var last record // the log may lag behind the answer
			for _, r := range w.logged(t, tenant, "before") {
				last = r
			}
			return last, last.Mapping == way
		})
	}

	restore := w.loseMappingTable(t)
	awaitRouted("stale") // past the soft TTL
	ids := make([]string, 5)
	for i := range ids {
		ids[i] = fmt.Sprint("during-", i)
		a := w.post(t, tenant, ids[i], placed, order)
		cloudtest.RequireAccepted(t, a)
		require.Equal(t, c.ID, a.Header.Get("X-Cell-Id"))
	}
	restore()
	awaitRouted("refreshed")

	ids = append(ids, "before")
	w.AwaitStatus(t, tenant, "processed", ids...)
	require.Equal(t, map[string]int{placed: len(ids)}, c.counters(t, tenant))
	c.requireUnseenElsewhere(t, tenant)
}

func TestI5UnknownTenantsAreNeverGuessed(t *testing.T) {
	w := start(t)
	stranger := cloudtest.Unplaced()
	restore := w.loseMappingTable(t)
	for _, a := range []answer{
		w.post(t, stranger, "e-1", placed, order),
		w.get(t, stranger, "e-1"),
	} {
		cloudtest.RequireProblem(t, a, http.StatusServiceUnavailable, "unavailable")
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		require.Empty(t, a.Header.Get("X-Cell-Id"))
	}
	for id := range w.outputs.Cells {
		c := &cell{w.outputs.Cells[id], w}
		require.Empty(t, c.traces(t, stranger), "cell %s", id)
	}

	restore()
	a := cloudtest.Await(t, "the router says that it does not know the tenant", func() (answer, bool) {
		a := w.post(t, stranger, "e-1", placed, order)
		return a, a.Status != http.StatusServiceUnavailable
	})
	cloudtest.RequireProblem(t, a, http.StatusNotFound, "unknown-tenant")

	c := w.take(t)
	w.place(t, stranger, c.ID)
	cloudtest.Await(t, "the router knows the tenant", func() (answer, bool) {
		a := w.post(t, stranger, "e-1", placed, order)
		return a, a.Status == http.StatusAccepted
	})
	w.AwaitStatus(t, stranger, "processed", "e-1")
	require.Equal(t, map[string]int{placed: 1}, c.counters(t, stranger))
}
