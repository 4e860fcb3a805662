package edge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/model/ratecounter"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/guard"
	"cellular/internal/testkit/dynamotest"
)

// counting makes the limit one of all processes: 100 a second, with a report every 5 requests.
func (w *world) counting(c *edge.Config) {
	c.TenantLimit, c.Counters = guard.Limit{Rate: 100, Burst: 200}, w.counters()
}

// fresh gives a request an id that no other has.
func fresh() func(*request) { return header("idempotency-key", uuid.NewString()) }

// flood sends a tenant's events to processes in turn, and returns how many were accepted.
func (w *world) flood(processes []*edge.Handler, tenant string, perSecond, seconds int) (accepted int) {
	w.Helper()
	for i := range perSecond * seconds {
		time.Sleep(time.Second / time.Duration(perSecond))
		a := w.handledBy(processes[i%len(processes)], post(w, fmt.Sprintf(`{"tenant_id":%q,"type":"t","payload":1}`, tenant), fresh()))
		if a.StatusCode == http.StatusAccepted {
			accepted++
			continue
		}
		w.wantProblem(a, http.StatusTooManyRequests, "too-many-requests")
		require.NotEmpty(w, a.Headers["Retry-After"])
	}
	return accepted
}

func (w *world) processes(n int, change func(*edge.Config)) []*edge.Handler {
	all := make([]*edge.Handler, n)
	for i := range all {
		all[i] = w.process(configured(change))
	}
	return all
}

func TestTheLimitOfATenantIsThatOfAllProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mapTenant("globex", "alpha", mapping.Active)
		processes := w.processes(8, w.counting)
		w.flood(processes, "acme", 400, 10)
		accepted := w.flood(processes, "acme", 400, 20)
		require.InDelta(t, 2000, accepted, 200, "eight processes that would let 100 a second through each")
		require.Equal(t, 500, w.flood(processes, "globex", 50, 10), "another tenant of the cell is within its limit")
	})
}

func TestAQuietTenantCostsNoCallOfACounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.flood(w.processes(2, w.counting), "acme", 1, 8)
		require.Empty(t, w.calls("rate-counters"))
	})
}

func TestACounterThatFailsFailsNoRequestAndHoldsNoneUp(t *testing.T) {
	slow := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		call func(context.Context) error
		cost time.Duration // in all
	}{
		"it is slow":                      {slow, 3 * 50 * time.Millisecond},
		"it ignores its deadline":         {func(context.Context) error { time.Sleep(time.Minute); return nil }, 3 * 50 * time.Millisecond},
		"it is throttled":                 {func(context.Context) error { return errors.New("ThrottlingException") }, 0},
		"the cell is of a version before": {func(context.Context) error { return errors.New("ResourceNotFoundException") }, 0},
		"a bug":                           {func(context.Context) error { panic("out of counters") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var calls atomic.Int64
				w.db.Intercept = func(ctx context.Context, call dynamotest.Call) error {
					if call.Table == countersPrefix+"alpha" {
						calls.Add(1)
						return c.call(ctx)
					}
					return nil
				}
				defer time.Sleep(time.Hour) // the call that ignores its deadline ends, too
				start := time.Now()
				require.Equal(t, 250, w.flood(w.processes(1, w.counting), "acme", 50, 5), "the process's own limit holds")
				require.Equal(t, 5*time.Second+c.cost, time.Since(start))
				require.EqualValues(t, 3, calls.Load(), "after a failure it is left alone for 1 s, 2 s, 4 s, ...")
				require.Equal(t, 3, strings.Count(w.logs.String(), `"counter_failures":1`))
				require.Equal(t, 3, strings.Count(w.logs.String(), `"counter_error":"`))
				require.Equal(t, 3, strings.Count(w.logs.String(), `"level":"WARN"`))
			})
		})
	}
}

func TestACounterTellsWhatEveryProcessWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.flood(w.processes(2, w.counting), "acme", 10, 6)
		item := w.db.Item(countersPrefix+"alpha", "acme")
		count, err := ratecounter.FromItem(item)
		require.NoError(t, err)
		require.LessOrEqual(t, count.Asked, int64(60))
		require.Greater(t, count.Asked, int64(60-2*7), "less than a report of each process is not in it")
		require.EqualValues(t, 1, count.Share, "the second reports said what came of the first")
		require.Contains(t, w.logs.String(), `"status":202`)
	})
}
