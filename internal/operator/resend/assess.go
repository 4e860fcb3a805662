package resend

import (
	"context"
	"maps"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// found is what the tables of a tenant's cell, and of the cell that accepted its events, have of these events. Where the
// two are one cell, the latter's are empty.
type found struct {
	ownerLedger, fromLedger map[string]tenantdata.Item
	ownerData, fromData     map[string]tenantdata.Item
}

func (h *Home) find(ctx context.Context, to target, wanted []Wanted) (found, error) {
	var keys []string
	seen := map[string]bool{}
	for _, w := range wanted {
		if !seen[w.Key] { // BatchGetItem refuses a key that it is given twice
			seen[w.Key] = true
			keys = append(keys, w.Key)
		}
	}
	var f found
	reads := []struct {
		into  *map[string]tenantdata.Item
		table string
	}{
		{&f.ownerLedger, to.owner.ResultsTable}, {&f.ownerData, to.owner.DataTable},
		{&f.fromLedger, to.from.ResultsTable}, {&f.fromData, to.from.DataTable},
	}
	if to.owner.ID == to.from.ID {
		reads = reads[:2]
	}
	for _, r := range reads {
		items, err := tenantdata.Read(ctx, h.Tables, r.table, keys)
		if err != nil {
			return found{}, err
		}
		*r.into = items
	}
	return f, nil
}

// assess never takes another event with the same key for the one that is wanted: an entry of a ledger counts only if the
// item beside it has the same content, and is of the same acceptance of the id.
func (f found) assess(w Wanted, to target, now time.Time) Assessed {
	if w.Carried != nil && w.Carried.Epoch <= to.removed {
		return removedUpTo(to)
	}
	meant := f.meant(w)
	from, owner := f.sides(w, meant)
	for _, s := range []side{from, owner} {
		switch outcome := ledger.Peek(s.entry); {
		case s.other:
		case outcome.Status == ledger.Processed:
			return Assessed{Verdict: AlreadyApplied}
		case outcome.Status == ledger.Failed && outcome.Reason == ledger.ReasonDropped:
			return Assessed{Verdict: Dropped}
		}
	}
	switch {
	case from.later || owner.later:
		return Assessed{Verdict: Superseded}
	case from.other || owner.other:
		return Assessed{Verdict: Conflict}
	}
	outcome := ledger.Peek(owner.entry)
	if outcome.Status == ledger.Diverted && outcome.Epoch >= to.epoch {
		// The consumer would take it for a duplicate of what it has just diverted.
		return Assessed{Verdict: Moving}
	}
	ended := event.Event{AcceptedAt: now}.After(meant)
	stored, clone := owner.item, tenantdata.Item(nil)
	if stored == nil {
		stored = from.item
		if stored == nil && w.Carried != nil && !ended {
			stored = w.Carried.Item()
		}
		clone = cloneOf(stored, to.from)
	}
	switch {
	case stored == nil && f.noteOfRemoved(w.Key, to):
		return removedUpTo(to)
	case stored == nil && synthetic(w.Key): // it has expired: nothing else deletes it
		return Assessed{Verdict: Lapsed}
	case stored == nil && ended:
		return Assessed{Verdict: Expired}
	case stored == nil:
		return Assessed{Verdict: Gone}
	}
	e, err := event.FromItem(stored)
	if err != nil {
		return Assessed{Verdict: Malformed, Problem: err}
	}
	if e.Epoch <= to.removed {
		return removedUpTo(to)
	}
	switch {
	case e.Expired(now) && e.Synthetic():
		return Assessed{Verdict: Lapsed}
	case e.Expired(now):
		return Assessed{Verdict: Expired}
	}
	// That the event has failed in its tenant's cell is proof that it was not applied, however old it is. Without that,
	// an outcome can have been there and expired.
	if outcome.Status != ledger.Failed && now.Sub(e.AcceptedAt) >= to.memory() {
		return Assessed{Verdict: TooOld}
	}
	a := Assessed{Verdict: Due, stored: e, clone: clone}
	e.Epoch = to.epoch
	// The item's life may have been extended; and where both cells have accepted the event, the item may expire before the acceptance
	// that is meant. The outcome must not say that the event lives for longer than its item, after which its id may be used again.
	if !meant.ExpiresAt.IsZero() && (e.ExpiresAt.IsZero() || meant.ExpiresAt.Before(e.ExpiresAt)) {
		e.ExpiresAt = meant.ExpiresAt
	}
	a.Event = e
	return a
}

// synthetic reports whether a key is of a synthetic event.
func synthetic(key string) bool {
	tenantID, _, err := event.ParseKey(key)
	return err == nil && event.SyntheticTenant(tenantID)
}

func removedUpTo(to target) Assessed { return Assessed{Verdict: Removed, RemovedEpoch: to.removed} }

// noteOfRemoved reports whether the cell that accepted an event has diverted it for a tenant that was removed: a consumer of
// a version that does not know what was removed does that to a message that comes late.
func (f found) noteOfRemoved(key string, to target) bool {
	entries := f.fromLedger
	if to.owner.ID == to.from.ID {
		entries = f.ownerLedger
	}
	outcome := ledger.Peek(entries[key])
	return outcome.Status == ledger.Diverted && outcome.Epoch > 0 && outcome.Epoch <= to.removed
}

// meant is the acceptance that is wanted, as far as it is known: that of the message or record about it, or else that of the
// item in the cell that accepted the event, or in the tenant's. Neither is anything earlier nor later than the zero event.
func (f found) meant(w Wanted) event.Event {
	switch {
	case w.Carried != nil:
		return *w.Carried
	case !w.Accepted.AcceptedAt.IsZero():
		return w.Accepted
	}
	for _, stored := range []tenantdata.Item{f.fromData[w.Key], f.ownerData[w.Key]} {
		if e, err := event.FromItem(stored); err == nil {
			return e
		}
	}
	return event.Event{}
}

// side is what one cell has under an event's key that is of the acceptance that is meant.
type side struct {
	item, entry tenantdata.Item
	other       bool // they are another event's
	later       bool // the cell has an item or an outcome of a later acceptance
}

// sides are the cell that accepted the event, where that is not its tenant's any more, and the tenant's cell. Without a
// content to compare, the ledger of the former knows whether the two cells have two events.
func (f found) sides(w Wanted, meant event.Event) (from, owner side) {
	from = sideOf(f.fromData[w.Key], f.fromLedger[w.Key], meant)
	owner = sideOf(f.ownerData[w.Key], f.ownerLedger[w.Key], meant)
	if mine, known := w.content(from.item); known {
		from.other, owner.other = differs(mine, from.item), differs(mine, owner.item)
	} else if owner.item != nil {
		owner.other = ledger.Peek(from.entry).Reason == ledger.ReasonConflict
	}
	return from, owner
}

// sideOf leaves out what is of an earlier acceptance, or of a later one.
func sideOf(stored, entry tenantdata.Item, meant event.Event) side {
	s := side{item: stored, entry: entry}
	if there, err := event.FromItem(stored); err == nil {
		s.later = there.After(meant)
		if s.later || meant.After(there) {
			s.item = nil
		}
	}
	outcome := ledger.Peek(entry)
	if outcome.Before(meant) {
		s.entry = nil
	}
	if outcome.After(meant) {
		s.entry, s.later = nil, true
	}
	return s
}

// content is the event as it is known apart from what its tenant's cell has.
func (w Wanted) content(accepted tenantdata.Item) (event.Event, bool) {
	if w.Carried != nil {
		return *w.Carried, true
	}
	e, err := event.FromItem(accepted)
	return e, err == nil
}

// differs reports whether an item is another event than e: what the router asks before it calls a second event of an id a
// conflict. An item that is not there, or is no event, does not.
func differs(e event.Event, stored tenantdata.Item) bool {
	there, err := event.FromItem(stored)
	return err == nil && !event.SameContent(there.Type, there.Payload, e.Type, e.Payload)
}

// cloneOf is an item, or nil for none, as a cell gets it from the cell that accepted its event.
func cloneOf(stored tenantdata.Item, from manifest.Cell) tenantdata.Item {
	if stored == nil {
		return nil
	}
	clone := maps.Clone(event.Sharded(stored))
	clone[event.AttrClonedFrom] = item.Text(from.ID)
	return clone
}

// memory is for how long both cells' ledgers have surely remembered an event since it was accepted.
func (t target) memory() time.Duration {
	return min(ledger.Memory(t.from), ledger.Memory(t.owner))
}
