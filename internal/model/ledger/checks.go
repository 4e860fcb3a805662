package ledger

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
)

// MayApply is the condition, as an operation of a transaction, that the cell applies events of this epoch.
func MayApply(resultsTable string, e event.Event) types.TransactWriteItem {
	return FloorAtMost(resultsTable, e.TenantID, e.Epoch)
}

// MustDivert is the opposite of MayApply for events that somebody waits for: those of a tenant that was removed are neither
// applied nor diverted.
func MustDivert(resultsTable string, e event.Event) types.TransactWriteItem {
	return check(resultsTable, e.TenantID, "(#floor > :epoch AND attribute_not_exists(#removed)) OR (#floor > :epoch AND #removed <= :epoch)",
		map[string]string{"#floor": AttrFloor, "#removed": AttrRemovedBelow}, Item{":epoch": number(e.Epoch)})
}

// FloorAtMost is the condition, as an operation of a transaction, that the cell applies what a tenant is sent under this epoch.
func FloorAtMost(resultsTable, tenantID string, epoch int64) types.TransactWriteItem {
	return check(resultsTable, tenantID, "attribute_not_exists(#floor) OR #floor <= :epoch",
		map[string]string{"#floor": AttrFloor}, Item{":epoch": number(epoch)})
}

// FloorAtLeast is the condition, as an operation of a transaction, that the cell has a fence with this floor or a higher one.
func FloorAtLeast(resultsTable, tenantID string, floor int64) types.TransactWriteItem {
	return check(resultsTable, tenantID, "#floor >= :floor", map[string]string{"#floor": AttrFloor}, Item{":floor": number(floor)})
}

// NotRemovedSince is the condition, as an operation of a transaction, that no tenant of the name was removed from the cell
// since its fence, or none, was read.
func NotRemovedSince(resultsTable, tenantID string, read Fence) types.TransactWriteItem {
	names := map[string]string{"#removed": AttrRemovedBelow}
	if read.RemovedBelow == 0 {
		return check(resultsTable, tenantID, "attribute_not_exists(#removed)", names, nil)
	}
	return check(resultsTable, tenantID, "#removed = :read", names, Item{":read": number(read.RemovedBelow)})
}

func check(table, tenantID, condition string, names map[string]string, values Item) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName:                 aws.String(table),
		Key:                       itemKey(FenceKey(tenantID)),
		ConditionExpression:       aws.String(condition),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}}
}
