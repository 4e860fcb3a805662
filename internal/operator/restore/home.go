package restore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// home is where a tenant is, and why nothing of it is put back; "" if it is.
type home struct {
	cell  string // "" for nowhere
	epoch int64
	life  life
	why   Reason
}

// homes finds where the tenants of candidates are.
func (c *cellRun) homes(ctx context.Context, of []candidate) (map[string]home, error) {
	all := map[string]home{}
	var tenants, fences []string
	for _, f := range of {
		if _, known := all[f.tenant]; !known {
			all[f.tenant] = home{why: Unmapped}
			tenants, fences = append(tenants, f.tenant), append(fences, ledger.FenceKey(f.tenant))
		}
	}
	if len(tenants) == 0 {
		return all, nil
	}
	mappings, err := c.present(ctx, tenants)
	if err != nil {
		return nil, err
	}
	then, err := tenantdata.Read(ctx, c.DynamoDB, c.results.Name, fences)
	if err != nil {
		return nil, err
	}
	now, err := tenantdata.Read(ctx, c.DynamoDB, c.cell.ResultsTable, fences)
	if err != nil {
		return nil, err
	}
	records, err := residence.GetAll(ctx, c.DynamoDB, c.ControlPlane.MoveTable, tenants)
	if err != nil {
		return nil, err
	}
	for _, tenant := range tenants {
		m, ok := mappings[tenant]
		if !ok {
			if records[tenant].Removed() {
				all[tenant] = home{why: OfRemoved}
			}
			continue
		}
		at, err := c.standing(m, records[tenant], then[ledger.FenceKey(tenant)], now[ledger.FenceKey(tenant)])
		if err != nil {
			return nil, fmt.Errorf("fence of tenant %q: %w", tenant, err)
		}
		all[tenant] = at
	}
	return all, nil
}

// standing finds a tenant's home by its mapping, its record, and the cell's fence at the time and now.
func (c *cellRun) standing(m mapping.Mapping, record residence.Record, then, now tenantdata.Item) (home, error) {
	at := home{cell: m.CellID, epoch: m.Epoch}
	switch {
	case m.CellID != c.cell.ID:
		at.why = Elsewhere
		return at, nil
	case m.MovingTo != "":
		at.why = Moving
		return at, nil
	case m.Removing != 0:
		at.why = BeingRemoved
		return at, nil
	}
	before, err := fence(then)
	if err != nil {
		return home{}, err
	}
	after, err := fence(now)
	if err != nil {
		return home{}, err
	}
	at.life = lifeOf(record, before, after)
	switch revive := slices.Contains(c.options.Revive, m.TenantID); {
	case revive && (!record.Revived() || record.RevivedEpoch != m.Epoch):
		at.why = NotRevived
	case revive: // wherever else it was meanwhile, all of it was removed
		at.life.revive = true
	case !at.life.sameStay(before, after, m.Epoch):
		at.why = MovedSince
	}
	return at, nil
}

// fence reads a fence; nil for an item that is not there.
func fence(item tenantdata.Item) (*ledger.Fence, error) {
	if item == nil {
		return nil, nil
	}
	f, err := ledger.FenceFromItem(item)
	if err == nil {
		err = f.Known()
	}
	return &f, err
}

// stillThere is the condition that a tenant still is where it was found, and that nobody has begun to take it away or to
// remove it.
func (c *cellRun) stillThere(homes map[string]home) func(tenant string) []types.TransactWriteItem {
	return func(tenant string) []types.TransactWriteItem {
		return []types.TransactWriteItem{{ConditionCheck: &types.ConditionCheck{
			TableName:           aws.String(c.ControlPlane.MappingTable),
			Key:                 tenantdata.Item{mapping.AttrTenantID: item.Text(tenant)},
			ConditionExpression: aws.String("#cell = :cell AND #epoch = :epoch AND attribute_not_exists(#moving) AND attribute_not_exists(#removing)"),
			ExpressionAttributeNames: map[string]string{
				"#cell": mapping.AttrCellID, "#epoch": mapping.AttrEpoch, "#moving": mapping.AttrMovingTo, "#removing": mapping.AttrRemoving,
			},
			ExpressionAttributeValues: tenantdata.Item{
				":cell": item.Text(c.cell.ID), ":epoch": item.Number(homes[tenant].epoch),
			},
		}}}
	}
}

// ledgers are the entries of some events in the ledger as it was at the time, and as it is.
type ledgers struct{ then, live map[string]tenantdata.Item }

func (c *cellRun) ledger(ctx context.Context, of []candidate) (ledgers, error) {
	then, err := tenantdata.Read(ctx, c.DynamoDB, c.results.Name, keys(of))
	if err != nil {
		return ledgers{}, err
	}
	live, err := tenantdata.Read(ctx, c.DynamoDB, c.cell.ResultsTable, keys(of))
	return ledgers{then, live}, err
}

// lost reports whether an event had an outcome at the time that it ought to have now, and has none. An outcome of an earlier
// acceptance of its id is not the event's.
func (l ledgers) lost(f candidate, now time.Time) bool {
	then, live := ledger.Peek(l.then[f.key]), ledger.Peek(l.live[f.key])
	e, err := event.FromItem(f.item)
	if err != nil || then.Before(e) {
		return false
	}
	return then.Settled(now) && !ledger.Expired(l.then[f.key], now) && (l.live[f.key] == nil || live.Before(e))
}
