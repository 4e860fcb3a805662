package alarmtest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"cellular/internal/testkit/cloudtest"
)

// visit has a new tenant of each of the cells send an event a second, until stop is called.
func (w *world) visit(t *testing.T, cells ...string) (stop func()) {
	crowd := cloudtest.NewCrowd(t.Context())
	for _, id := range cells {
		tenant := w.tenant(t, w.outputs.Cells[id])
		crowd.Go(1, func(ctx context.Context, n int) {
			w.Post(ctx, tenant, fmt.Sprint("visit-", n), cloudtest.Visit, cloudtest.Page)
		})
	}
	return crowd.Stop
}

// visits is how many events each cell gets, one a second: so many that most of them come in periods that are judged in the end.
const visits = 45

// TestAlarms_StayQuietWithoutAFault is the short form of the test in local/soaktest.
func TestAlarms_StayQuietWithoutAFault(t *testing.T) {
	w := start(t)
	began := time.Now()
	w.awaitQuiet(t, all)
	var sent sync.WaitGroup
	for _, c := range w.outputs.Cells {
		tenant := w.tenant(t, c)
		sent.Go(func() {
			limit := rate.NewLimiter(1, 1)
			for n := range visits {
				if limit.Wait(t.Context()) == nil {
					w.Post(t.Context(), tenant, fmt.Sprint("visit-", n), cloudtest.Visit, cloudtest.Page)
				}
			}
		})
	}
	sent.Wait()
	w.awaitQuiet(t, all)
	require.Empty(t, w.fired(began, all))
	require.Empty(t, w.paged(t, began, types.StateValueAlarm, all))
}
