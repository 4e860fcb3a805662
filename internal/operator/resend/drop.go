package resend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/facts"
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
func (h *Home) Drop(ctx context.Context, from facts.Cell, tenantID string, wanted []Wanted) (map[string]Verdict, error) {
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
	entry := owner.entry
	if entry == nil {
		entry = h.failed(w.Key, f.ownerData[w.Key], to)
	}
	if gone {
		_, err := h.transact(ctx, markDropped(to.owner, entry))
		return Dropped, err
	}
	tenantID, _, err := event.ParseKey(w.Key)
	if err != nil {
		return "", err
	}
	wrote, err := h.ifOwned(ctx, to.owner, tenantID, to.epoch, markDropped(to.owner, entry))
	switch {
	case err != nil:
		return "", err
	case wrote == notOwned:
		return Moving, nil
	case wrote == refused:
		return AlreadyApplied, nil
	}
	return Dropped, nil
}

// failed is the ledger entry of an event that has none, and is given up.
func (h *Home) failed(key string, stored tenantdata.Item, to target) tenantdata.Item {
	now := h.Now()
	entry := tenantdata.Item{
		event.AttrKey:       text(key),
		event.AttrStatus:    text(string(event.Failed)),
		event.AttrEpoch:     number(to.epoch),
		event.AttrAppliedAt: text(event.FormatTime(now)),
		event.AttrExpiresAt: number(now.Add(time.Duration(to.owner.Settings.ResultTTL) * time.Second).Unix()),
	}
	for _, name := range []string{event.AttrTenantID, event.AttrID, event.AttrType} {
		if v := stored[name]; v != nil {
			entry[name] = v
		}
	}
	return entry
}

// markDropped writes an entry with the reason that says so. It never writes over an outcome that came meanwhile.
func markDropped(cell facts.Cell, entry tenantdata.Item) types.TransactWriteItem {
	marked := maps.Clone(entry)
	marked[event.AttrReason] = text(event.ReasonDropped)
	return types.TransactWriteItem{Put: &types.Put{
		TableName:                 aws.String(cell.ResultsTable),
		Item:                      marked,
		ConditionExpression:       aws.String("attribute_not_exists(#key) OR #status = :failed"),
		ExpressionAttributeNames:  map[string]string{"#key": event.AttrKey, "#status": event.AttrStatus},
		ExpressionAttributeValues: tenantdata.Item{":failed": text(string(event.Failed))},
	}}
}

func isStatus(entry tenantdata.Item, want event.Status) bool {
	status, _, _ := ledgerEntry(entry)
	return status == want
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
