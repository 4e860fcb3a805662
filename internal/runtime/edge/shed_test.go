package edge_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/guard"
)

func TestATenantThatFloodsCostsItselfOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *edge.Config) { c.TenantLimit = guard.Limit{Rate: 10, Burst: 5} })
		w.mapTenant("globex", "alpha", mapping.Active)
		shed := 0
		for i := range 1000 {
			if i%100 == 0 {
				time.Sleep(100 * time.Millisecond)
				a := w.post(fmt.Sprintf(`{"tenant_id":"globex","id":"e-%d","type":"t","payload":1}`, i))
				require.Equal(t, http.StatusAccepted, a.StatusCode, "the same cell's other tenant: %s", a.Body)
			}
			a := w.post(order)
			if a.StatusCode == http.StatusAccepted {
				continue
			}
			shed++
			w.wantProblem(a, http.StatusTooManyRequests, "too-many-requests")
			require.Equal(t, "1", a.Headers["Retry-After"])
			require.NotContains(t, a.Headers, "X-Cell-Id")
			require.Equal(t, "order-1", a.Headers["Idempotency-Key"])
		}
		require.Equal(t, 1000-5-9, shed, "the burst, and what was refilled since")
		require.Len(t, w.calls("app-data"), 10+5+9, "what is shed reaches no cell")
		require.Equal(t, http.StatusTooManyRequests, w.get("order-1", "acme").StatusCode, "reads count too")
		line := w.lastLine(1000 + 10 + 1)
		require.Equal(t, "tenant-rate", line["shed"])
		require.Equal(t, "WARN", line["level"])
	})
}

func TestRetryAfterIsWhenTheBucketHasATokenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *edge.Config) {
			c.TenantLimit = guard.Limit{Rate: 1, Burst: 1}
			c.Cell.Limit = guard.Limit{Rate: 1, Burst: 1}
		})
		w.mapTenant("globex", "alpha", mapping.Active)
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		a := w.post(order)
		require.Equal(t, http.StatusTooManyRequests, a.StatusCode)

		a = w.post(`{"tenant_id":"globex","type":"t","payload":1}`)
		w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
		require.Equal(t, "cell-rate", w.lastLine(3)["shed"], "the cell's share is used up, which is not this tenant's fault")
		require.Equal(t, "1", a.Headers["Retry-After"])

		time.Sleep(time.Second)
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
	})
}

// A flood of a tenant that is not there must not become a flood of reads.
func TestAFloodOfAnUnknownTenantStopsBeforeTheControlPlane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *edge.Config) { c.TenantLimit = guard.Limit{Rate: 1, Burst: 2} })
		w.down("mapping")
		for range 100 {
			w.post(`{"tenant_id":"nobody","type":"t","payload":1}`)
		}
		require.Len(t, w.calls("mapping"), 2)
	})
}

func TestWhoMayNotSpeakForATenantCannotUseUpItsLimit(t *testing.T) {
	w := newWorld(t, byToken, func(c *edge.Config) { c.TenantLimit = guard.Limit{Rate: 1, Burst: 1} })
	for range 10 {
		w.wantProblem(w.post(order, verified(token(map[string]string{"tid": "globex"}))), http.StatusForbidden, "foreign-tenant")
	}
	require.Equal(t, http.StatusAccepted, w.post(order, verified(token(map[string]string{"tid": "acme"}))).StatusCode)
}
