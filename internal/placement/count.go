package placement

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/controltables"
	"cellular/internal/event"
	"cellular/internal/facts"
	"cellular/internal/mapping"
	"cellular/internal/transact"
)

// Admit counts one more tenant in a cell, as an operation of a transaction. Its condition is that the cell is active and
// below its cap, which is at least 1.
func Admit(cellTable string, cell facts.Cell) types.TransactWriteItem {
	return count(cellTable, cell.ID, 1,
		"(attribute_not_exists(#status) OR #status = :active) AND (attribute_not_exists(#tenants) OR #tenants < :cap)",
		map[string]string{"#status": controltables.AttrStatus},
		map[string]types.AttributeValue{":active": text(string(Active)), ":cap": number(cell.MaxTenants)})
}

// readmit is Admit for a tenant whose data the cell holds: a draining cell, which serves the tenants that it has, takes it.
func readmit(cellTable string, cell facts.Cell) types.TransactWriteItem {
	w := Admit(cellTable, cell)
	*w.Update.ConditionExpression = "(attribute_not_exists(#status) OR #status IN (:active, :draining)) AND (attribute_not_exists(#tenants) OR #tenants < :cap)"
	w.Update.ExpressionAttributeValues[":draining"] = text(string(Draining))
	return w
}

// Release counts one tenant less in a cell, as an operation of a transaction. Its condition is that the cell has one.
func Release(cellTable, cellID string) types.TransactWriteItem {
	return count(cellTable, cellID, -1, "#tenants >= :one", nil, map[string]types.AttributeValue{":one": number(1)})
}

func count(table, cellID string, change int, condition string, names map[string]string, values map[string]types.AttributeValue) types.TransactWriteItem {
	update := &types.Update{
		TableName:           &table,
		Key:                 cellKey(cellID),
		UpdateExpression:    aws.String("SET #updated = :now ADD #tenants :change"),
		ConditionExpression: &condition,
		ExpressionAttributeNames: map[string]string{
			"#tenants": controltables.AttrTenants, "#updated": controltables.AttrUpdatedAt,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{":change": number(change), ":now": now()},
	}
	for placeholder, name := range names {
		update.ExpressionAttributeNames[placeholder] = name
	}
	for placeholder, value := range values {
		update.ExpressionAttributeValues[placeholder] = value
	}
	return types.TransactWriteItem{Update: update}
}

func now() types.AttributeValue { return text(event.FormatTime(time.Now())) }

// OpenMove is a move under way: it has its tenant's place reserved in both cells.
type OpenMove struct {
	From, To string
	CellNow  string // the tenant's cell by its mapping: From before the flip, To after it
}

// reserves reports whether a cell counts the move's tenant although the tenant is mapped to the other one.
func (m OpenMove) reserves(cellID string) bool {
	return cellID != m.CellNow && (cellID == m.From || cellID == m.To)
}

// Recount is how many tenants a cell should count: those that are mapped to it, as the index has them, and those that the
// open moves reserve a place in it for. All moves that are open go in.
//
// The index lags by as much as a second or so, and placements go on meanwhile. A count that differs once therefore means
// little: one that differs by the same number in two looks a few seconds apart has drifted.
func (s *Store) Recount(ctx context.Context, cellID string, open []OpenMove) (int, error) {
	expected := 0
	for _, m := range open {
		if m.reserves(cellID) {
			expected++
		}
	}
	err := s.eachOf(ctx, cellID, func(tenantID string) {
		if !mapping.IsProbeTenant(tenantID) {
			expected++
		}
	})
	if err != nil {
		return 0, fmt.Errorf("count the tenants of cell %s: %w", cellID, err)
	}
	return expected, nil
}

// SetCount corrects the count of a cell's tenants, provided that it still is what the caller has seen, or is correct by
// now, which a lost answer may leave behind. Otherwise it changes nothing and its error wraps ErrRefused.
func (s *Store) SetCount(ctx context.Context, cellID string, seen, correct int) error {
	condition := "#tenants = :seen"
	if seen == 0 {
		condition = "attribute_not_exists(#tenants) OR #tenants = :seen"
	}
	_, err := transact.Single(ctx, transact.Retrier{}, s.client.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:           &s.tables.CellTable,
		Key:                 cellKey(cellID),
		UpdateExpression:    aws.String("SET #tenants = :correct, #updated = :now"),
		ConditionExpression: &condition,
		ExpressionAttributeNames: map[string]string{
			"#tenants": controltables.AttrTenants, "#updated": controltables.AttrUpdatedAt,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":seen": number(seen), ":correct": number(correct), ":now": now(),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failure := transact.Classify(err)
	if found, malformed := fromItem(failure.Item(0)); failure.Failed(0) && malformed == nil && found.Tenants == correct {
		return nil
	}
	switch {
	case failure.Failed(0):
		return fmt.Errorf("set the count of cell %s to %d: %w: it is no longer %d, so somebody else has changed it: count again",
			cellID, correct, ErrRefused, seen)
	case err != nil:
		return fmt.Errorf("set the count of cell %s to %d: %w", cellID, correct, err)
	}
	return nil
}
