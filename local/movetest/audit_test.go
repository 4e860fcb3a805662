package movetest_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

// account is what must be true of a tenant from now on, in whichever cell it is.
type account struct {
	tenant   string
	counters map[string]int
}

// requireAtHome checks that a tenant is in a cell, which has counted that much, and that no other cell has kept anything of
// it. It is checked once more when all tests are over and no message is on its way any more: an event that comes late must
// not be applied again.
func (w *world) requireAtHome(t *testing.T, tenant, cellID string, counters map[string]int) {
	t.Helper()
	a := account{tenant, maps.Clone(counters)}
	require.Equal(t, cellID, w.place(t, tenant).CellID)
	require.NoError(t, w.check(t.Context(), a))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accounts = append(w.accounts, a)
}

func (w *world) check(ctx context.Context, a account) error {
	m, err := w.tenants.Get(ctx, a.tenant)
	if err != nil {
		return err
	}
	if m.MovingTo != "" {
		return fmt.Errorf("tenant %s is in cell %s and moving to %s", a.tenant, m.CellID, m.MovingTo)
	}
	for id := range w.outputs.Cells {
		if id == m.CellID {
			counters, err := w.cell(id).count(ctx, a.tenant)
			if err != nil {
				return err
			}
			if !maps.Equal(counters, a.counters) {
				return fmt.Errorf("cell %s has counted %v of tenant %s, want %v", id, counters, a.tenant, a.counters)
			}
			continue
		}
		kept, err := w.cell(id).kept(ctx, a.tenant)
		if err != nil {
			return err
		}
		if len(kept) > 0 {
			return fmt.Errorf("cell %s has kept of tenant %s: %v", id, a.tenant, kept)
		}
	}
	return nil
}

// audit waits until no message is on its way, and checks all accounts.
func (w *world) audit(ctx context.Context) error {
	for id, c := range w.outputs.Cells {
		for {
			waiting, hidden, err := cloudtest.Depth(ctx, w.queues, c.QueueURL)
			if err != nil {
				return fmt.Errorf("queue of cell %s: %w", id, err)
			}
			if waiting+hidden == 0 {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%d messages wait in the queue of cell %s, and %d are hidden: %w", waiting, id, hidden, ctx.Err())
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	for _, a := range w.accounts {
		if err := w.check(ctx, a); err != nil {
			return fmt.Errorf("when all tests were over: %w", err)
		}
	}
	return nil
}
