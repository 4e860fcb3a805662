package move

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
)

// fence raises the floors. When it ends, the old cell applies nothing of the tenant any more.
//
// The copies come first, one by one, and those of the new cell before those of the old one, where the tenant begins to wait. The
// transaction that ends the phase writes both fences, and what readers go by.
func (r *run) fence(ctx context.Context) error {
	from, to := r.fenceOf(ledger.Outgoing, r.move.Epoch, r.to.ID), r.fenceOf(ledger.Incoming, r.move.Epoch, r.from.ID)
	if err := r.bring(ctx, r.to, to); err != nil {
		return err
	}
	if err := r.bring(ctx, r.from, from); err != nil {
		return err
	}
	return r.enter(ctx, Copy, ledger.SetFence(r.from.ResultsTable, from), ledger.SetFence(r.to.ResultsTable, to))
}

// fenceOf is a fence of the move's tenant, as of now.
func (r *run) fenceOf(state ledger.FenceState, floor int64, peer string) ledger.Fence {
	return ledger.Fence{TenantID: r.move.TenantID, Floor: floor, State: state, Peer: peer, UpdatedAt: r.Now()}
}

// bring has all copies of a cell's fence say what the fence does, and ends when it has seen that. See ledger.BringFence for the order.
func (r *run) bring(ctx context.Context, cell manifest.Cell, f ledger.Fence) error {
	return ledger.BringFence(ctx, r.DynamoDB, cell.ResultsTable, f, func(w types.TransactWriteItem) error {
		if err := r.write(ctx, []types.TransactWriteItem{w}); err != nil {
			return err
		}
		return r.touch(ctx)
	})
}

// convert gives the fences of both cells copies, if a version has written them that knew none. Where the cell that the move is
// ended without has no table, there is nothing to convert.
func (r *run) convert(ctx context.Context) error {
	for _, cell := range []manifest.Cell{r.from, r.to} {
		if cell.ResultsTable == "" {
			continue
		}
		err := ledger.ConvertFence(ctx, r.DynamoDB, r.retrier(), cell.ResultsTable, r.move.TenantID)
		if isNoTable(err) && cell.ID == r.move.Abandoned {
			continue
		}
		if err != nil {
			return fmt.Errorf("cell %s: %w", cell.ID, err)
		}
	}
	return nil
}
