package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/health"
)

func TestDoctor_NamesRemovalsThatNobodyIsAtWorkOn(t *testing.T) {
	w := healthy(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.removals = []health.Removal{
		{TenantID: "acme", Cell: "c01", Phase: "delete", StartedAt: at, Left: true, Ways: "'cellctl tenants remove acme' goes on with it"},
		{TenantID: "globex", Cell: "c01", Phase: "delete", StartedAt: at},
	}
	var found []health.Finding
	for _, f := range run(t, w.doctor()) {
		if f.Check == "removals" {
			found = append(found, f)
		}
	}
	require.Equal(t, []health.Finding{{
		Check: "removals", Subject: "dev", Level: health.Warn, Fix: "'cellctl tenants remove acme' goes on with it",
		Text: "tenant acme is being removed from cell c01 since 2026-03-01T12:00:00.000Z, phase delete, and nobody is at work on that",
	}}, found)
}
