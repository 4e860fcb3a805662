package edge_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/model/ownership"
)

// leftBy puts an event of an epoch into a cell whose fence says that tenants of the name were removed below epoch 7, which is
// that of the mapping.
func (w *world) leftBy(cell string, epoch int64) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	e := event.Event{TenantID: "acme", ID: "order-1", Type: "order.created", Payload: []byte(`1`), Epoch: epoch, AcceptedAt: at}
	w.db.Put(dataPrefix+cell, e.Item())
	w.db.Put(resultsPrefix+cell, ownership.Fence{
		TenantID: "acme", Floor: 7, State: ownership.Owner, RemovedBelow: 5, UpdatedAt: at,
	}.Item())
}

const sameOrder = `{"tenant_id":"acme","id":"order-1","type":"order.created","payload":1}`

// An event that a router with a very old mapping wrote for a tenant that was removed is never applied. Its status is no
// business of the next tenant of the name, and to answer that tenant's own event with 202 would be to lose it.
func TestRouter_TakesNoEventOfARemovedTenantForOneOfTheNext(t *testing.T) {
	w := mapsTo(t, "alpha")
	w.leftBy("alpha", 4)
	w.wantProblem(w.get("order-1", "acme"), http.StatusNotFound, "unknown-event")
	w.wantProblem(w.post(sameOrder), http.StatusConflict, "id-conflict")

	w.outcome("alpha", event.Diverted) // by a consumer of a version that does not know what was removed
	w.wantProblem(w.get("order-1", "acme"), http.StatusNotFound, "unknown-event")
}

func TestRouter_KnowsTheTenantsOwnEventsOfEarlierEpochs(t *testing.T) {
	w := mapsTo(t, "alpha")
	for _, epoch := range []int64{5, 6, 7} {
		w.leftBy("alpha", epoch)
		require.Equal(t, "accepted", w.get("order-1", "acme").body["status"], "epoch %d", epoch)
		require.Equal(t, "true", w.post(sameOrder).Headers["Idempotent-Replayed"], "epoch %d", epoch)
	}
}

// Of the two cells of a move, either may have such an event.
func TestRouter_LooksPastAnEventOfARemovedTenantIntoThePeer(t *testing.T) {
	w := mapsTo(t, "beta")
	w.mapTenant("acme", "beta", mapping.Moving)
	w.fence("beta", ownership.Incoming, "alpha")
	w.leftBy("alpha", 4)
	w.wantProblem(w.get("order-1", "acme"), http.StatusNotFound, "unknown-event")

	w.leftBy("beta", 4)
	fence := w.db.Item(resultsPrefix+"beta", ownership.Key("acme"))
	fence[ownership.AttrPeer] = text("alpha")
	w.db.Put(resultsPrefix+"beta", fence)
	w.accepted("alpha") // under epoch 7
	require.Equal(t, "accepted", w.get("order-1", "acme").body["status"])
}

// A router asks a cell for what was removed only where it may matter.
func TestRouter_ReadsNoFenceForAnEventOfTheMappingsEpoch(t *testing.T) {
	w := mapsTo(t, "alpha")
	w.leftBy("alpha", 7)
	w.get("order-1", "acme")
	w.post(sameOrder)
	for _, c := range w.calls(resultsPrefix) {
		require.False(t, strings.HasPrefix(c.Key, ownership.Key("")), "%+v", c)
	}
}
