package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// What a probe leaves in a cell is gone soon after its event, and a tenant's is kept.
func TestSynthetic_LeavesNothingForLong(t *testing.T) {
	const ttl = 90 * 24 * time.Hour
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for tenant, want := range map[string]time.Duration{"cellctl-probe.alpha": event.SyntheticTTL + event.ClockMargin, "cellctl-probes": ttl, "acme": ttl} {
		e := event.Event{TenantID: tenant, ID: "e", Type: "t", Epoch: 1, AcceptedAt: now, ExpiresAt: event.Expiry(now, event.SyntheticTTL)}
		require.Equal(t, want, ledger.Of(e, ledger.Processed, now, ttl).ExpiresAt.Sub(now), tenant)
		attempts := ledger.AttemptsOf(e).With(ledger.Attempt{At: now}, 5, ttl)
		require.LessOrEqual(t, attempts.ExpiresAt.Sub(now), want, tenant)
		require.GreaterOrEqual(t, attempts.ExpiresAt.Sub(now), want-event.ClockMargin, tenant)
	}
}
