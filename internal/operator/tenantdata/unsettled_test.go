package tenantdata_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/tenantdata"
	"cellular/internal/testkit/dynamotest"
)

func TestEventsWithoutAFinalOutcomeAreUnsettled(t *testing.T) {
	names := naming.Stack("dev").Cell("alpha")
	cell := manifest.Cell{
		ID: "alpha", DataTable: names.DataTable(), ResultsTable: names.ResultsTable(),
		Settings: manifest.Settings{ResultTTL: manifest.Duration(time.Hour)},
	}
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	db := dynamotest.NewTables(dynamotest.Deployment("dev", "alpha"))
	db.PageItems = 2
	accept := func(tenant, id string, age time.Duration, outcome ledger.Status) {
		e := event.Event{TenantID: tenant, ID: id, Type: "t", Payload: []byte("{}"), Epoch: 1, AcceptedAt: now.Add(-age)}
		db.Put(cell.DataTable, e.Item())
		if outcome != "" {
			db.Put(cell.ResultsTable, dynamotest.Item{
				event.AttrKey:         item.Text(e.Key()),
				event.AttrTenantShard: item.Text(event.TenantShard(tenant, id)),
				ledger.AttrStatus:     item.Text(string(outcome)),
			})
		}
	}
	unsettled := func() int {
		n, err := tenantdata.Unsettled(t.Context(), db, cell, "acme", now)
		require.NoError(t, err)
		return n
	}
	accept("acme", "done", time.Minute, ledger.Processed)
	accept("acme", "ejected", time.Minute, ledger.Failed)
	accept("acme", "old", 2*time.Hour, "") // its outcome may have expired
	accept("zeta", "other", time.Minute, "")
	require.Zero(t, unsettled())

	accept("acme", "diverted", time.Minute, ledger.Diverted)
	for i := range 3 {
		accept("acme", strconv.Itoa(i), time.Minute, "")
	}
	require.Equal(t, 4, unsettled())

	for id, by := range map[string]time.Duration{"last-attempt-begun": time.Second, "last-attempt-over": 0} {
		accept("acme", id, time.Minute, ledger.Failed)
		outcome := db.Item(cell.ResultsTable, event.Key("acme", id))
		outcome[ledger.AttrFailedBy] = item.Text(event.FormatTime(now.Add(by)))
		db.Put(cell.ResultsTable, outcome)
	}
	require.Equal(t, 5, unsettled())
}

// Data that has expired is absent, and an outcome of an earlier acceptance of an id is not the event's.
func TestUnsettled_GoesByTheAcceptanceThatTheTableHas(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	cell := alpha
	cell.Settings.ResultTTL = manifest.Duration(72 * time.Hour)
	accept := func(age time.Duration) event.Event {
		e := event.Event{TenantID: "acme", ID: "e", Type: "t", Payload: []byte("{}"), Epoch: 1, AcceptedAt: now.Add(-age)}
		e.ExpiresAt = event.Expiry(e.AcceptedAt, 24*time.Hour)
		return e
	}
	earlier, live := accept(25*time.Hour), accept(time.Hour)
	for name, c := range map[string]struct {
		event, outcome event.Event
		want           int
	}{
		"expired":             {earlier, event.Event{}, 0},
		"live":                {live, event.Event{}, 1},
		"live, and processed": {live, live, 0},
		"live, and processed when accepted before": {live, earlier, 1},
	} {
		t.Run(name, func(t *testing.T) {
			db := newCell(nil)
			db.Put(cell.DataTable, c.event.Item())
			if c.outcome.ID != "" {
				db.Put(cell.ResultsTable, ledger.Of(c.outcome, ledger.Processed, now, 72*time.Hour).Item())
			}
			n, err := tenantdata.Unsettled(t.Context(), db, cell, "acme", now)
			require.NoError(t, err)
			require.Equal(t, c.want, n)
		})
	}
}
