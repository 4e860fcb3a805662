package removal

import (
	"context"
	"fmt"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// seal refuses while an event is neither processed nor given up on, and then has the cell apply nothing of the tenant any
// more. In between no event can become unsettled: none is accepted.
func (r *run) seal(ctx context.Context) error {
	if r.lost() {
		return r.enter(ctx, Keep, r.marked())
	}
	n, err := tenantdata.Unsettled(ctx, r.DynamoDB, r.cell, r.removal.TenantID, r.Now())
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%w: %d of them in cell %s", ErrUnsettled, n, r.cell.ID)
	}
	return r.enter(ctx, Keep, r.marked(), ledger.SetFence(r.cell.ResultsTable, ledger.Fence{
		TenantID: r.removal.TenantID, Floor: r.removal.Epoch, State: ledger.Left, UpdatedAt: now(r.Options),
	}))
}

// keep sees to it that nothing is deleted that nobody has a copy of, or gave up. It begins when the indexes have had the
// time to show whatever was written before the cell was sealed.
func (r *run) keep(ctx context.Context) error {
	if err := r.Sleep(ctx, r.IndexSettle); err != nil {
		return err
	}
	traces, err := r.look(ctx)
	if err != nil {
		return err
	}
	if err := r.copy(ctx, holders(traces)); err != nil {
		return err
	}
	if r.lost() {
		return r.enter(ctx, Delete, r.marked())
	}
	return r.enter(ctx, Delete, r.marked(), r.fence(r.cell))
}

// copy copies what the cells hold, where that is wanted, and compares: every item that they have now is in the copy.
func (r *run) copy(ctx context.Context, cells []manifest.Cell) error {
	switch {
	case len(cells) == 0 || r.removal.GiveUp:
		return nil
	case r.fate.Copy == nil:
		return fmt.Errorf("%w, in cell %s", ErrHolds, cells[0].ID)
	}
	copied, err := r.fate.Copy(ctx, cells)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	r.copied = copied
	for _, cell := range cells {
		compare := func(table string) func(keys []string) error {
			return func(keys []string) error {
				if _, err := r.inCopy(ctx, table, keys); err != nil {
					return err
				}
				return r.touch(ctx)
			}
		}
		if err := r.everything(ctx, cell, compare); err != nil {
			return err
		}
	}
	return nil
}

// inCopy reads items, and fails unless the copy has each of those that are there. It answers with their keys.
func (r *run) inCopy(ctx context.Context, table string, keys []string) (there []string, err error) {
	found, err := tenantdata.Read(ctx, r.DynamoDB, table, keys)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		item, ok := found[key]
		if !ok {
			continue // expired, or deleted already
		}
		if !r.copied.Has(table, item) {
			return nil, fmt.Errorf("%w: item %q of table %s has come or changed since; copy again", ErrNotCopied, key, table)
		}
		there = append(there, key)
	}
	return there, nil
}

// fence is the write by which a cell drops all events of the tenant from here on, whenever they come.
func (r *run) fence(cell manifest.Cell) (w writeItem) {
	return ledger.SetFence(cell.ResultsTable, ledger.Fence{
		TenantID: r.removal.TenantID, Floor: r.removal.Epoch + 1, State: ledger.Left, UpdatedAt: now(r.Options),
		RemovedBelow: r.removal.Epoch + 1,
	})
}
