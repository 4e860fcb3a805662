package move

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// copy copies all that the new cell lacks of what clone has not settled, and compares. It begins when the indexes have had the time
// to show whatever was written before the fence. The outcomes come before the business logic's items: where the old cell is lost
// meanwhile, what the new one has of these is the effect of no event that it has no outcome of.
func (r *run) copy(ctx context.Context) error {
	if err := r.Sleep(ctx, r.IndexSettle); err != nil {
		return err
	}
	if err := r.copyOutcomes(ctx); err != nil {
		return err
	}
	if err := r.copyState(ctx); err != nil {
		return err
	}
	return r.enter(ctx, Flip)
}

// copyOutcomes copies events and their outcomes: of those that clone has recorded as open, and of those accepted since it began.
// Where no clone has recorded that, or the new cell does not have any more what it cloned, it looks at all events and outcomes.
func (r *run) copyOutcomes(ctx context.Context) error {
	open, bounded, err := r.leftByClone(ctx)
	if err != nil {
		return err
	}
	var same sharedPair
	page := func(keys []string) error {
		return r.settleOutcomes(ctx, keys, &same, func(from, to side) plan { return planEvents(keys, from, to, r.move.Epoch, r.Now(), false) })
	}
	err = r.together(ctx, page, func(ctx context.Context, page func(keys []string) error) error {
		if bounded {
			if err := r.pagesOf(ctx, open, page); err != nil {
				return err
			}
			return r.eventsSince(ctx, r.from, r.move.CopySince, page)
		}
		if err := r.events(ctx, r.from, page); err != nil {
			return err
		}
		return r.results(ctx, r.from, outcomesOnly(page))
	})
	if err != nil {
		return err
	}
	if !bounded {
		r.move.CopySince = time.Time{} // so that the flip does not rely on it
	}
	return same.check("outcomes")
}

// outcomesOnly leaves out of pages of a results table what the business logic keeps.
func outcomesOnly(do func(keys []string) error) func(keys []string) error {
	return func(keys []string) error {
		keys = slices.DeleteFunc(slices.Clone(keys), ledger.IsState)
		if len(keys) == 0 {
			return nil
		}
		return do(keys)
	}
}

// leftByClone returns the keys of the events that clone has left open, and whether these and the events since CopySince are all that
// the new cell may lack.
func (r *run) leftByClone(ctx context.Context) (keys []string, bounded bool, err error) {
	if r.move.CopySince.IsZero() {
		return nil, false, nil
	}
	noted, err := ledger.ReadCloneNote(ctx, r.DynamoDB, r.to.ResultsTable, r.move.TenantID, r.move.Epoch)
	if err != nil || !noted {
		return nil, false, err
	}
	return r.recordedOpen(ctx)
}

// settleOutcomes carries out a plan for a page, and compares what both cells say of the events in it that were applied.
func (r *run) settleOutcomes(ctx context.Context, keys []string, same *sharedPair, make func(from, to side) plan) error {
	_, from, _, err := r.settle(ctx, keys, make)
	if err != nil {
		return err
	}
	var applied []string
	for _, key := range keys {
		if statusOf(from.results[key]) == ledger.Processed {
			applied = append(applied, key)
		}
	}
	if len(applied) == 0 {
		return nil
	}
	to, err := tenantdata.Read(ctx, r.DynamoDB, r.to.ResultsTable, applied)
	if err != nil {
		return err
	}
	for _, key := range applied {
		same.add(from.results[key], to[key])
	}
	return nil
}

// copyState makes the business logic's items in the new cell those of the old one, and compares them. In the old cell they cannot change
// behind its fence, and the new cell does not work for the tenant yet.
func (r *run) copyState(ctx context.Context) error {
	var same sharedPair
	err := r.together(ctx, func(keys []string) error { return r.copyStatePage(ctx, keys, &same) },
		func(ctx context.Context, page func(keys []string) error) error { return r.state(ctx, r.from, page) })
	if err != nil {
		return err
	}
	if err := r.together(ctx, func(keys []string) error { return r.removeSurplusState(ctx, keys) },
		func(ctx context.Context, page func(keys []string) error) error { return r.state(ctx, r.to, page) }); err != nil {
		return err
	}
	if err := same.check("items of the business logic"); err != nil {
		return err
	}
	r.move.Counts.SameState = same.from.comparison()
	return nil
}

func (r *run) copyStatePage(ctx context.Context, keys []string, same *sharedPair) error {
	from, err := tenantdata.Read(ctx, r.DynamoDB, r.from.ResultsTable, keys)
	if err != nil {
		return err
	}
	to, err := tenantdata.Read(ctx, r.DynamoDB, r.to.ResultsTable, keys)
	if err != nil {
		return err
	}
	p := planState(keys, side{cell: r.from, results: from}, side{cell: r.to, results: to})
	if len(p.writes) > 0 {
		if err := r.write(ctx, p.writes); err != nil {
			return err
		}
		r.count(p.counts)
		if to, err = tenantdata.Read(ctx, r.DynamoDB, r.to.ResultsTable, keys); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if from[key] != nil {
			same.add(from[key], to[key])
		}
	}
	return nil
}

// removeSurplusState deletes what the business logic keeps for the tenant in the new cell and not in the old one. There
// is such a thing only where the tenant has been in the new cell before: on the way back.
func (r *run) removeSurplusState(ctx context.Context, keys []string) error {
	there, err := tenantdata.Read(ctx, r.DynamoDB, r.from.ResultsTable, keys)
	if err != nil {
		return err
	}
	var surplus []types.TransactWriteItem
	for _, key := range keys {
		if there[key] == nil {
			surplus = append(surplus, remove(r.to.ResultsTable, key))
		}
	}
	return r.write(ctx, surplus)
}

// pair is what two cells have under the same keys.
type pair struct{ from, to digest }

func (p *pair) add(from, to Item) {
	p.from.add(from)
	if to != nil {
		p.to.add(to)
	}
}

func (p *pair) check(what string) error {
	if p.from != p.to {
		return fmt.Errorf("%w: the cells differ in the tenant's %s: %+v in the old one, %+v in the new one; "+
			"carry the move on to copy again, or back it out", ErrStuck, what, p.from.comparison(), p.to.comparison())
	}
	return nil
}

// sharedPair is a pair that pages are added to by several at a time.
type sharedPair struct {
	mu sync.Mutex
	pair
}

func (p *sharedPair) add(from, to Item) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pair.add(from, to)
}

// flip points the mapping to the new cell, in one transaction with the record.
func (r *run) flip(ctx context.Context) error {
	err := r.enter(ctx, Redirect, append(append(r.mustBeFenced(), r.mustBeCloned()...), types.TransactWriteItem{Update: &types.Update{
		TableName:           aws.String(r.ControlPlane.MappingTable),
		Key:                 mappingKey(r.move.TenantID),
		UpdateExpression:    aws.String("SET #cell = :to, #epoch = :new, #tier = :tier, #updated = :now"),
		ConditionExpression: aws.String("#cell = :from AND #epoch = :old AND #moving = :to"),
		ExpressionAttributeNames: map[string]string{
			"#cell": mapping.AttrCellID, "#epoch": mapping.AttrEpoch, "#tier": mapping.AttrTier,
			"#updated": mapping.AttrUpdatedAt, "#moving": mapping.AttrMovingTo,
		},
		ExpressionAttributeValues: Item{
			":to": item.Text(r.to.ID), ":new": item.Number(r.move.Epoch), ":tier": item.Text(r.to.Tier), ":now": item.Text(event.FormatTime(r.Now())),
			":from": item.Text(r.from.ID), ":old": item.Number(r.move.OldEpoch),
		},
	}}, residence.Settle(r.ControlPlane.MoveTable, r.move.TenantID, r.to.ID, r.move.Epoch, r.Now()),
		placement.Touch(r.ControlPlane.CellTable, r.from.ID), placement.Touch(r.ControlPlane.CellTable, r.to.ID))...)
	if errors.Is(err, errChanged) {
		if err := r.checkFences(ctx); err != nil {
			return err
		}
		if _, bounded, err := r.leftByClone(ctx); err != nil || !bounded && !r.move.CopySince.IsZero() {
			return errors.Join(err, r.copyAgain(ctx))
		}
		return fmt.Errorf("%w: the tenant's mapping is not what it was when the move began, and nobody but the move may change it", ErrStuck)
	}
	return err
}

// mustBeCloned is the condition, as operations of a transaction, that the new cell has what it had when copy relied on the clone.
func (r *run) mustBeCloned() []types.TransactWriteItem {
	if r.move.CopySince.IsZero() {
		return nil
	}
	return []types.TransactWriteItem{ledger.CloneNoted(r.to.ResultsTable, r.move.TenantID, r.move.Epoch)}
}

// copyAgain has copy look at everything, where the new cell's results table was restored after it.
func (r *run) copyAgain(ctx context.Context) error {
	next := r.move
	next.Phase, next.CopySince = Copy, time.Time{}
	return r.save(ctx, next)
}
