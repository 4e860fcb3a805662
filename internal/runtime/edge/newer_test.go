package edge_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/formattest"
)

func TestRouter_ReadsTheOutcomesOfTheConsumer(t *testing.T) {
	for path, kept := range formattest.Items(t, "../consumer/testdata/outcome-v*") {
		for _, stored := range []formattest.Item{kept, formattest.NewerItem(kept)} {
			w := newWorld(t)
			w.setClock(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)) // the outcomes have not expired
			stored["id"] = item.Text("acme#order-1")
			w.db.Put(resultsPrefix+"alpha", stored)
			a := w.get("order-1", "acme")
			require.Equal(t, http.StatusOK, a.StatusCode, path)
			status, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), "-")
			require.Equal(t, status, a.body["status"], path)
		}
	}
}

func TestRouter_TellsAnOutcomeOfALaterVersionAsAccepted(t *testing.T) {
	w := newWorld(t)
	w.post(order)
	w.db.Put(resultsPrefix+"alpha", dynamotest.Item{
		"id": item.Text("acme#order-1"), "type": item.Text("order.created"), "status": item.Text("held"), "applied_at": item.Text("2026-02-03T04:05:07.000Z"),
	})
	a := w.get("order-1", "acme")
	require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
	require.Equal(t, "accepted", a.body["status"])
}

func TestRouter_ServesNoTenantInAStateOfALaterVersion(t *testing.T) {
	w := newWorld(t)
	w.mapTenant("globex", "beta", mapping.State("read-only"))
	a := w.post(`{"tenant_id":"globex","id":"order-1","type":"order.created","payload":{}}`)
	w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
	require.NotEmpty(t, a.Headers["Retry-After"])
	require.Empty(t, w.db.Items(dataPrefix+"beta"))
	require.Equal(t, http.StatusAccepted, w.post(order).StatusCode, "the other tenants of the router notice nothing")
}

// A router that knows the tenant from before must not go on with what it knew, as it would if the item were broken.
func TestRouter_StopsServingATenantWhoseStateBecameUnknown(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
	w.mapTenant("acme", "alpha", mapping.State("read-only"))
	w.pass(softTTL)
	w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
}
