package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// maxReplans bounds how often a page is planned again because what it was planned on changed. In a cell that is fenced,
// little does: a message that fails for the last time, a client that sends an event again through the new cell.
const maxReplans = 10

// events calls do with the keys of the tenant's events in a cell, a page at a time. What is accepted after the call began
// is left for later: a writer that is faster than the listing would otherwise keep it from ending.
func (r *run) events(ctx context.Context, cell manifest.Cell, do func(keys []string) error) error {
	return r.eventsSince(ctx, cell, time.Unix(0, 0), do)
}

// eventsSince is events for those that were accepted since a time. A cell that the move is ended without may have none.
func (r *run) eventsSince(ctx context.Context, cell manifest.Cell, since time.Time, do func(keys []string) error) error {
	if cell.DataTable == "" && cell.ID == r.move.Abandoned {
		return nil
	}
	until := r.Now().Add(clockMargin)
	return tenantdata.EventKeysBetween(ctx, r.DynamoDB, cell.DataTable, r.move.TenantID, since, until, r.paged(ctx, do))
}

// results calls do with the keys of the tenant's items in a cell's results table, a page at a time.
func (r *run) results(ctx context.Context, cell manifest.Cell, do func(keys []string) error) error {
	return tenantdata.ResultKeys(ctx, r.DynamoDB, cell.ResultsTable, r.move.TenantID, r.paged(ctx, do))
}

// waiting calls do with the keys of the tenant's diverted events that wait in a cell, a page at a time.
func (r *run) waiting(ctx context.Context, cell manifest.Cell, do func(keys []string) error) error {
	return tenantdata.WaitingKeys(ctx, r.DynamoDB, cell.ResultsTable, r.move.TenantID, r.paged(ctx, do))
}

func (r *run) paged(ctx context.Context, do func(keys []string) error) func(keys []string) error {
	return func(keys []string) error {
		if err := do(keys); err != nil {
			return err
		}
		return r.touch(ctx)
	}
}

// state calls do with the keys of what the business logic keeps for the tenant in a cell, a page at a time.
func (r *run) state(ctx context.Context, cell manifest.Cell, do func(keys []string) error) error {
	return tenantdata.StateKeys(ctx, r.DynamoDB, cell.ResultsTable, r.move.TenantID, r.paged(ctx, do))
}

// together makes of do one that works on several pages at a time, at most Parallel, and calls list with it. It ends when all
// pages are done; its error is that of the first page that failed, or else list's.
func (r *run) together(ctx context.Context, do func(keys []string) error, list func(ctx context.Context, do func(keys []string) error) error) error {
	if r.Parallel <= 1 {
		return list(ctx, do)
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	err := list(within, func(keys []string) error {
		group.Go(func() error { return do(keys) })
		return within.Err()
	})
	if failed := group.Wait(); failed != nil {
		return failed
	}
	return err
}

// read reads what both cells have under the keys.
func (r *run) read(ctx context.Context, keys []string) (from, to side, err error) {
	if from, err = r.readSide(ctx, r.from, keys); err == nil {
		to, err = r.readSide(ctx, r.to, keys)
	}
	present(keys, r.Now(), &from, &to)
	return from, to, err
}

func (r *run) readSide(ctx context.Context, cell manifest.Cell, keys []string) (side, error) {
	results, err := tenantdata.Read(ctx, r.DynamoDB, cell.ResultsTable, keys)
	if err != nil {
		return side{}, err
	}
	for _, key := range keys {
		if outcome := results[key]; outcome != nil && !ledger.IsState(key) && !statusOf(outcome).Known() {
			return side{}, fmt.Errorf("%w: this version does not know the outcome %q of event %s in cell %s", ErrNewer, statusOf(outcome), key, cell.ID)
		}
	}
	// The events come second: an event may be forgotten, with its outcome, between the two reads, and must then not look
	// like one that has no outcome.
	data, err := tenantdata.Read(ctx, r.DynamoDB, cell.DataTable, keys)
	if err != nil {
		return side{}, err
	}
	return side{cell: cell, data: data, results: results}, nil
}

// settle makes a plan of what both cells have under the keys, and carries its writes out. It returns the plan that was
// carried out, and what it was made of.
func (r *run) settle(ctx context.Context, keys []string, make func(from, to side) plan) (plan, side, side, error) {
	for range maxReplans {
		from, to, err := r.read(ctx, keys)
		if err != nil {
			return plan{}, side{}, side{}, err
		}
		p := make(from, to)
		err = r.write(ctx, p.writes)
		if err == nil {
			r.count(p.counts)
			return p, from, to, nil
		}
		if !errors.Is(err, errChanged) {
			return plan{}, side{}, side{}, err
		}
	}
	return plan{}, side{}, side{}, fmt.Errorf("%w: %d items kept changing, %d times in a row", ErrStuck, len(keys), maxReplans)
}

// settleIn is settle for a plan that is made of what one cell has.
func (r *run) settleIn(ctx context.Context, cell manifest.Cell, keys []string, make func(at side) plan) (plan, error) {
	for range maxReplans {
		at, err := r.readSide(ctx, cell, keys)
		if err != nil {
			return plan{}, err
		}
		present(keys, r.Now(), &at)
		p := make(at)
		if err := r.write(ctx, p.writes); err == nil {
			r.count(p.counts)
			return p, nil
		} else if !errors.Is(err, errChanged) {
			return plan{}, err
		}
	}
	return plan{}, fmt.Errorf("%w: %d items kept changing, %d times in a row", ErrStuck, len(keys), maxReplans)
}

// count adds what a page came to. It is recorded with the next change of the record.
func (r *run) count(c Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.move.Counts.Events += c.Events
	r.move.Counts.Outcomes += c.Outcomes
	r.move.Counts.State += c.State
	r.move.Counts.TakenOver += c.TakenOver
	r.move.Counts.Sent += c.Sent
	r.move.Counts.Conflicts += c.Conflicts
}

// writeEach makes writes that concern nobody else, where a condition that fails means that there is nothing to do.
func (r *run) writeEach(ctx context.Context, writes []types.TransactWriteItem) (made int, err error) {
	err = r.write(ctx, writes)
	if err == nil {
		return len(writes), nil
	}
	if !errors.Is(err, errChanged) {
		return 0, err
	}
	for _, w := range writes {
		switch err := r.write(ctx, []types.TransactWriteItem{w}); {
		case err == nil:
			made++
		case !errors.Is(err, errChanged):
			return made, err
		}
	}
	return made, nil
}
