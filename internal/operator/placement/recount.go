package placement

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
)

// OpenMove is a move under way: it has its tenant's place reserved in both cells.
type OpenMove struct{ TenantID, From, To string }

func (m OpenMove) concerns(cellID string) bool { return cellID == m.From || cellID == m.To }

// Moves reads the moves under way. move.Places does.
type Moves interface {
	// Open lists them by an index, which may lag.
	Open(context.Context) ([]OpenMove, error)
	// Of reads a tenant's, consistently. under is false where there is none.
	Of(ctx context.Context, tenantID string) (m OpenMove, under bool, err error)
}

// ErrChanged is the error of a recount, or of its correction, during which the cell's tenants changed. Nothing was written.
var ErrChanged = errors.New("the count changed meanwhile")

// Recount is a cell's count, and what it should be.
type Recount struct {
	CellID         string
	Count, Correct int

	changes int64
}

// Estimate is how many tenants a cell should count, by the indexes: those that are mapped to it, and those that the open
// moves reserve a place in it for. The indexes lag and placements go on meanwhile, so that an estimate which differs from
// the count is a reason to Recount, and no more.
func (s *Store) Estimate(ctx context.Context, cellID string, open []OpenMove) (int, error) {
	found, err := s.candidates(ctx, cellID, open)
	return len(found), err
}

// candidates are the tenants that a cell may have, or may reserve a place for, by the indexes.
func (s *Store) candidates(ctx context.Context, cellID string, open []OpenMove) (map[string]bool, error) {
	found := map[string]bool{}
	for _, m := range open {
		if m.concerns(cellID) {
			found[m.TenantID] = true
		}
	}
	err := s.eachOf(ctx, cellID, func(tenantID string) { found[tenantID] = true })
	if err != nil {
		return nil, fmt.Errorf("count the tenants of cell %s: %w", cellID, err)
	}
	maps.DeleteFunc(found, func(tenantID string, _ bool) bool { return mapping.IsProbeTenant(tenantID) })
	return found, nil
}

// Recount counts a cell's tenants exactly, while others place, move and remove tenants. Its error is ErrChanged where one of
// them was of this cell.
//
// It reads the cell's item, waits for lag, and only then the indexes, which therefore show everything that was there when
// the item was read. Whatever changes which tenants the cell has, or reserves a place for, changes the item in the same
// transaction. While the item is the same, those tenants are the same, so that the indexes show all of them, whatever the
// moment since then that each entry is of. What else the indexes show, consistent reads sort out. Correct has the item as
// its condition.
//
// Two things go past that. A program of the version before changes the count and nothing else of the item: if it places one
// tenant and removes another during a recount, the recount may have either, both or none. And an index may lag by more than
// it was given: DynamoDB documents no bound.
func (s *Store) Recount(ctx context.Context, cellID string, moves Moves, lag time.Duration) (Recount, error) {
	r, err := s.recount(ctx, cellID, moves, lag)
	if err != nil {
		return Recount{}, fmt.Errorf("recount the tenants of cell %s: %w", cellID, err)
	}
	return r, nil
}

func (s *Store) recount(ctx context.Context, cellID string, moves Moves, lag time.Duration) (Recount, error) {
	before, err := s.state(ctx, cellID)
	if err != nil {
		return Recount{}, err
	}
	if err := s.sleep(ctx, lag); err != nil {
		return Recount{}, err
	}
	open, err := moves.Open(ctx)
	if err != nil {
		return Recount{}, err
	}
	found, err := s.candidates(ctx, cellID, open)
	if err != nil {
		return Recount{}, err
	}
	correct, err := s.confirmed(ctx, cellID, moves, slices.Sorted(maps.Keys(found)))
	if err != nil {
		return Recount{}, err
	}
	after, err := s.state(ctx, cellID)
	switch {
	case err != nil:
		return Recount{}, err
	case after.changes != before.changes || after.Tenants != before.Tenants:
		return Recount{}, ErrChanged
	}
	return Recount{CellID: cellID, Count: before.Tenants, Correct: correct, changes: before.changes}, nil
}

// confirmed is how many of the tenants are mapped to a cell, or have a place reserved in it, by consistent reads.
func (s *Store) confirmed(ctx context.Context, cellID string, moves Moves, tenants []string) (int, error) {
	n := 0
	keys := make([]map[string]types.AttributeValue, len(tenants))
	for i, id := range tenants {
		keys[i] = mappingKey(id)
	}
	var elsewhere []string
	err := transact.Retrier{}.ReadAll(ctx, s.client, s.tables.MappingTable, keys, func(attributes map[string]types.AttributeValue) error {
		if in, ok := attributes[mapping.AttrCellID].(*types.AttributeValueMemberS); ok && in.Value == cellID {
			n++
		} else {
			elsewhere = append(elsewhere, tenantOf(attributes))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, id := range elsewhere {
		m, under, err := moves.Of(ctx, id)
		if err != nil {
			return 0, err
		}
		if under && m.concerns(cellID) {
			n++
		}
	}
	return n, nil
}

// Correct sets a cell's count to what a recount found, provided that the cell's tenants have not changed since the recount
// began. Otherwise it writes nothing and its error is ErrChanged. A correction whose answer was lost is done again.
func (s *Store) Correct(ctx context.Context, r Recount) error {
	_, err := transact.Single(ctx, transact.Retrier{}, s.client.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:           &s.tables.CellTable,
		Key:                 cellKey(r.CellID),
		UpdateExpression:    aws.String("SET #tenants = :correct, #updated = :now"),
		ConditionExpression: aws.String(equals("#tenants", ":count", int64(r.Count)) + " AND " + equals("#changes", ":changes", r.changes)),
		ExpressionAttributeNames: map[string]string{
			"#tenants": controltables.AttrTenants, "#changes": controltables.AttrChanges, "#updated": controltables.AttrUpdatedAt,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":count": item.Number(r.Count), ":correct": item.Number(r.Correct), ":now": now(),
			":changes": item.Number(r.changes),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failure := transact.Classify(err)
	if failure.Failed(0) {
		found, malformed := fromItem(failure.Item(0))
		if malformed == nil && found.Tenants == r.Correct && found.changes == r.changes {
			return nil // by a try whose answer was lost, or by another correction
		}
		err = ErrChanged
	}
	if err != nil {
		return fmt.Errorf("set the count of cell %s to %d: %w", r.CellID, r.Correct, err)
	}
	return nil
}

// equals is the condition that an attribute has a number. 0 is also that of one that is not there.
func equals(name, value string, n int64) string {
	if n == 0 {
		return "(attribute_not_exists(" + name + ") OR " + name + " = " + value + ")"
	}
	return name + " = " + value
}

func (s *Store) state(ctx context.Context, cellID string) (CellState, error) {
	states, err := s.States(ctx, []string{cellID})
	return states[cellID], err
}
