package routertest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

// The hard TTL is a promise in both directions: up to it the router answers from memory whatever the control plane does,
// and not a moment longer.
func TestI5WithoutTheControlPlaneTheRouterGoesOnUpToTheHardTTLAndThenFailsClosed(t *testing.T) {
	for name, outage := range map[string]disturbance{"it fails": fail, "it hangs": hang} {
		t.Run(name, func(t *testing.T) {
			w := start(t, narrow)
			tenant := w.tenant(t, w.alpha())
			// One request after another lands in the same environment. Its mapping is no older than the first of them,
			// and no younger than the outage.
			sent := 0
			visit := func() answer {
				sent++
				return w.visit(tenant, fmt.Sprint("e-", sent))
			}
			learned := time.Now()
			cloudtest.RequireAccepted(t, visit())
			down := w.wire.tap(t, w.outputs.MappingTable, outage)
			lost := time.Now()

			withinLimit := time.NewTicker(time.Second / tenantRate)
			defer withinLimit.Stop()
			stale, closed := 0, 0
			cloudtest.Await(t, "the router fails closed", func() (answer, bool) {
				<-withinLimit.C
				asked, begun := down.seen() > 0, time.Now()
				a := visit()
				switch {
				case a.Status == http.StatusAccepted:
					require.Less(t, begun.Sub(lost), hardTTL, "request %d was routed by a mapping past its hard TTL", sent)
					if asked {
						stale++
					}
				default:
					require.GreaterOrEqual(t, time.Since(learned), hardTTL, "request %d was refused before the hard TTL: %s", sent, a)
					requireComeBack(t, a, http.StatusServiceUnavailable, "unavailable", time.Second)
					require.Empty(t, a.Header.Get("X-Cell-Id"), "the router does not guess")
					closed++
				}
				return a, closed == 5
			})
			require.Positive(t, stale, "after the control plane was asked in vain, the mapping of before was used")

			down.restore()
			cloudtest.RequireAccepted(t, visit())
			require.Len(t, w.kept(t, w.alpha(), tenant), sent-closed, "what was refused is in no cell")
		})
	}
}
