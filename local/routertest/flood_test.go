package routertest_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"cellular/internal/testkit/cloudtest"
)

func TestATenantThatFloodsIsRefusedAndItsNeighbourIsNot(t *testing.T) {
	w := start(t, narrow)
	flooder, neighbour := w.tenant(t, w.alpha()), w.tenant(t, w.alpha())

	// Some clients of one tenant send without a pause. When they are being refused, the neighbour sends as much as it may:
	// its requests land in the environments that the flood has been to.
	const floodClients = 2
	begun := time.Now()
	clients := cloudtest.NewCrowd(t.Context())
	defer clients.Stop()
	var refusals atomic.Int64
	flood := make([][]answer, floodClients)
	for i := range flood {
		clients.Go(rate.Inf, func(_ context.Context, n int) {
			a := w.visit(flooder, fmt.Sprintf("flood-%d-%d", i, n))
			flood[i] = append(flood[i], a)
			if a.Status == http.StatusTooManyRequests {
				refusals.Add(1)
			}
		})
	}
	cloudtest.Await(t, "the flood is being refused", func() (int64, bool) {
		n := refusals.Load()
		return n, n >= 50
	})
	var calm []answer
	for n := range tenantBurst {
		calm = append(calm, w.visit(neighbour, fmt.Sprint("calm-", n)))
	}
	clients.Stop()
	elapsed := time.Since(begun)

	for _, a := range calm {
		cloudtest.RequireAccepted(t, a)
	}
	require.Len(t, w.kept(t, w.alpha(), neighbour), tenantBurst)
	var accepted []string
	for _, a := range slices.Concat(flood...) {
		if a.Status == http.StatusAccepted {
			accepted = append(accepted, a.Field("id"))
			continue
		}
		requireComeBack(t, a, http.StatusTooManyRequests, "too-many-requests", longestRefusal)
		require.Equal(t, a.Field("event_id"), a.Header.Get("Idempotency-Key"), "what to send again")
	}
	// The limit counts in each environment. So many clients, with the neighbour, are in as many environments.
	require.LessOrEqual(t, len(accepted), (floodClients+1)*(tenantBurst+tenantRate*int(elapsed/time.Second+1)))
	require.ElementsMatch(t, accepted, slices.Collect(maps.Keys(w.kept(t, w.alpha(), flooder))), "what was refused is in no cell")

	cloudtest.Await(t, "the tenant that has waited is let in again", func() (answer, bool) {
		a := w.visit(flooder, "later")
		return a, a.Status == http.StatusAccepted
	})
}

func TestATenantIsHeldToItsLimitOverAllProcesses(t *testing.T) {
	w := start(t, narrow)
	flooder, neighbour := w.tenant(t, w.alpha()), w.tenant(t, w.alpha())

	// Each client keeps a process of the router busy, and each process alone would let tenantRate through.
	const floodClients, floodRate = 4, 3 * tenantRate
	clients := cloudtest.NewCrowd(t.Context())
	defer clients.Stop()
	var accepted atomic.Int64
	for i := range floodClients {
		clients.Go(floodRate, func(_ context.Context, n int) {
			if a := w.visit(flooder, fmt.Sprintf("all-%d-%d", i, n)); a.Status == http.StatusAccepted {
				accepted.Add(1)
			}
		})
	}
	// A machine that is busy makes the counter late, and then each process has its own limit: look until it is not.
	const window = 10 * time.Second
	neighbours := 0
	cloudtest.Await(t, "the flood gets no more than half of what each process would let through", func() (int64, bool) {
		before, begun := accepted.Load(), time.Now()
		for time.Since(begun) < window {
			cloudtest.RequireAccepted(t, w.visit(neighbour, fmt.Sprint("all-calm-", neighbours)))
			neighbours++
			time.Sleep(time.Second)
		}
		n := accepted.Load() - before
		return n, float64(n) <= floodClients*tenantRate*time.Since(begun).Seconds()/2
	})
	clients.Stop()
	require.Len(t, w.kept(t, w.alpha(), neighbour), neighbours)
}
