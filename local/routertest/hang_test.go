package routertest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"cellular/internal/testkit/cloudtest"
)

func TestACellThatHangsCostsItsTenantsAFastRefusalAndNobodyElseAnything(t *testing.T) {
	w := start(t, wide)
	neighbour, sick := w.tenant(t, w.alpha()), w.tenant(t, w.beta())
	cloudtest.RequireAccepted(t, w.visit(neighbour, "before"))
	cloudtest.RequireAccepted(t, w.visit(sick, "before"))

	begun := time.Now()
	hanging := w.wire.tap(t, w.beta().DataTable, hang)
	stop := w.keepVisiting(neighbour)
	defer stop()

	// Of one client's requests one after another, a few wait for the cell in vain. All others are refused without having
	// gone there: what waited is what the cell saw.
	sent, refused := 0, 0
	cloudtest.Await(t, "requests are refused at once", func() (string, bool) {
		before := hanging.seen()
		a := w.visit(sick, fmt.Sprint("during-", sent))
		sent++
		requireComeBack(t, a, http.StatusServiceUnavailable, "unavailable", breakerOpenFor+breakerOpenFor/5)
		require.Equal(t, "beta", a.Header.Get("X-Cell-Id"), "a tenant has one cell")
		if hanging.seen() == before {
			refused++
		}
		return fmt.Sprintf("%d were, %d waited for the cell", refused, hanging.seen()), refused == 20
	})
	// Two requests at a time are in at most two environments. In each the breaker opens after its failures, and then lets
	// one probe through each time it was open for long enough.
	probes := int(time.Since(begun) / breakerOpenFor)
	require.LessOrEqual(t, hanging.seen(), 2*(breakerFailures+probes))

	visits := stop()
	require.NotEmpty(t, visits)
	for _, a := range visits {
		cloudtest.RequireAccepted(t, a)
		require.Equal(t, "alpha", a.Header.Get("X-Cell-Id"))
	}
	require.NotEmpty(t, w.kept(t, w.alpha(), neighbour))
	require.Empty(t, w.kept(t, w.alpha(), sick), "an event is never sent to another cell")

	hanging.restore()
	cloudtest.Await(t, "the cell that answers again is asked again", func() (answer, bool) {
		a := w.visit(sick, "after")
		return a, a.Status == http.StatusAccepted
	})
	for i := range 5 {
		cloudtest.RequireAccepted(t, w.visit(sick, fmt.Sprint("after-", i)))
	}
	require.Contains(t, w.kept(t, w.beta(), sick), "after-4")
}

// keepVisiting sends events one after another until stop is called, which returns the answers.
func (w *world) keepVisiting(tenant string) (stop func() []answer) {
	var answers []answer
	client := cloudtest.NewCrowd(context.Background())
	client.Go(rate.Inf, func(_ context.Context, n int) {
		// The same few events again and again: what they cost the cell behind the router does not grow.
		answers = append(answers, w.visit(tenant, fmt.Sprint("meanwhile-", n%10)))
	})
	return func() []answer {
		client.Stop()
		return answers
	}
}
