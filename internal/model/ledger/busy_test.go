package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
	"cellular/internal/testkit/dynamotest"
)

// busy has a tenant with so many events a second in the table, whose transactions take 8 ms and cancel those that they meet. What
// do does, it does in the middle of that.
func busy(t *testing.T, perSecond int, do func(c table)) dynamotest.Usage {
	c := newTable()
	c.db.Concurrent(dynamotest.Concurrency{Transaction: 8 * time.Millisecond})
	var stop atomic.Bool
	var all sync.WaitGroup
	apply := func(id string) {
		e := event.Event{TenantID: "acme", ID: id, Epoch: 9}
		err := transact.Retrier{}.Write(context.Background(), c.db,
			ledger.Record(c.name, ledger.Of(e, ledger.Processed, time.Now(), time.Hour)), ledger.MayApply(c.name, e))
		require.NoError(t, err)
	}
	all.Go(func() {
		for i := 0; !stop.Load(); i++ {
			all.Go(func() { apply(fmt.Sprintf("e-%d", i)) })
			time.Sleep(time.Second / time.Duration(perSecond))
		}
	})
	time.Sleep(100 * time.Millisecond)
	do(c)
	stop.Store(true)
	all.Wait()
	return c.db.Usage()
}

// A tenant with a thousand events a second is moved: the copies of its fence are raised one by one, in a few seconds, and the
// events hardly notice. Raised together they would not be raised at all.
func TestBringFence_GetsThroughBesideABusyTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		used := busy(t, 1000, func(c table) {
			start := time.Now()
			c.bring(t, fenceAt(5, 0))
			took = time.Since(start)
			require.Equal(t, all(ledger.FenceCopy{Floor: 5}), c.copies(t))
		})
		t.Logf("64 copies in %s beside 1000 events a second: %d of %d transactions canceled", took, used.Canceled, used.Transactions)
		require.Less(t, took, 10*time.Second)
		require.Less(t, float64(used.Canceled), 0.3*float64(used.Transactions))
	})
}

func TestBringFence_InOneTransactionNeverGetsThroughBesideABusyTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy(t, 1000, func(c table) {
			var together []types.TransactWriteItem
			for n := range ledger.FenceCopies {
				together = append(together, ledger.SetFenceCopy(c.name, fenceAt(5, 0), n))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			require.ErrorIs(t, transact.Retrier{}.Write(ctx, c.db, together...), context.DeadlineExceeded)
			require.Equal(t, all(ledger.FenceCopy{Floor: 1}), c.copies(t))
		})
	})
}

// What the copies are for: with one item for all events of a tenant, most of their transactions would be canceled.
func TestMayApply_EventsOfABusyTenantSeldomMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spread := busy(t, 1000, func(table) { time.Sleep(2 * time.Second) })
		t.Logf("%d of %d transactions canceled", spread.Conflicts, spread.Transactions)
		require.Less(t, float64(spread.Conflicts), 0.25*float64(spread.Transactions))
	})
}
