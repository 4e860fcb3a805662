package move

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/facts"
	"cellular/internal/model/ownership"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// A leftover is an item that a router with a very old mapping wrote into the data table of a cell that a tenant had been
// removed from. No cell applies it, and nobody waits for it. To a move of the next tenant of the name it is not there:
// readSide leaves it out, a clone replaces it, and clearLeftovers deletes it.

// removedIn is, by cell, the epoch up to which what the cell accepted belongs to an earlier tenant of the name, which was
// removed; 0 for none. The tenant's record and the cell's fence must agree on it, unless the fence is lost. A record that is not below the epoch which
// the tenant had before the move says nothing of the tenant: a cellctl of a version without records has placed it. It may
// have been in cells that know of no removal, with epochs that the record covers.
func (r *run) removedIn(ctx context.Context) (map[string]int64, error) {
	known, err := residence.Get(ctx, r.DynamoDB, r.ControlPlane.MoveTable, r.move.TenantID)
	if err != nil || known.RemovedEpoch == 0 || known.RemovedEpoch >= r.move.OldEpoch {
		return nil, err
	}
	removed := map[string]int64{}
	for _, cell := range []facts.Cell{r.from, r.to} {
		if cell.ID == r.move.Abandoned {
			removed[cell.ID] = known.RemovedEpoch // its fence is lost
			continue
		}
		fence, _, err := ownership.Get(ctx, r.DynamoDB, cell.ResultsTable, r.move.TenantID)
		if isNoTable(err) {
			continue // what needs the table says so
		}
		if err != nil {
			return nil, err
		}
		removed[cell.ID] = max(0, min(known.RemovedEpoch, fence.RemovedBelow-1))
	}
	return removed, nil
}

// leftover reports whether a cell's item of a data table is one. A clone was brought by a move or a restore, and so belongs
// to the tenant of now, and an event that a cell has applied or given up on is that tenant's, too: behind the fence of a
// removal nothing is. That an event was diverted says nothing of the item: the note outlives the event of the tenant of now
// that it is about.
func (r *run) leftover(cell facts.Cell, data, outcome Item) bool {
	removed := r.removed[cell.ID]
	if removed == 0 || data == nil || data[event.AttrClonedFrom] != nil {
		return false
	}
	if outcome != nil && statusOf(outcome) != event.Diverted {
		return false
	}
	epoch := epochOf(data)
	return epoch > 0 && epoch <= removed
}

// isLeftover is the condition, with the names leftoverNames, that an item of a data table is one, if it has no outcome.
const isLeftover = "#epoch <= :removed AND attribute_not_exists(#cloned)"

var leftoverNames = map[string]string{"#epoch": event.AttrEpoch, "#cloned": event.AttrClonedFrom}

// clearLeftovers deletes the leftovers in a cell.
func (r *run) clearLeftovers(ctx context.Context, cell facts.Cell) error {
	removed := r.removed[cell.ID]
	if removed == 0 {
		return nil
	}
	return r.events(ctx, cell, func(keys []string) error {
		var outcomes map[string]Item
		if cell.ID != r.move.Abandoned {
			var err error
			if outcomes, err = tenantdata.Read(ctx, r.DynamoDB, cell.ResultsTable, keys); err != nil {
				return err
			}
		}
		data, err := tenantdata.Read(ctx, r.DynamoDB, cell.DataTable, keys)
		if err != nil {
			return err
		}
		var writes []types.TransactWriteItem
		for _, key := range keys {
			if !r.leftover(cell, data[key], outcomes[key]) {
				continue
			}
			w := remove(cell.DataTable, key)
			w.Delete.ConditionExpression, w.Delete.ExpressionAttributeNames = aws.String(isLeftover), leftoverNames
			w.Delete.ExpressionAttributeValues = Item{":removed": number(removed)}
			writes = append(writes, w)
		}
		n, err := r.writeEach(ctx, writes)
		r.move.Counts.Leftovers += n
		return err
	})
}

// clearAllLeftovers deletes the leftovers in both cells. A cell that the move is ended without need not have a table.
func (r *run) clearAllLeftovers(ctx context.Context) error {
	for _, cell := range []facts.Cell{r.from, r.to} {
		err := r.clearLeftovers(ctx, cell)
		if cell.ID == r.move.Abandoned {
			err = ignoreNoTable(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetNote deletes the note of a diverted event of a tenant that was removed up to an epoch. A consumer of a version that
// does not know what was removed makes such notes, of messages that come late.
func forgetNote(cell facts.Cell, key string, removed int64) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName:                 aws.String(cell.ResultsTable),
		Key:                       Item{event.AttrKey: text(key)},
		ConditionExpression:       aws.String("#status = :diverted AND #epoch <= :removed"),
		ExpressionAttributeNames:  map[string]string{"#status": event.AttrStatus, "#epoch": event.AttrEpoch},
		ExpressionAttributeValues: Item{":removed": number(removed), ":diverted": text(string(event.Diverted))},
	}}
}
