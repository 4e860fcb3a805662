package placement

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
	"cellular/internal/model/transact"
)

// SetStatus changes whether tenants are placed in a cell, and returns the cell's state. A cell that has the status already
// is left as it is. An active cell can be drained; a draining one that has no tenant left can be retired, or be active
// again; a retired one can only be active again. Anything else changes nothing and wraps ErrRefused, or ErrInvalid where
// the status or the id is none.
func (s *Store) SetStatus(ctx context.Context, cellID string, to Status) (CellState, error) {
	state, err := s.setStatus(ctx, cellID, to)
	if err != nil {
		return CellState{}, fmt.Errorf("make cell %s %s: %w", cellID, to, err)
	}
	return state, nil
}

func (s *Store) setStatus(ctx context.Context, cellID string, to Status) (CellState, error) {
	if !naming.ValidCellID(cellID) {
		return CellState{}, fmt.Errorf("%w: a cell's id has to match %s", ErrInvalid, naming.CellIDPattern)
	}
	update := &dynamodb.UpdateItemInput{
		TableName:        &s.tables.CellTable,
		Key:              cellKey(cellID),
		UpdateExpression: aws.String("SET #status = :to, #updated = :now"),
		ExpressionAttributeNames: map[string]string{
			"#status": controltables.AttrStatus, "#updated": controltables.AttrUpdatedAt,
		},
		ExpressionAttributeValues:           map[string]types.AttributeValue{":to": item.Text(string(to)), ":now": now()},
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	switch to {
	case Active:
		update.ConditionExpression = aws.String("#status IN (:draining, :retired)")
		update.ExpressionAttributeValues[":draining"], update.ExpressionAttributeValues[":retired"] = item.Text(string(Draining)), item.Text(string(Retired))
	case Draining:
		update.ConditionExpression = aws.String("attribute_not_exists(#status) OR #status = :active")
		update.ExpressionAttributeValues[":active"] = item.Text(string(Active))
	case Retired:
		update.ConditionExpression = aws.String("#status = :draining AND (attribute_not_exists(#tenants) OR #tenants = :none)")
		update.ExpressionAttributeNames["#tenants"] = controltables.AttrTenants
		update.ExpressionAttributeValues[":draining"] = item.Text(string(Draining))
		update.ExpressionAttributeValues[":none"] = item.Number(0)
	default:
		return CellState{}, fmt.Errorf("%w: a cell's status is %s, %s or %s", ErrInvalid, Active, Draining, Retired)
	}
	out, err := transact.Single(ctx, transact.Retrier{}, s.client.UpdateItem, update)
	if failure := transact.Classify(err); failure.Failed(0) {
		return refusedStatus(cellID, failure.Item(0), to)
	}
	if err != nil {
		return CellState{}, err
	}
	return fromItem(out.Attributes)
}

// refusedStatus says why a cell with this item, if any, does not get a status. A cell that has it needs no change.
func refusedStatus(cellID string, attributes map[string]types.AttributeValue, to Status) (CellState, error) {
	state := untouched(cellID)
	if len(attributes) > 0 {
		var err error
		if state, err = fromItem(attributes); err != nil {
			return CellState{}, err
		}
	}
	switch {
	case state.Status == to:
		return state, nil
	case !state.Status.known():
		return CellState{}, fmt.Errorf("%w: this version does not know the cell's status %q: use the cellctl that wrote it", ErrRefused, state.Status)
	case to == Draining:
		return CellState{}, fmt.Errorf("%w: it is retired and has no tenants: nothing is to be drained", ErrRefused)
	case state.Status == Active:
		return CellState{}, fmt.Errorf("%w: it is active: drain it first", ErrRefused)
	default:
		return CellState{}, fmt.Errorf("%w: it has %d tenants, places reserved by open moves among them: move them to other cells first, and finish the moves",
			ErrRefused, state.Tenants)
	}
}
