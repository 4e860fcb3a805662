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
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/record"
	"cellular/internal/operator/residence"
)

// The errors of a move that cannot begin.
var (
	ErrMoving    = errors.New("a move is under way")
	ErrRemoving  = errors.New("the tenant is being removed")
	ErrSameCell  = errors.New("the tenant is in that cell")
	ErrNoPlace   = errors.New("the cell takes no tenant: it is full, draining or retired")
	ErrProbe     = errors.New("a tenant that cells are probed with does not move")
	errContended = errors.New("the mapping kept changing")
	errElsewhere = errors.New("the tenant is in another cell by now")
)

// Start records a move of a tenant to a cell, and takes a place for it there. Nothing else happens until Run.
//
// Its error is mapping.ErrUnknownTenant, ErrMoving, ErrRemoving, ErrSameCell, ErrNoPlace, ErrProbe or a LackError where the move
// cannot begin; nothing has been done then.
func (m *Mover) Start(ctx context.Context, tenantID, toCell string) (Move, error) {
	return m.startFrom(ctx, tenantID, "", toCell)
}

// startFrom is Start for a tenant of the cell fromCell, or of any where that is "". Its error is also errElsewhere.
func (m *Mover) startFrom(ctx context.Context, tenantID, fromCell, toCell string) (Move, error) {
	move, err := m.start(ctx, tenantID, fromCell, toCell)
	if err != nil {
		return Move{}, fmt.Errorf("move tenant %q to cell %s: %w", tenantID, toCell, err)
	}
	m.Observe(move)
	return move, nil
}

func (m *Mover) start(ctx context.Context, tenantID, fromCell, toCell string) (Move, error) {
	if mapping.IsProbeTenant(tenantID) {
		return Move{}, ErrProbe
	}
	to, err := m.Cell(ctx, toCell)
	if err != nil {
		return Move{}, err
	}
	var move Move
	err = m.retrier().Repeat(ctx, func(ctx context.Context) (again bool, err error) {
		move, err = m.tryStart(ctx, tenantID, fromCell, to)
		return errors.Is(err, errContended), err
	})
	return move, err
}

func (m *Mover) tryStart(ctx context.Context, tenantID, fromCell string, to manifest.Cell) (Move, error) {
	place, err := mapping.NewStore(m.DynamoDB, m.ControlPlane.MappingTable).Get(ctx, tenantID)
	if err != nil {
		return Move{}, err
	}
	switch {
	case fromCell != "" && place.CellID != fromCell:
		return Move{}, fmt.Errorf("%w: %s", errElsewhere, place.CellID)
	case place.MovingTo != "":
		return Move{}, fmt.Errorf("%w, to cell %s", ErrMoving, place.MovingTo)
	case place.Removing != 0:
		return Move{}, ErrRemoving
	case !place.State.Known():
		return Move{}, fmt.Errorf("%w: this version does not know the mapping's state %q", ErrNewer, place.State)
	case place.CellID == to.ID:
		return Move{}, ErrSameCell
	}
	from, err := m.Cell(ctx, place.CellID)
	if err != nil {
		return Move{}, err
	}
	if err := m.whole(ctx, Move{TenantID: tenantID, From: from.ID, To: to.ID, OldFloor: 1, Phase: Clone}, false); err != nil {
		return Move{}, err
	}
	move, err := m.newMove(ctx, place, from, to)
	if err != nil {
		return Move{}, err
	}
	err = m.record(ctx, place, move, to)
	if errors.Is(err, errChanged) { // the cell's count or the record; the mapping is as it was read
		return Move{}, ErrNoPlace
	}
	return move, err
}

// newMove chooses the epoch of a move: one that the tenant never had, by its record, and that neither the mapping nor a
// fence of the two cells has seen. A fence can be ahead of the mapping where the tenant was removed and came back.
func (m *Mover) newMove(ctx context.Context, place mapping.Mapping, from, to manifest.Cell) (Move, error) {
	oldFloor, err := ledger.ReadFloor(ctx, m.DynamoDB, from, place.TenantID)
	if err != nil {
		return Move{}, err
	}
	newFloor, err := ledger.ReadFloor(ctx, m.DynamoDB, to, place.TenantID)
	if err != nil {
		return Move{}, err
	}
	known, err := residence.Get(ctx, m.DynamoDB, m.ControlPlane.MoveTable, place.TenantID)
	if err != nil {
		return Move{}, err
	}
	now := m.Now()
	return Move{
		TenantID: place.TenantID, From: from.ID, To: to.ID, OldEpoch: place.Epoch,
		Epoch:    max(max(place.Epoch, oldFloor, newFloor)+1, known.NextEpoch()),
		OldFloor: oldFloor, Phase: Clone,
		StartedAt: now, UpdatedAt: now,
	}, nil
}

// record writes a new move: the mapping says where the tenant goes, the new cell has one place less, and the record is
// there, or nothing of it.
func (m *Mover) record(ctx context.Context, place mapping.Mapping, move Move, to manifest.Cell) error {
	written, err := move.item()
	if err != nil {
		return err
	}
	state := place.State
	if state == mapping.Active {
		state = mapping.Moving
	}
	return m.transactAs(ctx, errContended, []types.TransactWriteItem{
		{Update: &types.Update{
			TableName:        aws.String(m.ControlPlane.MappingTable),
			Key:              mappingKey(place.TenantID),
			UpdateExpression: aws.String("SET #moving = :to, #state = :state, #updated = :now"),
			ConditionExpression: aws.String("#cell = :from AND #epoch = :epoch AND #state = :was AND " +
				"attribute_not_exists(#moving) AND attribute_not_exists(#removing)"),
			ExpressionAttributeNames: map[string]string{
				"#moving": mapping.AttrMovingTo, "#state": mapping.AttrState, "#updated": mapping.AttrUpdatedAt,
				"#cell": mapping.AttrCellID, "#epoch": mapping.AttrEpoch, "#removing": mapping.AttrRemoving,
			},
			ExpressionAttributeValues: Item{
				":to": item.Text(move.To), ":state": item.Text(string(state)), ":now": item.Text(event.FormatTime(move.StartedAt)),
				":from": item.Text(place.CellID), ":epoch": item.Number(place.Epoch), ":was": item.Text(string(place.State)),
			},
		}},
		record.Create(m.ControlPlane.MoveTable, written),
		placement.Admit(m.ControlPlane.CellTable, to),
		residence.GiveEpoch(m.ControlPlane.MoveTable, place.TenantID, place.CellID, move.Epoch, move.StartedAt),
	})
}

func mappingKey(tenantID string) Item { return Item{mapping.AttrTenantID: item.Text(tenantID)} }
