package routertest_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

func TestAThousandRequestsOfOneTenantReadTheMappingOncePerEnvironment(t *testing.T) {
	w := start(t, wide)
	for name, c := range map[string]struct {
		tenant string
		status int
	}{
		"a tenant that nobody has asked for": {w.tenant(t, w.alpha()), http.StatusAccepted},
		"a tenant that is not there":         {cloudtest.Unplaced(), http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			reads := w.wire.tap(t, w.outputs.MappingTable, watch)
			answers := make([]answer, 1000)
			var clients sync.WaitGroup
			for i := range answers {
				clients.Go(func() { answers[i] = w.visit(c.tenant, "the-same") })
			}
			clients.Wait()
			for _, a := range answers {
				require.Equal(t, c.status, a.Status, "%s", a)
			}
			require.Positive(t, reads.seen())
			require.LessOrEqual(t, reads.seen(), environments)
		})
	}
}
