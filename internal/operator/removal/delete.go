package removal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

type writeItem = types.TransactWriteItem

// maxPasses bounds how often all cells are looked at until a pass finds nothing to do. Nothing writes any more, so the
// second pass should be the last; each further one is for what the indexes have shown late.
const maxPasses = 6

// maxDeletes is how many items one transaction deletes: it has 100 operations at most, from the API reference of
// TransactWriteItems, of which the guard and the mark are two. It also has 4 MB at most; whether the size of a deleted item
// counts is not documented.
const maxDeletes = 98

// delete fences and empties every cell that knows the tenant.
func (r *run) delete(ctx context.Context) error {
	for range maxPasses {
		traces, err := r.look(ctx)
		if err != nil {
			return err
		}
		if err := r.copyAgain(ctx, traces); err != nil {
			return err
		}
		found := false
		for _, t := range traces {
			if !t.known() {
				continue
			}
			if !t.fence.Removed(r.removal.Epoch) {
				if err := r.fence(ctx, t.cell); err != nil {
					return err
				}
				found = true
			}
			if t.holds {
				found = true
				if err := r.empty(ctx, t.cell); err != nil {
					return err
				}
			}
			if t.tried {
				found = true
				if err := r.forgetAttempts(ctx, t.cell); err != nil {
					return err
				}
			}
		}
		if !found {
			return r.enter(ctx, Letters, r.marked())
		}
		if err := r.Sleep(ctx, r.IndexSettle); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: after %d passes the cells still hold something; carry the removal on to try again", ErrStuck, maxPasses)
}

// copyAgain makes a copy of what is left where another process has made the first one.
func (r *run) copyAgain(ctx context.Context, traces []trace) error {
	if r.copied != nil {
		return nil
	}
	return r.copy(ctx, holders(traces))
}

// empty deletes what a cell holds, a page at a time. A transaction that DynamoDB does not take is tried in halves: it may be
// too large. Events go first, so that nothing that is sent again can find one
// whose outcome is gone.
func (r *run) empty(ctx context.Context, cell manifest.Cell) error {
	most := maxDeletes
	return r.everything(ctx, cell, func(table string) func(keys []string) error {
		return func(keys []string) error {
			if r.copied != nil {
				there, err := r.inCopy(ctx, table, keys)
				if err != nil {
					return err
				}
				keys = there
			}
			return r.deleteAll(ctx, table, keys, &most, func(keys []string) { r.count(cell, table, keys) })
		}
	})
}

// forgetAttempts deletes the failed attempts that a cell holds at events of the tenant. They are the system's, and in no copy.
func (r *run) forgetAttempts(ctx context.Context, cell manifest.Cell) error {
	most := maxDeletes
	return tenantdata.AttemptKeys(ctx, r.DynamoDB, cell.ResultsTable, r.removal.TenantID, func(keys []string) error {
		return r.deleteAll(ctx, cell.ResultsTable, keys, &most, func([]string) {})
	})
}

// deleteAll deletes items, at most so many in a transaction, and calls done with the keys of those of each.
func (r *run) deleteAll(ctx context.Context, table string, keys []string, most *int, done func(keys []string)) error {
	for len(keys) > 0 {
		n := min(len(keys), *most)
		deletes := make([]writeItem, 0, n)
		for _, key := range keys[:n] {
			deletes = append(deletes, writeItem{Delete: &types.Delete{TableName: &table, Key: Item{event.AttrKey: item.Text(key)}}})
		}
		err := r.write(ctx, deletes...)
		if n > 1 && transact.Classify(err).Kind == transact.Invalid {
			*most = n / 2
			continue
		}
		if err != nil {
			return err
		}
		done(keys[:n])
		keys = keys[n:]
	}
	return r.touch(ctx)
}

// everything calls do with the keys of all that a cell holds of the tenant, by table, a page at a time.
func (r *run) everything(ctx context.Context, cell manifest.Cell, do func(table string) func(keys []string) error) error {
	err := tenantdata.EventKeys(ctx, r.DynamoDB, cell.DataTable, r.removal.TenantID, time.Time{}, do(cell.DataTable))
	if err != nil {
		return err
	}
	return tenantdata.ResultKeys(ctx, r.DynamoDB, cell.ResultsTable, r.removal.TenantID, do(cell.ResultsTable))
}

// write makes writes that take effect only while this remover has the removal, and the mapping is marked.
func (r *run) write(ctx context.Context, writes ...writeItem) error {
	return r.transact(ctx, append([]writeItem{r.at().Guard(), r.marked()}, writes...))
}

// count adds what was deleted. It is recorded with the next change of the record.
func (r *run) count(cell manifest.Cell, table string, keys []string) {
	c := r.removal.Counts[cell.ID]
	for _, key := range keys {
		switch {
		case table == cell.DataTable:
			c.Events++
		case ledger.IsState(key):
			c.State++
		default:
			c.Outcomes++
		}
	}
	r.removal.Counts[cell.ID] = c
}

// letters deletes the tenant's dead letters in every cell that knows the tenant, and ends the removal.
func (r *run) letters(ctx context.Context) error {
	traces, err := r.look(ctx)
	if err != nil {
		return err
	}
	for _, t := range traces {
		if !t.known() {
			continue
		}
		swept, err := r.SweepLetters(ctx, t.cell, r.removal.TenantID, r.guarded)
		c := r.removal.Counts[t.cell.ID]
		for kind, n := range swept {
			if n > 0 && c.Letters == nil {
				c.Letters = map[string]int{}
			}
			if n > 0 {
				c.Letters[kind] += n
			}
		}
		r.removal.Counts[t.cell.ID] = c
		if err != nil {
			return err
		}
		if err := r.touch(ctx); err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

// finish takes the tenant out of the mapping, gives its place back, and leaves the tombstone.
func (r *run) finish(ctx context.Context) error {
	condition, names, values := r.markedCondition()
	writes := []writeItem{{Delete: &types.Delete{
		TableName: aws.String(r.ControlPlane.MappingTable), Key: mappingKey(r.removal.TenantID), ConditionExpression: condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}}
	all := writes
	if !mapping.IsProbeTenant(r.removal.TenantID) {
		writes = append(writes, residence.Remove(r.ControlPlane.MoveTable, r.removal.TenantID, r.removal.CellID, r.removal.Epoch, now(r.Options)))
		all = append(slices.Clone(writes), placement.Release(r.ControlPlane.CellTable, r.removal.CellID))
	}
	err := r.enter(ctx, Done, all...)
	if errors.Is(err, errChanged) && r.lost() { // what a lost cell counts matters to nobody
		err = r.enter(ctx, Done, writes...)
	}
	if errors.Is(err, errChanged) {
		return fmt.Errorf("%w: the mapping or the count of cell %s is not what it must be; see 'cellctl doctor'", ErrStuck, r.removal.CellID)
	}
	return err
}
