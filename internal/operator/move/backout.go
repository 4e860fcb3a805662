package move

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/record"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// The errors of a move that cannot be backed out.
var (
	ErrTooLate    = errors.New("the old cell has begun to forget the tenant")
	ErrBackingOut = errors.New("it is being backed out")
)

// BackOut takes the tenant back to the cell that its move took it from, and carries that through to its end, or until the
// phase until, as Run does. Before the flip, the new cell forgets what it was given. After it, the new cell has worked
// for the tenant, and the way back is a move of its own, under the next epoch.
//
// Its error is ErrTooLate once the old cell forgets: then the move has to be carried on, and another one takes the tenant
// back. It is ErrBackingOut if that is what the move is doing, ErrAbandoning if it is ended without one of its cells, and a
// LackError where one of them lacks what the way back needs. Nothing has been done then.
func (m *Mover) BackOut(ctx context.Context, tenantID string, until Phase) (Move, error) {
	move, err := m.Get(ctx, tenantID)
	if err != nil {
		return Move{}, err
	}
	wrap := func(err error) error {
		return fmt.Errorf("back out the move of tenant %q from cell %s to %s: %w", tenantID, move.From, move.To, err)
	}
	switch {
	case !move.Phase.known():
		return move, wrap(move.newer())
	case move.Phase == GiveBack:
		return m.carryOn(ctx, move, until)
	}
	if err := move.MayBackOut(); err != nil {
		return move, wrap(err)
	}
	if err := m.whole(ctx, move, true); err != nil {
		return move, wrap(err)
	}
	if move.Phase.Flipped() {
		back, err := m.reverse(ctx, move)
		if err != nil {
			return move, wrap(err)
		}
		return m.carryOn(ctx, back, until)
	}
	r, err := m.take(ctx, move, GiveBack)
	if err != nil {
		return move, wrap(err)
	}
	r.letGo(ctx)
	return m.carryOn(ctx, r.move, until)
}

// reverse ends a move that has been flipped, and records one that goes the other way. Both cells keep the place that they
// have for the tenant.
func (m *Mover) reverse(ctx context.Context, move Move) (Move, error) {
	r, err := m.take(ctx, move, move.Phase)
	if err != nil {
		return Move{}, err
	}
	known, err := residence.Get(ctx, r.DynamoDB, r.ControlPlane.MoveTable, move.TenantID)
	if err != nil {
		return Move{}, err
	}
	if err := r.forgetOpen(ctx); err != nil {
		return Move{}, err
	}
	now := r.Now()
	back := Move{
		TenantID: move.TenantID, From: move.To, To: move.From, Epoch: max(move.Epoch+1, known.NextEpoch()),
		OldEpoch: move.Epoch, OldFloor: move.Epoch, Phase: Clone, BackingOut: true, StartedAt: now, UpdatedAt: now,
	}
	written, err := back.item()
	if err != nil {
		return Move{}, err
	}
	err = r.enter(ctx, Reversed,
		record.Create(r.ControlPlane.MoveTable, written),
		ledger.DeleteCloneNote(r.to.ResultsTable, move.TenantID),
		types.TransactWriteItem{Update: &types.Update{
			TableName:                 aws.String(r.ControlPlane.MappingTable),
			Key:                       mappingKey(move.TenantID),
			UpdateExpression:          aws.String("SET #moving = :back"),
			ConditionExpression:       aws.String("#moving = :to AND #epoch = :epoch"),
			ExpressionAttributeNames:  map[string]string{"#moving": mapping.AttrMovingTo, "#epoch": mapping.AttrEpoch},
			ExpressionAttributeValues: Item{":back": item.Text(back.To), ":to": item.Text(move.To), ":epoch": item.Number(move.Epoch)},
		}},
		residence.GiveEpoch(r.ControlPlane.MoveTable, move.TenantID, back.From, back.Epoch, now),
		placement.Touch(r.ControlPlane.CellTable, move.From), placement.Touch(r.ControlPlane.CellTable, move.To))
	return back, err
}

// giveBack gives the tenant back to its old cell, which never ceased to be its place, and has the new one forget it.
//
// The old cell takes the tenant's events again under the epochs that it took before, and under the move's, which
// the mapping gets now: an event that was diverted is sent again under that one, by which the cell's ledger tells that
// the diversion is over.
//
// The fence comes first, with the mapping, and its copies after it. What was diverted is sent when all of them are seen to be
// lowered: a copy that is not diverts events yet, and nobody would look for those again.
func (r *run) giveBack(ctx context.Context) error {
	home := r.fenceOf(ledger.Owner, r.move.OldFloor, "")
	err := r.write(ctx, []types.TransactWriteItem{
		{Update: &types.Update{
			TableName:           aws.String(r.ControlPlane.MappingTable),
			Key:                 mappingKey(r.move.TenantID),
			UpdateExpression:    aws.String("SET #epoch = :new"),
			ConditionExpression: aws.String("#cell = :from AND (#epoch = :old OR #epoch = :new) AND #moving = :to"),
			ExpressionAttributeNames: map[string]string{
				"#epoch": mapping.AttrEpoch, "#cell": mapping.AttrCellID, "#moving": mapping.AttrMovingTo,
			},
			ExpressionAttributeValues: Item{
				":new": item.Number(r.move.Epoch), ":old": item.Number(r.move.OldEpoch), ":from": item.Text(r.from.ID), ":to": item.Text(r.to.ID),
			},
		}},
		ledger.SetFence(r.from.ResultsTable, home),
		residence.Settle(r.ControlPlane.MoveTable, r.move.TenantID, r.from.ID, r.move.Epoch, r.Now()),
	})
	if errors.Is(err, errChanged) {
		return fmt.Errorf("%w: the tenant's mapping is not what it was when the move began, and nobody but the move may change it", ErrStuck)
	}
	if err != nil {
		return err
	}
	if err := r.bring(ctx, r.from, home); err != nil {
		return err
	}
	if err := r.Sleep(ctx, r.IndexSettle); err != nil {
		return err
	}
	if err := r.sendDiverted(ctx); err != nil {
		return err
	}
	// From the time before the tenant left the new cell once, something may wait there.
	if err := r.sendWaiting(ctx, r.to, r.from, r.move.Epoch); err != nil {
		return err
	}
	for range maxPasses {
		deleted, err := r.deleteIn(ctx, false)
		if err != nil {
			return err
		}
		if deleted == 0 {
			return r.finish(ctx, BackedOut, r.to)
		}
	}
	return fmt.Errorf("%w: after %d passes the new cell still has something to forget; carry the move on to try again", ErrStuck, maxPasses)
}

// sendDiverted sends what was diverted in the old cell to its own queue. It finds it in the index, and, where that lags,
// among all events.
func (r *run) sendDiverted(ctx context.Context) error {
	again := func(keys []string) error { return r.send(ctx, keys, r.from, r.from, r.move.Epoch) }
	if err := r.waiting(ctx, r.from, again); err != nil {
		return err
	}
	return r.events(ctx, r.from, func(keys []string) error {
		outcomes, err := tenantdata.Read(ctx, r.DynamoDB, r.from.ResultsTable, keys)
		if err != nil {
			return err
		}
		var diverted []string
		for _, key := range keys {
			if ledger.Peek(outcomes[key]).Waits() {
				diverted = append(diverted, key)
			}
		}
		return again(diverted)
	})
}
