package move

import (
	"context"
	"errors"
	"fmt"

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

// clone copies what cannot change any more, events and outcomes that are final, while the old cell still works for the
// tenant. It is most of what there is to copy, and not a moment of the tenant's time.
func (r *run) clone(ctx context.Context) error {
	err := r.events(ctx, r.from, func(keys []string) error {
		_, _, _, err := r.settle(ctx, keys, func(from, to side) plan { return planEvents(keys, from, to, r.move.Epoch, r.Now(), true) })
		return err
	})
	if err != nil {
		return err
	}
	return r.enter(ctx, Fence)
}

// copy copies all that the new cell lacks, and compares. It begins when the indexes have had the time to show whatever
// was written before the fence.
func (r *run) copy(ctx context.Context) error {
	if err := r.Sleep(ctx, r.IndexSettle); err != nil {
		return err
	}
	err := r.events(ctx, r.from, func(keys []string) error {
		_, _, _, err := r.settle(ctx, keys, func(from, to side) plan { return planEvents(keys, from, to, r.move.Epoch, r.Now(), false) })
		return err
	})
	if err != nil {
		return err
	}
	err = r.results(ctx, r.from, func(keys []string) error {
		_, _, _, err := r.settle(ctx, keys, func(from, to side) plan {
			p, state := planOutcomes(keys, from, to), planState(keys, from, to)
			p.writes = append(p.writes, state.writes...)
			p.counts.State = state.counts.State
			return p
		})
		return err
	})
	if err != nil {
		return err
	}
	if err := r.removeSurplusState(ctx); err != nil {
		return err
	}
	if err := r.compare(ctx); err != nil {
		return err
	}
	return r.enter(ctx, Flip)
}

// removeSurplusState deletes what the business logic keeps for the tenant in the new cell and not in the old one. There
// is such a thing only where the tenant has been in the new cell before: on the way back.
func (r *run) removeSurplusState(ctx context.Context) error {
	return r.results(ctx, r.to, func(keys []string) error {
		there, err := tenantdata.Read(ctx, r.DynamoDB, r.from.ResultsTable, keys)
		if err != nil {
			return err
		}
		var surplus []types.TransactWriteItem
		for _, key := range keys {
			if ledger.IsState(key) && there[key] == nil {
				surplus = append(surplus, remove(r.to.ResultsTable, key))
			}
		}
		return r.write(ctx, surplus)
	})
}

// compare compares what must be the same on both sides before the new cell may work for the tenant: the outcomes of the
// events that were applied, and what the business logic keeps. In the old cell neither can change behind its fence.
func (r *run) compare(ctx context.Context) error {
	var outcomes, state pair
	err := r.results(ctx, r.from, func(keys []string) error {
		from, to, err := r.read(ctx, keys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			switch item := from.results[key]; {
			case item == nil:
			case ledger.IsState(key):
				state.add(item, to.results[key])
			case statusOf(item) == ledger.Processed:
				outcomes.add(item, to.results[key])
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := outcomes.check("outcomes"); err != nil {
		return err
	}
	if err := state.check("items of the business logic"); err != nil {
		return err
	}
	r.move.Counts.SameOutcomes, r.move.Counts.SameState = outcomes.from.comparison(), state.from.comparison()
	return nil
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

// flip points the mapping to the new cell, in one transaction with the record.
func (r *run) flip(ctx context.Context) error {
	err := r.enter(ctx, Redirect, append(r.mustBeFenced(), types.TransactWriteItem{Update: &types.Update{
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
		return fmt.Errorf("%w: the tenant's mapping is not what it was when the move began, and nobody but the move may change it", ErrStuck)
	}
	return err
}
