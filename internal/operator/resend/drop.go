package resend

import (
	"context"
	"errors"
	"fmt"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/tenantdata"
)

// Drop gives up events of one tenant that the cell from has accepted: what would send them again is told by the ledgers
// that an operator does not want it. It answers by key: Dropped, AlreadyApplied for an event that is past giving up, Superseded, or
// Moving for one that could not be marked because its tenant is being moved.
//
// The cell that an event was accepted in has an entry to mark if the event failed there. In its tenant's cell an entry is
// made where there is none, because an event without an outcome counts as lost. Another event with the same key is left
// alone, and so is a later acceptance of the id, which is Superseded.
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
	meant := f.meant(w)
	from, owner := f.sides(w, meant)
	if !from.other && isStatus(from.entry, ledger.Failed) {
		if _, err := h.transact(ctx, ledger.MarkDropped(to.from.ResultsTable, from.entry)); err != nil {
			return "", err
		}
	}
	stored, err := event.FromItem(owner.item)
	lacking := owner.item == nil || err == nil && stored.Expired(h.Now())
	switch {
	case owner.other:
		return Dropped, nil
	case isStatus(owner.entry, ledger.Processed):
		return AlreadyApplied, nil
	case from.later || owner.later:
		return Superseded, nil
	case isStatus(owner.entry, ledger.Diverted):
		return Moving, nil
	case owner.entry == nil && (lacking || gone):
		return Dropped, nil // nothing is there that could be sent again
	}
	if gone {
		_, err := h.transact(ctx, ledger.MarkDropped(to.owner.ResultsTable, owner.entry))
		return Dropped, err
	}
	tenantID, eventID, err := event.ParseKey(w.Key)
	if err != nil {
		return "", err
	}
	write := ledger.PutUnlessThere(to.owner.ResultsTable, h.dropped(tenantID, eventID, owner.item, meant, to), ledger.Failed)
	if owner.entry != nil {
		write = ledger.MarkDropped(to.owner.ResultsTable, owner.entry)
	}
	wrote, err := h.ifOwned(ctx, to.owner, tenantID, eventID, to.epoch, write)
	switch {
	case err != nil:
		return "", err
	case wrote == notOwned:
		return Moving, nil
	case wrote == refused:
		return h.afterRefusal(ctx, to.owner, w.Key, meant)
	}
	return Dropped, nil
}

// afterRefusal is the verdict on an event whose entry is not what it was: it was applied, its id was used again, or it is for
// another try to say.
func (h *Home) afterRefusal(ctx context.Context, owner manifest.Cell, key string, meant event.Event) (Verdict, error) {
	entries, err := tenantdata.Read(ctx, h.Tables, owner.ResultsTable, []string{key})
	if err != nil {
		return "", err
	}
	switch entry := sideOf(nil, entries[key], meant); {
	case entry.later:
		return Superseded, nil
	case isStatus(entry.entry, ledger.Processed):
		return AlreadyApplied, nil
	}
	return Moving, nil
}

// dropped is the outcome of an event that has none, and is given up.
func (h *Home) dropped(tenantID, eventID string, stored tenantdata.Item, meant event.Event, to target) ledger.Outcome {
	e := event.Event{
		TenantID: tenantID, ID: eventID, Type: item.Read(stored).OptionalString(event.AttrType), Epoch: to.epoch,
		AcceptedAt: meant.AcceptedAt, ExpiresAt: meant.ExpiresAt, CorrelationID: event.CorrelationIDOf(stored),
	}
	outcome := ledger.Of(e, ledger.Failed, h.Now(), ledger.Memory(to.owner))
	outcome.Reason = ledger.ReasonDropped
	return outcome
}

func isStatus(entry tenantdata.Item, want ledger.Status) bool {
	return ledger.Peek(entry).Status == want
}
