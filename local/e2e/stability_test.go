package e2e_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the router says in its log of how it came by a mapping.
const (
	stale     = "stale"
	refreshed = "refreshed"
)

func TestI5KnownTenantsAreRoutedWithoutTheMappingTable(t *testing.T) {
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	sent := 0
	// send routes one event: it must be accepted by the tenant's cell, whatever is down. One request at a time lands in
	// one environment of the router, which so gets to know the tenant.
	send := func() {
		sent++
		a := w.post(t, tenant, fmt.Sprint("known-", sent), placed, order)
		require.Equal(t, http.StatusAccepted, a.Status, "%s", a)
		require.Equal(t, c.ID, a.Header.Get("X-Cell-Id"))
	}
	// sendUntil sends until the router's log says that it came by the mapping in that way.
	sendUntil := func(way string, times int) {
		await(t, fmt.Sprintf("%d events are routed by a mapping that is %s", times, way), func() (int, bool) {
			send()
			n := 0
			for _, r := range w.logged(t, tenant, "") {
				if r.Mapping == way {
					n++
				}
			}
			return n, n >= times
		})
	}

	send()
	restore := w.loseMappingTable(t)
	sendUntil(stale, 5)
	restore()
	before := sent
	await(t, "the mapping is read again", func() ([]record, bool) {
		send()
		list := w.logged(t, tenant, fmt.Sprint("known-", sent))
		return list, len(list) > 0 && list[0].Mapping == refreshed
	})
	require.Greater(t, sent, before)

	ids := make([]string, sent)
	for i := range ids {
		ids[i] = fmt.Sprint("known-", i+1)
	}
	w.awaitStatus(t, tenant, "processed", ids...)
	require.Equal(t, map[string]int{placed: sent}, c.counters(t, tenant))
	c.requireUnseenElsewhere(t, tenant)
}

func TestI5UnknownTenantsAreNeverGuessed(t *testing.T) {
	w := start(t)
	stranger := unplaced()
	restore := w.loseMappingTable(t)
	for _, a := range []answer{
		w.post(t, stranger, "e-1", placed, order),
		w.get(t, stranger, "e-1"),
	} {
		requireProblem(t, a, http.StatusServiceUnavailable, "unavailable")
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		require.Empty(t, a.Header.Get("X-Cell-Id"))
	}
	for id := range w.outputs.Cells {
		c := &cell{w.outputs.Cells[id], w}
		require.Empty(t, c.traces(t, stranger), "cell %s", id)
	}

	restore()
	a := await(t, "the router says that it does not know the tenant", func() (answer, bool) {
		a := w.post(t, stranger, "e-1", placed, order)
		return a, a.Status != http.StatusServiceUnavailable
	})
	requireProblem(t, a, http.StatusNotFound, "unknown-tenant")

	c := w.take(t)
	w.place(t, stranger, c.ID)
	await(t, "the router knows the tenant", func() (answer, bool) {
		a := w.post(t, stranger, "e-1", placed, order)
		return a, a.Status == http.StatusAccepted
	})
	w.awaitStatus(t, stranger, "processed", "e-1")
	require.Equal(t, map[string]int{placed: 1}, c.counters(t, stranger))
}
