package removal

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// DefaultParallel is how many cells are looked into at a time: a fleet of dozens takes some tens of milliseconds then.
const DefaultParallel = 16

// trace is what a cell has of a tenant.
type trace struct {
	cell   manifest.Cell
	fence  ledger.Fence
	fenced bool // there is a fence
	holds  bool // events, outcomes or state
	tried  bool // failed attempts at events
}

// known reports whether the cell has ever had anything to do with the tenant.
func (t trace) known() bool { return t.fenced || t.holds || t.tried }

// lookIn looks for a tenant in cells, and answers in their order. A cell that cannot be read is an error: what it holds
// would be left behind. So is a fence in a state that this version does not know, because a removal writes the fence again.
func (o *Options) lookIn(ctx context.Context, cells []manifest.Cell, tenantID string) ([]trace, error) {
	traces := make([]trace, len(cells))
	look := func(ctx context.Context, i int) (err error) {
		traces[i], err = lookInto(ctx, o.DynamoDB, cells[i], tenantID)
		return err
	}
	if o.Parallel == 1 {
		for i := range cells {
			if err := look(ctx, i); err != nil {
				return nil, err
			}
		}
		return traces, nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.Parallel)
	for i := range cells {
		group.Go(func() error { return look(ctx, i) })
	}
	return traces, group.Wait()
}

func lookInto(ctx context.Context, client DynamoDB, cell manifest.Cell, tenantID string) (t trace, err error) {
	t.cell = cell
	if t.fence, t.fenced, err = ledger.ReadFence(ctx, client, cell.ResultsTable, tenantID); err != nil {
		return trace{}, fmt.Errorf("read the fence in cell %s: %w", cell.ID, err)
	}
	if t.fenced {
		if err := t.fence.Known(); err != nil {
			return trace{}, fmt.Errorf("cell %s: %w", cell.ID, err)
		}
	}
	if t.holds, err = tenantdata.Any(ctx, client, cell, tenantID); err == nil {
		t.tried, err = tenantdata.AnyAttempts(ctx, client, cell, tenantID)
	}
	return t, err
}

// look looks into every cell of the deployment. The tenant's own comes first.
func (r *run) look(ctx context.Context) ([]trace, error) {
	cells, err := r.Cells(ctx)
	if err != nil {
		return nil, err
	}
	cells = slices.Clone(cells)
	slices.SortStableFunc(cells, func(a, b manifest.Cell) int {
		return boolInt(b.ID == r.removal.CellID) - boolInt(a.ID == r.removal.CellID)
	})
	return r.lookIn(ctx, cells, r.removal.TenantID)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// holders are the cells that hold anything.
func holders(traces []trace) []manifest.Cell {
	var cells []manifest.Cell
	for _, t := range traces {
		if t.holds {
			cells = append(cells, t.cell)
		}
	}
	return cells
}

// Holding are the cells that hold anything of a tenant.
func (m *Remover) Holding(ctx context.Context, tenantID string) ([]manifest.Cell, error) {
	cells, err := m.Cells(ctx)
	if err != nil {
		return nil, err
	}
	traces, err := m.lookIn(ctx, cells, tenantID)
	return holders(traces), err
}
