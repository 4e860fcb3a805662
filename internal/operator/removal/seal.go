package removal

import (
	"context"
	"fmt"
	"slices"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// seal refuses while an event is neither processed nor given up on, and then has the cell apply nothing of the tenant any
// more. In between no event can become unsettled: none is accepted.
//
// A copy of the fence that is raised says that this has been looked at. It is not looked at again then: the copy may have diverted an
// event since that was redriven from a DLQ, and such a one waits until the removal is called off.
func (r *run) seal(ctx context.Context) error {
	if r.lost() {
		return r.enter(ctx, Keep, r.marked())
	}
	copies, err := ledger.ReadFenceCopies(ctx, r.DynamoDB, r.cell.ResultsTable, r.removal.TenantID)
	if err != nil {
		return err
	}
	sealed := ledger.Fence{TenantID: r.removal.TenantID, Floor: r.removal.Epoch, State: ledger.Left, UpdatedAt: now(r.Options)}
	if !slices.ContainsFunc(copies[:], func(c ledger.FenceCopy) bool { return c.Floor == sealed.Floor }) {
		n, err := tenantdata.Unsettled(ctx, r.DynamoDB, r.cell, r.removal.TenantID, r.Now())
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: %d of them in cell %s", ErrUnsettled, n, r.cell.ID)
		}
	}
	if err := r.bring(ctx, r.cell, sealed, r.marked()); err != nil {
		return err
	}
	return r.enter(ctx, Keep, r.marked(), ledger.SetFence(r.cell.ResultsTable, sealed))
}

// bring has all copies of a cell's fence say what the fence does, and ends when it has seen that. See ledger.BringFence for the order.
func (r *run) bring(ctx context.Context, cell manifest.Cell, f ledger.Fence, also ...writeItem) error {
	return ledger.BringFence(ctx, r.DynamoDB, cell.ResultsTable, f, func(w writeItem) error {
		if err := r.transact(ctx, append([]writeItem{r.at().Guard(), w}, also...)); err != nil {
			return err
		}
		return r.touch(ctx)
	})
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
	return r.enter(ctx, Delete, r.marked())
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

// inCopy reads items, and fails unless the copy has each of those that are there, but events whose data has expired, which no copy
// has to have. It answers with the keys of all that are there.
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
		if !tenantdata.Expired(item, r.Now()) && !r.copied.Has(table, item) {
			return nil, fmt.Errorf("%w: item %q of table %s has come or changed since; copy again", ErrNotCopied, key, table)
		}
		there = append(there, key)
	}
	return there, nil
}

// fence has a cell drop all events of the tenant from here on, whenever they come. A copy of the fence that says so never ceases
// to, so that this belongs to a phase from which the removal is not called off.
func (r *run) fence(ctx context.Context, cell manifest.Cell) error {
	f := ledger.Fence{
		TenantID: r.removal.TenantID, Floor: r.removal.Epoch + 1, State: ledger.Left, UpdatedAt: now(r.Options),
		RemovedBelow: r.removal.Epoch + 1,
	}
	if err := ledger.ConvertFence(ctx, r.DynamoDB, r.retrier(), cell.ResultsTable, r.removal.TenantID); err != nil {
		return err
	}
	if err := r.bring(ctx, cell, f, r.marked()); err != nil {
		return err
	}
	return r.write(ctx, ledger.SetFence(cell.ResultsTable, f))
}
