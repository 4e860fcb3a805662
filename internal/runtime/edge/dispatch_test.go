package edge_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/guard"
	"cellular/internal/testkit/dynamotest"
)

func breaker(failures, probes int) func(*edge.Config) {
	return func(c *edge.Config) {
		c.Cell.Breaker = guard.BreakerConfig{Failures: failures, OpenFor: openFor, Probes: probes}
	}
}

// failing makes the next calls to tables whose name contains part fail, one with each error; then all is well.
func (w *world) failing(part string, errs ...error) {
	var mu sync.Mutex
	w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(c.Table, part) || len(errs) == 0 {
			return nil
		}
		err := errs[0]
		errs = errs[1:]
		return err
	}
}

func TestACallIsMadeOnceMoreWhereThatIsSafe(t *testing.T) {
	throttled := &types.ProvisionedThroughputExceededException{Message: new("slow down")}
	for _, c := range []struct {
		name  string
		err   error
		calls int
	}{
		{"throttled", throttled, 2},
		{"throttled by the control plane of the table", &smithy.GenericAPIError{Code: "ThrottlingException"}, 2},
		{"a transaction at the item", &types.TransactionConflictException{}, 2},
		{"an internal error", &types.InternalServerError{Message: new("sorry")}, 2},
		{"the connection was reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, 2},
		{"the connection was refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, 2},
		{"the table is not there", &types.ResourceNotFoundException{Message: new("no table")}, 1},
		{"the router may not", &smithy.GenericAPIError{Code: "AccessDeniedException"}, 1},
		{"the request is wrong", &smithy.GenericAPIError{Code: "ValidationException"}, 1},
		{"out of time", fmt.Errorf("put: %w", context.DeadlineExceeded), 1},
		{"the caller is gone", fmt.Errorf("put: %w", context.Canceled), 1},
		{"nobody knows what", errors.New("what?"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.failing("app-data", c.err)
				a := w.post(order)
				require.Len(t, w.calls("app-data"), c.calls)
				require.EqualValues(t, c.calls, w.lastLine(1)["attempts"])
				if c.calls == 2 {
					require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
					require.Equal(t, "WARN", w.lastLine(1)["level"])
				} else {
					w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
				}
			})
		})
	}
}

func TestAReadIsRetriedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.post(order)
		w.failing("app-results", &types.ProvisionedThroughputExceededException{})
		require.Equal(t, http.StatusOK, w.get("order-1", "acme").StatusCode)
	})
}

func TestI10OneRetryIsAllThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		throttled := &types.ProvisionedThroughputExceededException{}
		w.failing("alpha", throttled, throttled, throttled)
		start := time.Now()
		w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
		require.Len(t, w.calls("alpha"), 2)
		require.Len(t, w.calls("app-"), 2, "and no other cell is tried")
		require.InDelta(t, 37*time.Millisecond, time.Since(start), float64(14*time.Millisecond))
	})
}

// The pause and the second call share the deadline of the first: a retry makes no request longer than it may be.
func TestI10NoRetryIsMadePastTheDeadline(t *testing.T) {
	for name, first := range map[string]time.Duration{"hardly any time left": cellTimeout - time.Millisecond, "some time left": cellTimeout / 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				calls := 0
				w.db.Intercept = func(ctx context.Context, c dynamotest.Call) error {
					if !strings.Contains(c.Table, "alpha") {
						return nil
					}
					calls++
					if calls == 1 {
						time.Sleep(first)
						return &types.InternalServerError{}
					}
					<-ctx.Done()
					return ctx.Err()
				}
				start := time.Now()
				w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
				require.LessOrEqual(t, time.Since(start), cellTimeout)
				require.Equal(t, first == cellTimeout/2, calls == 2)
			})
		})
	}
}

// lostOnce is cells of which the first does what it is asked, and loses the connection before it can say so.
type lostOnce struct {
	edge.Cells
	calls int
}

func (l *lostOnce) Write(ctx context.Context, cellID string, e event.Event) (*event.Event, error) {
	existing, err := l.Cells.Write(ctx, cellID, e)
	l.calls++
	if l.calls == 1 {
		return nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	}
	return existing, err
}

func TestARetriedWriteThatHadArrivedIsOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cells := &lostOnce{Cells: w.tables()}
		w.router = newRouter(t, everybodyIn("alpha"), cells, configured(), w.logs)
		a := w.post(order)
		require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
		require.Equal(t, 2, cells.calls)
		require.Empty(t, a.Headers["Idempotent-Replayed"], "the client sent it once")
		require.Equal(t, "true", w.post(order).Headers["Idempotent-Replayed"])

		cells.calls = 0
		a = w.post(`{"tenant_id":"acme","id":"order-1","type":"other","payload":1}`)
		w.wantProblem(a, http.StatusConflict, "id-conflict")
	})
}

func TestACellThatHangsCostsItsOwnTenantsAFast503AndNobodyElseAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, breaker(3, 1))
		w.mapTenant("globex", "beta", mapping.Active)
		other := func() {
			start := time.Now()
			a := w.post(`{"tenant_id":"globex","type":"t","payload":1}`)
			require.Equal(t, http.StatusAccepted, a.StatusCode, a.Body)
			require.Zero(t, time.Since(start))
		}
		takes := func(d time.Duration, why string) {
			start := time.Now()
			w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
			require.Equal(t, d, time.Since(start), why)
			other()
		}
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		w.hung("alpha")
		takes(minCellTimeout, "it usually answers at once")
		takes(2*minCellTimeout, "it may have become slow")
		takes(4*minCellTimeout, "or slower yet")
		for range 100 {
			start := time.Now()
			a := w.post(order)
			w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
			require.Zero(t, time.Since(start), "the breaker is open")
			require.Equal(t, "5", a.Headers["Retry-After"])
			require.Equal(t, "alpha", a.Headers["X-Cell-Id"])
			require.Equal(t, "order-1", a.Headers["Idempotency-Key"])
			other()
		}
		require.Len(t, w.calls("app-data-cell-alpha"), 1+3)

		time.Sleep(openFor)
		takes(minCellTimeout, "one probe")
		takes(0, "and no more")

		time.Sleep(openFor)
		w.up()
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode, "the next probe finds the cell well")
		require.Equal(t, "half-open", w.lastLine(1 + 6 + 200 + 4 + 1)["breaker"])
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		require.Equal(t, "closed", w.lastLine(1 + 6 + 200 + 4 + 2)["breaker"])
	})
}

func TestAProbeIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, breaker(1, 1))
		throttled := &types.ProvisionedThroughputExceededException{}
		w.failing("alpha", throttled, throttled, throttled)
		w.post(order)
		require.Len(t, w.calls("alpha"), 2)
		time.Sleep(openFor)
		w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
		require.Len(t, w.calls("alpha"), 3)
	})
}

// Whatever a tenant can bring about at will must not shut its neighbours out.
func TestWhatIsTheClientsFaultDoesNotOpenTheBreaker(t *testing.T) {
	w := newWorld(t, breaker(1, 1))
	require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
	for range 3 {
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode, "the same event")
		w.wantProblem(w.post(`{"tenant_id":"acme","id":"order-1","type":"t","payload":1}`), http.StatusConflict, "id-conflict")
		w.wantProblem(w.get("nothing", "acme"), http.StatusNotFound, "unknown-event")
	}
	w.db.Put(dataPrefix+"alpha", dynamotest.Item{"id": item.Text("acme#broken")})
	w.wantProblem(w.get("broken", "acme"), http.StatusInternalServerError, "internal")
	w.failing("alpha", &smithy.GenericAPIError{Code: "ValidationException"}, fmt.Errorf("%w", context.Canceled), &smithy.GenericAPIError{Code: "ExpiredTokenException"})
	for range 3 {
		w.post(order)
	}
	require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)

	w.failing("alpha", &types.ResourceNotFoundException{})
	w.post(order)
	w.wantProblem(w.post(order), http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "open", w.lastLine(17)["breaker"])
}

// A move copies an event in transactions, and so may meet the client that sends the event once more.
func TestSubmit_AConflictWithATransactionDoesNotOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, breaker(1, 1))
		conflict := &types.TransactionConflictException{}
		w.failing("alpha", conflict, conflict, conflict, conflict)
		for range 2 {
			a := w.post(order)
			w.wantProblem(a, http.StatusServiceUnavailable, "unavailable")
			require.NotEmpty(t, a.Headers["Retry-After"])
		}
		require.Len(t, w.calls("alpha"), 4, "each is tried twice")
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		require.Equal(t, "closed", w.lastLine(3)["breaker"])
	})
}

func TestACellThatHangsHoldsNoMoreThanItsShareOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const share, requests = 4, 100
		w := newWorld(t, func(c *edge.Config) { c.Cell.InFlight = share })
		w.mapTenant("globex", "beta", mapping.Active)
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
		w.hung("alpha")
		start := time.Now()
		took := make(chan time.Duration, requests)
		for i := range requests {
			go func() {
				body := fmt.Sprintf(`{"tenant_id":"acme","id":"e-%d","type":"t","payload":1}`, i)
				if a, _ := w.router.Handle(t.Context(), received(t, post(t, body))); a.StatusCode == http.StatusServiceUnavailable {
					took <- time.Since(start)
				}
			}()
		}
		synctest.Wait()
		require.Len(t, took, requests-share, "the rest are refused at once")
		require.Len(t, w.calls("app-data-cell-alpha"), 1+share)
		require.Equal(t, http.StatusAccepted, w.post(`{"tenant_id":"globex","type":"t","payload":1}`).StatusCode)
		time.Sleep(cellTimeout)
		synctest.Wait()
		require.Len(t, took, requests)
		w.up()
		require.Equal(t, http.StatusAccepted, w.post(order).StatusCode)
	})
}

func TestAPanicInACallGivesItsPlaceBack(t *testing.T) {
	w := newWorld(t)
	w.router = newRouter(t, everybodyIn("alpha"), panics{}, configured(breaker(1, 1), func(c *edge.Config) { c.Cell.InFlight = 1 }), w.logs)
	for range 3 {
		w.wantProblem(w.post(order), http.StatusInternalServerError, "internal")
	}
}
