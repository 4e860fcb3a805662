package placement

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
)

// Admit counts one more tenant in a cell, as an operation of a transaction. Its condition is that the cell is active and
// below its cap, which is at least 1.
func Admit(cellTable string, cell manifest.Cell) types.TransactWriteItem {
	return count(cellTable, cell.ID, 1,
		"(attribute_not_exists(#status) OR #status = :active) AND (attribute_not_exists(#tenants) OR #tenants < :cap)",
		map[string]string{"#status": controltables.AttrStatus},
		map[string]types.AttributeValue{":active": item.Text(string(Active)), ":cap": item.Number(cell.MaxTenants)})
}

// readmit is Admit for a tenant whose data the cell holds: a draining cell, which serves the tenants that it has, takes it.
func readmit(cellTable string, cell manifest.Cell) types.TransactWriteItem {
	w := Admit(cellTable, cell)
	*w.Update.ConditionExpression = "(attribute_not_exists(#status) OR #status IN (:active, :draining)) AND (attribute_not_exists(#tenants) OR #tenants < :cap)"
	w.Update.ExpressionAttributeValues[":draining"] = item.Text(string(Draining))
	return w
}

// Release counts one tenant less in a cell, as an operation of a transaction. Its condition is that the cell has one.
func Release(cellTable, cellID string) types.TransactWriteItem {
	return count(cellTable, cellID, -1, "#tenants >= :one", nil, map[string]types.AttributeValue{":one": item.Number(1)})
}

// Touch notes that which tenants a cell has, or reserves a place for, changes, as an operation of a transaction that leaves
// their number alone: a tenant that had a place reserved is mapped to the cell, or the other way round. Without it, a
// recount at the same time could find the tenant in neither place. It has no condition.
func Touch(cellTable, cellID string) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName:        &cellTable,
		Key:              cellKey(cellID),
		UpdateExpression: aws.String("SET #updated = :now ADD #changes :once"),
		ExpressionAttributeNames: map[string]string{
			"#changes": controltables.AttrChanges, "#updated": controltables.AttrUpdatedAt,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{":once": item.Number(1), ":now": now()},
	}}
}

func count(table, cellID string, change int, condition string, names map[string]string, values map[string]types.AttributeValue) types.TransactWriteItem {
	update := &types.Update{
		TableName:           &table,
		Key:                 cellKey(cellID),
		UpdateExpression:    aws.String("SET #updated = :now ADD #tenants :change, #changes :once"),
		ConditionExpression: &condition,
		ExpressionAttributeNames: map[string]string{
			"#tenants": controltables.AttrTenants, "#changes": controltables.AttrChanges, "#updated": controltables.AttrUpdatedAt,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{":change": item.Number(change), ":once": item.Number(1), ":now": now()},
	}
	for placeholder, name := range names {
		update.ExpressionAttributeNames[placeholder] = name
	}
	for placeholder, value := range values {
		update.ExpressionAttributeValues[placeholder] = value
	}
	return types.TransactWriteItem{Update: update}
}

func now() types.AttributeValue { return item.Text(event.FormatTime(time.Now())) }
