package resend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/tenantdata"
)

// Drop gives up events of one tenant that the cell from has accepted: what would send them again is told by the ledgers
// that an operator does not want it. It answers by key: Dropped, AlreadyApplied for an event that is past giving up, or
// Moving for one that could not be marked because its tenant is being moved.
//
// The cell that an event was accepted in has an entry to mark if the event failed there. In its tenant's cell an entry is
// made where there is none, because an event without an outcome counts as lost. Another event with the same key is left
// alone.
func (h *Home) Drop(ctx context.Context, from manifest.Cell, tenantID string, wanted []Wanted) (map[string]Verdict, error) {
	to, err := h.target(ctx, from, tenantID)
	gone := errors.Is(err, mapping.ErrUnknownTenant)
	if gone {
		to = target{from: from, owner: from} // nobody moves what is left here of the tenant
	} else if err != nil {
		return nil, err
	}
	verdicts := make(map[string]Verdict, len(wanted))
	if to.removing { // a mark would come behind what the removal deletes
		for _, w := range wanted {
			verdicts[w.Key] = Moving
		}
		return verdicts, nil
	}
	f, err := h.find(ctx, to, wanted)
	if err != nil {
		return nil, err
	}
	for _, w := range wanted {
		if verdicts[w.Key], err = h.drop(ctx, w, to, f, gone); err != nil {
			return nil, fmt.Errorf("drop event %q: %w", w.Key, err)
		}
	}
	return verdicts, nil
}

func (h *Home) drop(ctx context.Context, w Wanted, to target, f found, gone bool) (Verdict, error) {
	sides := f.sides(w)
	if from := sides[0]; !from.other && isStatus(from.entry, event.Failed) {
		if _, err := h.transact(ctx, markDropped(to.from, from.entry)); err != nil {
			return "", err
		}
	}
	owner := sides[1]
	switch {
	case owner.other:
		return Dropped, nil
	case isStatus(owner.entry, event.Processed):
		return AlreadyApplied, nil
	case isStatus(owner.entry, event.Diverted):
		return Moving, nil
	case owner.entry == nil && (f.ownerData[w.Key] == nil || gone):
		return Dropped, nil // nothing is there that could be sent again
	}
	if gone {
		_, err := h.transact(ctx, markDropped(to.owner, owner.entry))
		return Dropped, err
	}
	write := putDropped(to.owner, h.failed(w.Key, f.ownerData[w.Key], to))
	if owner.entry != nil {
		write = markDropped(to.owner, owner.entry)
	}
	tenantID, _, err := event.ParseKey(w.Key)
	if err != nil {
		return "", err
	}
	wrote, err := h.ifOwned(ctx, to.owner, tenantID, to.epoch, write)
	switch {
	case err != nil:
		return "", err
	case wrote == notOwned:
		return Moving, nil
	case wrote == refused:
		return h.afterRefusal(ctx, to.owner, w.Key)
	}
	return Dropped, nil
}

// afterRefusal is the verdict on an event whose entry is not what it was: it was applied, or it is for another try to say.
func (h *Home) afterRefusal(ctx context.Context, owner manifest.Cell, key string) (Verdict, error) {
	entries, err := tenantdata.Read(ctx, h.Tables, owner.ResultsTable, []string{key})
	if err == nil && !isStatus(entries[key], event.Processed) {
		return Moving, nil
	}
	return AlreadyApplied, err
}

// failed is the ledger entry of an event that has none, and is given up.
func (h *Home) failed(key string, stored tenantdata.Item, to target) tenantdata.Item {
	now := h.Now()
	entry := tenantdata.Item{
		event.AttrKey:       item.Text(key),
		event.AttrStatus:    item.Text(string(event.Failed)),
		event.AttrEpoch:     item.Number(to.epoch),
		event.AttrAppliedAt: item.Text(event.FormatTime(now)),
		event.AttrExpiresAt: item.Number(now.Add(time.Duration(to.owner.Settings.ResultTTL)).Unix()),
	}
	for _, name := range []string{event.AttrTenantID, event.AttrID, event.AttrType} {
		if v := stored[name]; v != nil {
			entry[name] = v
		}
	}
	return entry
}

// markDropped notes in a ledger's entry of an event that failed why it is not sent again. It never writes over an outcome that
// came meanwhile, and makes no entry again that a move or a removal has deleted: it would be the next thing that a tenant of the
// name reads there. The epoch tells an event from one of the same id of a later tenant.
func markDropped(cell manifest.Cell, entry tenantdata.Item) types.TransactWriteItem {
	update := &types.Update{
		TableName:                 aws.String(cell.ResultsTable),
		Key:                       tenantdata.Item{event.AttrKey: entry[event.AttrKey]},
		UpdateExpression:          aws.String("SET #reason = :dropped"),
		ConditionExpression:       aws.String("#status = :failed AND attribute_not_exists(#epoch)"), // of a message that nobody could read
		ExpressionAttributeNames:  map[string]string{"#reason": event.AttrReason, "#status": event.AttrStatus, "#epoch": event.AttrEpoch},
		ExpressionAttributeValues: tenantdata.Item{":dropped": item.Text(event.ReasonDropped), ":failed": item.Text(string(event.Failed))},
	}
	if epoch := entry[event.AttrEpoch]; epoch != nil {
		*update.ConditionExpression = "#status = :failed AND #epoch = :epoch"
		update.ExpressionAttributeValues[":epoch"] = epoch
	}
	return types.TransactWriteItem{Update: update}
}

// putDropped writes an entry for an event that has none, unless it got an outcome meanwhile.
func putDropped(cell manifest.Cell, entry tenantdata.Item) types.TransactWriteItem {
	entry[event.AttrReason] = item.Text(event.ReasonDropped)
	return types.TransactWriteItem{Put: &types.Put{
		TableName:                 aws.String(cell.ResultsTable),
		Item:                      entry,
		ConditionExpression:       aws.String("attribute_not_exists(#key) OR #status = :failed"),
		ExpressionAttributeNames:  map[string]string{"#key": event.AttrKey, "#status": event.AttrStatus},
		ExpressionAttributeValues: tenantdata.Item{":failed": item.Text(string(event.Failed))},
	}}
}

func isStatus(entry tenantdata.Item, want event.Status) bool {
	status, _, _ := ledgerEntry(entry)
	return status == want
}
