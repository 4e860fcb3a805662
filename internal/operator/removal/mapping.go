package removal

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/model/openwork"
)

// Mapping is the tenant's mapping as a removal that is under way needs it, for who puts it back after it was lost. Where the
// record does not say since when the tenant is suspended, that is at.
func (r Removal) Mapping(tier string, at time.Time) mapping.Mapping {
	if !r.SuspendedAt.IsZero() {
		at = r.SuspendedAt
	}
	return mapping.Mapping{
		TenantID: r.TenantID, CellID: r.CellID, Epoch: r.OldEpoch, State: mapping.Suspended, Tier: tier, UpdatedAt: at, Removing: r.Epoch,
	}
}

// UnderWay is the condition, as an operation of a transaction, that the removal has not ended.
func (r Removal) UnderWay(moveTable string) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: aws.String(moveTable), Key: r.key(), ConditionExpression: aws.String("#open = :removal"),
		ExpressionAttributeNames:  map[string]string{"#open": controltables.AttrOpen},
		ExpressionAttributeValues: Item{":removal": item.Text(openwork.Removals)},
	}}
}
