package ledger

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
)

// MayApply is the condition, as an operation of a transaction, that the cell applies an event. It is on the copy of its tenant's fence
// that decides on the event.
func MayApply(resultsTable string, e event.Event) types.TransactWriteItem {
	return atMost(resultsTable, FenceCopyKey(e.TenantID, e.ID), e.Epoch)
}

// MustDivert is the opposite of MayApply for events that somebody waits for: those of a tenant that was removed are neither
// applied nor diverted.
func MustDivert(resultsTable string, e event.Event) types.TransactWriteItem {
	return check(resultsTable, FenceCopyKey(e.TenantID, e.ID),
		"(#floor > :epoch AND attribute_not_exists(#removed)) OR (#floor > :epoch AND #removed <= :epoch)",
		map[string]string{"#floor": AttrFloor, "#removed": AttrRemovedBelow}, Item{":epoch": number(e.Epoch)})
}

// FloorAtMost is the condition, as an operation of a transaction, that the cell applies what a tenant is sent under this epoch. It is
// on the fence, whose copies may be higher while the tenant is moved or removed: it is for one who gives the tenant to the
// cell, which nobody does then, and for one who has a condition on a copy besides.
func FloorAtMost(resultsTable, tenantID string, epoch int64) types.TransactWriteItem {
	return atMost(resultsTable, FenceKey(tenantID), epoch)
}

func atMost(resultsTable, key string, epoch int64) types.TransactWriteItem {
	return check(resultsTable, key, "attribute_not_exists(#floor) OR #floor <= :epoch",
		map[string]string{"#floor": AttrFloor}, Item{":epoch": number(epoch)})
}

// FloorAtLeast is the condition, as an operation of a transaction, that the cell has a fence with this floor or a higher one. The
// copies have it too: none is ever below its fence.
func FloorAtLeast(resultsTable, tenantID string, floor int64) types.TransactWriteItem {
	return check(resultsTable, FenceKey(tenantID), "#floor >= :floor", map[string]string{"#floor": AttrFloor}, Item{":floor": number(floor)})
}

// NotRemovedSince is the condition, as an operation of a transaction, that no tenant of the name was removed from the cell
// since the copy of its fence was read that decides on an event.
func NotRemovedSince(resultsTable, tenantID, eventID string, read FenceCopy) types.TransactWriteItem {
	names := map[string]string{"#removed": AttrRemovedBelow}
	if read.RemovedBelow == 0 {
		return check(resultsTable, FenceCopyKey(tenantID, eventID), "attribute_not_exists(#removed)", names, nil)
	}
	return check(resultsTable, FenceCopyKey(tenantID, eventID), "#removed = :read", names, Item{":read": number(read.RemovedBelow)})
}

func check(table, key, condition string, names map[string]string, values Item) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName:                 aws.String(table),
		Key:                       itemKey(key),
		ConditionExpression:       aws.String(condition),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}}
}
