package placement

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
)

// Status says whether tenants are placed in a cell.
type Status string

const (
	Active   Status = "active"   // takes tenants
	Draining Status = "draining" // takes none, and serves those that it has
	Retired  Status = "retired"  // takes none and has none
)

// CellState is what the control plane keeps of a cell. Its manifest says what the cell is.
type CellState struct {
	CellID    string
	Status    Status
	Tenants   int       // placed in the cell, or reserved there by an open move; probe tenants do not count
	UpdatedAt time.Time // zero for a cell that never had a tenant and was never drained

	changes int64 // how often it has changed which tenants are placed or reserved
}

// Full reports whether a cell has as many tenants as it may have, or more: its cap may have been lowered.
func (s CellState) Full(cell manifest.Cell) bool { return s.Tenants >= cell.MaxTenants }

// untouched is the state of a cell that has no item: a new cell needs no registration.
func untouched(cellID string) CellState { return CellState{CellID: cellID, Status: Active} }

func cellKey(cellID string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{controltables.AttrCellID: item.Text(cellID)}
}

// fromItem reads an item of the cell states table. It takes a status of a later version, and a cell that has one takes no
// tenants. Its status is absent where nobody ever set one, its count where no
// tenant ever came.
func fromItem(attributes map[string]types.AttributeValue) (CellState, error) {
	r := item.Read(attributes)
	state := CellState{
		CellID:    r.String(controltables.AttrCellID),
		Status:    Active,
		UpdatedAt: r.Time(controltables.AttrUpdatedAt, event.TimeLayout),
	}
	if _, ok := attributes[controltables.AttrStatus]; ok {
		state.Status = Status(r.Checked(controltables.AttrStatus, event.IsWord, event.WordPattern))
	}
	if _, ok := attributes[controltables.AttrTenants]; ok {
		state.Tenants = int(r.Int(controltables.AttrTenants, 0))
	}
	if _, ok := attributes[controltables.AttrChanges]; ok {
		state.changes = r.Int(controltables.AttrChanges, 0)
	}
	if err := r.Err(); err != nil {
		return CellState{}, fmt.Errorf("malformed state of cell %q: %w", state.CellID, err)
	}
	return state, nil
}

// ReadState reads the state of one cell from the table of cell states, consistently.
func ReadState(ctx context.Context, client mapping.Getter, table, cellID string) (CellState, error) {
	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: cellKey(cellID), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return CellState{}, fmt.Errorf("read the state of cell %s: %w", cellID, err)
	}
	if len(out.Item) == 0 {
		return untouched(cellID), nil
	}
	return fromItem(out.Item)
}

// known reports whether this version knows a status.
func (s Status) known() bool {
	switch s {
	case Active, Draining, Retired:
		return true
	}
	return false
}

// States reads the states of cells, consistently. Every cell asked for is in the answer.
func (s *Store) States(ctx context.Context, cellIDs []string) (map[string]CellState, error) {
	states := make(map[string]CellState, len(cellIDs))
	var keys []map[string]types.AttributeValue
	for _, id := range cellIDs {
		if _, twice := states[id]; !twice { // BatchGetItem refuses a key that it has twice
			keys = append(keys, cellKey(id))
		}
		states[id] = untouched(id)
	}
	err := transact.Retrier{}.ReadAll(ctx, s.client, s.tables.CellTable, keys, func(attributes map[string]types.AttributeValue) error {
		state, err := fromItem(attributes)
		if err != nil {
			return err
		}
		states[state.CellID] = state
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the states of %d cells: %w", len(keys), err)
	}
	return states, nil
}
