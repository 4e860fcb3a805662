package residence

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
)

// The operations below are parts of transactions. Each creates the record where there is none.

// conditions on the epoch that is written. The first is for an epoch that is given for the first time, the second for one
// that the tenant may have had before, in the same life.
const (
	unused = "(attribute_not_exists(#last) OR #last < :epoch) AND (attribute_not_exists(#removed) OR #removed < :epoch)"
	latest = "(attribute_not_exists(#last) OR #last <= :epoch) AND (attribute_not_exists(#removed) OR #removed < :epoch)"
)

// GiveEpoch records that the tenant, which is or will be in the cell, is given an epoch: by its first mapping, or by a
// move that begins. Its condition is that no epoch as high was ever given to it, or removed.
func GiveEpoch(moveTable, tenantID, cellID string, epoch int64, now time.Time) types.TransactWriteItem {
	return place(moveTable, tenantID, unused, cellID, epoch, now)
}

// Settle records that the tenant is in the cell under an epoch that was given to it before: a move flips to the cell, or
// is backed out to it. Its condition is that no higher epoch was given to it, and that the epoch was not removed.
func Settle(moveTable, tenantID, cellID string, epoch int64, now time.Time) types.TransactWriteItem {
	return place(moveTable, tenantID, latest, cellID, epoch, now)
}

// Revive is GiveEpoch for a tenant that was removed, and whose removed life goes on in the cell under the epoch.
func Revive(moveTable, tenantID, cellID string, epoch int64, now time.Time) types.TransactWriteItem {
	w := place(moveTable, tenantID, unused, cellID, epoch, now)
	*w.Update.UpdateExpression += ", #revived = :epoch"
	w.Update.ExpressionAttributeNames["#revived"] = AttrRevivedEpoch
	return w
}

func place(moveTable, tenantID, condition, cellID string, epoch int64, now time.Time) types.TransactWriteItem {
	w := write(moveTable, tenantID, condition, "SET #cell = :cell, #last = :epoch, #updated = :now, #index = :placed", cellID, epoch, now)
	w.Update.ExpressionAttributeValues[":placed"] = item.Text(placedPrefix + cellID)
	return w
}

// Remove records that all that the tenant did up to an epoch, its last one, was removed with it. Its condition is that no
// higher epoch was given to it or removed; it may be written again.
func Remove(moveTable, tenantID, cellID string, epoch int64, now time.Time) types.TransactWriteItem {
	w := write(moveTable, tenantID,
		"(attribute_not_exists(#last) OR #last <= :epoch) AND (attribute_not_exists(#removed) OR #removed <= :epoch)",
		"SET #cell = :cell, #last = :epoch, #removed = :epoch, #at = :now, #updated = :now REMOVE #index", cellID, epoch, now)
	w.Update.ExpressionAttributeNames["#at"] = AttrRemovedAt
	return w
}

func write(moveTable, tenantID, condition, update, cellID string, epoch int64, now time.Time) types.TransactWriteItem {
	return types.TransactWriteItem{Update: &types.Update{
		TableName:           &moveTable,
		Key:                 Key(tenantID),
		UpdateExpression:    &update,
		ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: map[string]string{
			"#cell": AttrLastCell, "#last": AttrLastEpoch, "#removed": AttrRemovedEpoch, "#updated": AttrUpdatedAt,
			"#index": controltables.AttrOpen,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":cell": item.Text(cellID), ":epoch": item.Number(epoch), ":now": item.Text(event.FormatTime(now)),
		},
	}}
}
