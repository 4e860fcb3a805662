package placement_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

var errDown = errors.New("down")

// ctx is a test's context, where it has one.
func ctx(t require.TestingT) context.Context {
	if h, ok := t.(interface{ Context() context.Context }); ok {
		return h.Context()
	}
	return context.Background()
}

// conflict is how a transaction is canceled that ran into another one.
func conflict() error {
	return &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
		{Code: new("None")}, {Code: new("None")}, {Code: new("TransactionConflict")},
	}}
}

// onWrites calls hook before the nth transaction, from 1 on. Its error is the answer.
func (w *world) onWrites(hook func(n int) error) {
	var mu sync.Mutex
	n := 0
	w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation != "TransactWriteItems" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		return hook(n)
	}
}

func TestATenantIsPlacedWhereThereIsMostRoom(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 100), cell("solo", "dedicated", 1000))
	w.set("alpha", placement.Active, 2)
	w.set("beta", placement.Active, 19)
	before := time.Now().Add(-time.Second)
	m := w.assign(t, placement.Request{TenantID: "acme"})
	require.WithinRange(t, m.UpdatedAt, before, time.Now())
	read, err := w.Get(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, m, read)
	m.UpdatedAt = time.Time{}
	require.Equal(t, mapping.Mapping{TenantID: "acme", CellID: "beta", Epoch: 1, State: mapping.Active, Tier: "standard"}, m)
	require.Equal(t, 20, w.state(t, "beta").Tenants)

	m = w.assign(t, placement.Request{TenantID: "globex", Tier: mapping.TierDedicated})
	require.Equal(t, "solo", m.CellID)
	require.Equal(t, mapping.TierDedicated, m.Tier)
	require.Equal(t, "alpha", w.assign(t, placement.Request{TenantID: "initech", CellID: "alpha"}).CellID)
	require.Equal(t, mapping.TierDedicated, w.assign(t, placement.Request{TenantID: "hooli", CellID: "solo"}).Tier, "as its cell")
}

func TestAssignRefusesWhatNoCellCouldGrant(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("solo", "dedicated", 1))
	for want, r := range map[string]placement.Request{
		"a tenant's id has to match":                          {TenantID: "#acme"},
		"are kept for the tenants that cells are probed with": {TenantID: mapping.ProbeTenant("alpha")},
		`the tier is "gold", want standard or dedicated`:      {TenantID: "acme", Tier: "gold"},
		`there is no cell "beta", there are alpha, solo`:      {TenantID: "acme", CellID: "beta"},
		"cell solo is of tier dedicated, not standard":        {TenantID: "acme", CellID: "solo", Tier: "standard"},
		"cell alpha is of tier standard, not dedicated":       {TenantID: "acme", CellID: "alpha", Tier: "dedicated"},
	} {
		_, err := w.Assign(t.Context(), w.cells, r)
		require.ErrorIs(t, err, placement.ErrInvalid)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, fmt.Sprintf("place tenant %q", r.TenantID))
	}
	require.Empty(t, w.db.Calls())
}

func TestAPinnedCellThatTakesNobodyIsAnError(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 1), cell("beta", "standard", 1))
	pinned := placement.Request{TenantID: "acme", CellID: "alpha"}
	w.set("alpha", placement.Active, 1)
	_, err := w.Assign(t.Context(), w.cells, pinned)
	require.ErrorIs(t, err, placement.ErrNoRoom)
	require.ErrorContains(t, err, "cell alpha is full, with 1 of 1 tenants")
	require.NotContains(t, err.Error(), "beta")
	w.set("alpha", placement.Draining, 0)
	_, err = w.Assign(t.Context(), w.cells, pinned)
	require.ErrorContains(t, err, "cell alpha is draining")
	_, err = w.Get(t.Context(), "acme")
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
}

func TestATenantIsPlacedOnce(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 1), cell("beta", "standard", 5))
	first := w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha"})
	for _, r := range []placement.Request{{TenantID: "acme"}, {TenantID: "acme", CellID: "beta"}, {TenantID: "acme", CellID: "alpha"}} {
		m, err := w.Assign(t.Context(), w.cells, r)
		require.ErrorIs(t, err, mapping.ErrExists)
		require.ErrorContains(t, err, "to cell alpha")
		require.Equal(t, first, m, "the caller is told what there is")
	}
	require.Zero(t, w.state(t, "beta").Tenants)
}

func TestOneOfManyWhoPlaceTheSameTenantWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which need not wait for the delays
		w := newWorld(cell("alpha", "standard", 50), cell("beta", "standard", 50))
		var callers sync.WaitGroup
		errs := make([]error, 50)
		for n := range errs {
			callers.Go(func() { _, errs[n] = w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"}) })
		}
		callers.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				require.ErrorIs(t, err, mapping.ErrExists)
			}
		}
		require.Equal(t, 1, won)
		require.Equal(t, 1, w.state(t, "alpha").Tenants+w.state(t, "beta").Tenants)
	})
}

// Requests take their time, so that many decide by what no longer is; and a third of the transactions are canceled by
// others, as real ones are.
func TestManyAtATimeExceedNoCapAndLoseNoTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which need not wait for the delays
		w := newWorld(cell("alpha", "standard", 80), cell("beta", "standard", 50), cell("gamma", "standard", 30), cell("solo", "dedicated", 99))
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			time.Sleep(rand.N(50 * time.Millisecond))
			if c.Operation == "TransactWriteItems" && rand.N(3) == 0 {
				return conflict()
			}
			return nil
		}
		var callers sync.WaitGroup
		errs := make([]error, 200)
		for n := range errs {
			callers.Go(func() {
				_, errs[n] = w.Assign(t.Context(), w.cells, placement.Request{TenantID: fmt.Sprintf("tenant-%d", n)})
			})
		}
		callers.Wait()
		placed := 0
		for n, err := range errs {
			_, missing := w.Get(t.Context(), fmt.Sprintf("tenant-%d", n))
			require.Equal(t, err == nil, missing == nil, "a tenant is placed if, and only if, its caller was told so: %v", err)
			if err == nil {
				placed++
			} else {
				require.ErrorIs(t, err, placement.ErrNoRoom)
			}
		}
		require.Equal(t, 160, placed)
		for _, c := range w.cells[:3] {
			require.Equal(t, c.MaxTenants, w.state(t, c.ID).Tenants)
			require.Len(t, w.tenants(t, c.ID, 7), c.MaxTenants)
		}
		require.Zero(t, w.state(t, "solo").Tenants)
	})
}

func TestWhoLosesTheLastPlaceChoosesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which need not wait for the delays
		w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 5))
		w.set("beta", placement.Active, 1)
		w.onWrites(func(n int) error {
			switch n {
			case 1:
				w.set("alpha", placement.Active, 10)
			case 2:
				w.set("beta", placement.Draining, 1)
				w.set("alpha", placement.Active, 9)
			}
			return nil
		})
		require.Equal(t, "alpha", w.assign(t, placement.Request{TenantID: "acme"}).CellID)
		require.Equal(t, 3, requests(w, "TransactWriteItems"))
		require.Equal(t, 10, w.state(t, "alpha").Tenants)
		require.Equal(t, 1, w.state(t, "beta").Tenants)

		w.onWrites(func(int) error { w.set("beta", placement.Active, 5); return nil })
		w.set("beta", placement.Active, 4)
		_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "globex", CellID: "beta"})
		require.ErrorIs(t, err, placement.ErrNoRoom)
		require.ErrorContains(t, err, "cell beta is full, with 5 of 5 tenants")
	})
}

func TestContentionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(cell("alpha", "standard", 10))
		tries := 0
		w.onWrites(func(n int) error { tries = n; return conflict() })
		start := time.Now()
		_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"})
		require.ErrorContains(t, err, "over 30s, try later")
		var canceled *types.TransactionCanceledException
		require.ErrorAs(t, err, &canceled)
		require.WithinRange(t, time.Now(), start.Add(transact.Patience), start.Add(transact.Patience+transact.DelayLimit))
		require.Less(t, tries, 200)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = w.Assign(ctx, w.cells, placement.Request{TenantID: "acme"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestWhatFailsForGoodIsNotTriedAgain(t *testing.T) {
	for name, failure := range map[string]error{
		"down": errDown,
		"refused": &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{
			{Code: new("TransactionConflict")}, {Code: new("ValidationError")},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(cell("alpha", "standard", 10))
			w.onWrites(func(int) error { return failure })
			_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"})
			require.ErrorIs(t, err, failure)
			require.Equal(t, 1, requests(w, "TransactWriteItems"))
		})
	}
}

func TestAnAnswerThatIsLostIsFoundByAssigningAgain(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 10))
	w.db.After = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation == "TransactWriteItems" {
			return errDown
		}
		return nil
	}
	_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"})
	require.ErrorIs(t, err, errDown)
	w.db.After = nil
	m, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"})
	require.ErrorIs(t, err, mapping.ErrExists)
	require.Equal(t, "alpha", m.CellID)
	require.Equal(t, 1, w.state(t, "alpha").Tenants)
	require.Zero(t, w.state(t, "beta").Tenants)
}

func TestATenantThatComesBackIsNotDivertedByItsOldFence(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 10))
	w.fence(w.cells[0], "acme", 7)
	require.EqualValues(t, 8, w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha"}).Epoch, "the 7th may have been another cell's")
	require.EqualValues(t, 1, w.assign(t, placement.Request{TenantID: "globex", CellID: "alpha"}).Epoch)

	w.fence(w.cells[1], "initech", 3)
	w.onWrites(func(n int) error {
		if n == 1 { // a move came and went since the fence was read
			w.fence(w.cells[1], "initech", 5)
		}
		return nil
	})
	require.EqualValues(t, 6, w.assign(t, placement.Request{TenantID: "initech", CellID: "beta"}).Epoch)
	require.Equal(t, 1, w.state(t, "beta").Tenants)
}

// A mapping that was removed, or deleted by whatever means, leaves behind which epochs are used up.
func TestAssign_GivesNoEpochTwice(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 10))
	for epoch := int64(1); epoch < 9; epoch++ {
		m := w.assign(t, placement.Request{TenantID: "acme", CellID: []string{"alpha", "beta"}[epoch%2]})
		require.Equal(t, epoch, m.Epoch)
		require.Equal(t, [2]any{m.CellID, epoch}, [2]any{w.record(t, "acme").LastCell, w.record(t, "acme").LastEpoch})
		if epoch%3 == 0 {
			w.db.Delete(stack.MappingTable(), "acme")
			continue
		}
		m, err := w.Suspend(t.Context(), "acme")
		require.NoError(t, err)
		w.remove(t, m)
	}
}

// The record may change after it was read: another operator's placement was lost in between.
func TestAssign_LooksAgainWhereItsEpochWasTakenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which need not wait for the delays
		w := newWorld(cell("alpha", "standard", 10))
		w.onWrites(func(n int) error {
			if n == 1 {
				w.db.Put(stack.MoveTable(), dynamotest.Item{
					"tenant_id": item.Text("#tenant#acme"), "epoch": item.Number(0),
					"last_cell": item.Text("alpha"), "last_epoch": item.Number(5),
					"updated_at": item.Text("2026-01-01T00:00:00.000Z"),
				})
			}
			return nil
		})
		require.EqualValues(t, 6, w.assign(t, placement.Request{TenantID: "acme"}).Epoch)
		require.Equal(t, 1, w.state(t, "alpha").Tenants)
	})
}

func TestAProbeTenantTakesNobodysPlace(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 1))
	w.assign(t, placement.Request{TenantID: "acme"})
	_, err := w.SetStatus(t.Context(), "alpha", placement.Draining)
	require.NoError(t, err)
	w.fence(w.cells[0], mapping.ProbeTenant("alpha"), 2)

	first, err := w.PutProbe(t.Context(), w.cells[0])
	require.NoError(t, err)
	require.Equal(t, mapping.ProbeTenant("alpha"), first.TenantID)
	require.EqualValues(t, 2, first.Epoch)
	second, err := w.PutProbe(t.Context(), w.cells[0])
	require.NoError(t, err)
	require.Equal(t, first, second)
	require.Equal(t, 1, w.state(t, "alpha").Tenants)
	require.False(t, w.record(t, mapping.ProbeTenant("alpha")).Known(), "what a probe leaves is nobody's")

	require.NoError(t, w.RemoveProbe(t.Context(), "alpha"))
	require.NoError(t, w.RemoveProbe(t.Context(), "alpha"), "there is none")
	_, err = w.Get(t.Context(), mapping.ProbeTenant("alpha"))
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
	require.Equal(t, 1, w.state(t, "alpha").Tenants)
}

func TestWritesNothingThatTheRouterWouldRefuse(t *testing.T) {
	bad := manifest.Cell{ID: "Alpha", Tier: "standard", MaxTenants: 1, ResultsTable: stack.Cell("alpha").ResultsTable()}
	w := newWorld(cell("alpha", "standard", 1))
	_, err := w.Assign(t.Context(), []manifest.Cell{bad}, placement.Request{TenantID: "acme"})
	require.ErrorIs(t, err, mapping.ErrMalformed)
	require.Zero(t, requests(w, "TransactWriteItems"))
}
