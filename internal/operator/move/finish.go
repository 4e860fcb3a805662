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
)

// finish ends the move: the cell that the tenant has left gives its place back, and points those that still ask it for an
// event to the other one.
func (r *run) finish(ctx context.Context, phase Phase, left manifest.Cell) error {
	home, floor := r.to, r.move.Epoch
	if phase == BackedOut {
		// The new cell was never the owner under the move's epoch, and shall not become it.
		home, floor = r.from, r.move.Epoch+1
	}
	leaves := r.fenceOf(ledger.Left, floor, home.ID)
	if err := r.bring(ctx, left, leaves); err != nil {
		return err
	}
	if err := r.forgetOpen(ctx); err != nil {
		return err
	}
	writes := []types.TransactWriteItem{
		{},
		ledger.DeleteCloneNote(r.to.ResultsTable, r.move.TenantID),
		placement.Release(r.ControlPlane.CellTable, left.ID),
		ledger.SetFence(left.ResultsTable, leaves),
	}
	if phase == Done {
		writes = append(writes, ledger.SetFence(home.ResultsTable, r.fenceOf(ledger.Owner, r.move.Epoch, "")))
	}
	// The tenant may be suspended, or taken out of it, at any moment.
	for range maxReplans {
		place, err := mapping.NewStore(r.DynamoDB, r.ControlPlane.MappingTable).Get(ctx, r.move.TenantID)
		if err != nil {
			return err
		}
		writes[0] = r.endMoving(place)
		if err := r.enter(ctx, phase, writes...); !errors.Is(err, errChanged) {
			return err
		}
	}
	return fmt.Errorf("%w: the mapping or the count of cell %s is not what it must be; see 'cellctl doctor'", ErrStuck, left.ID)
}

// endMoving takes the move out of the mapping.
func (r *run) endMoving(place mapping.Mapping) types.TransactWriteItem {
	state := place.State
	if state == mapping.Moving {
		state = mapping.Active
	}
	return types.TransactWriteItem{Update: &types.Update{
		TableName:           aws.String(r.ControlPlane.MappingTable),
		Key:                 mappingKey(r.move.TenantID),
		UpdateExpression:    aws.String("SET #state = :state, #updated = :now REMOVE #moving"),
		ConditionExpression: aws.String("#state = :was AND #moving = :to"),
		ExpressionAttributeNames: map[string]string{
			"#state": mapping.AttrState, "#updated": mapping.AttrUpdatedAt, "#moving": mapping.AttrMovingTo,
		},
		ExpressionAttributeValues: Item{
			":state": item.Text(string(state)), ":was": item.Text(string(place.State)),
			":now": item.Text(event.FormatTime(r.Now())), ":to": item.Text(r.to.ID),
		},
	}}
}
