package resend

import (
	"context"
	"maps"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
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
// item beside it has the same content.
func (f found) assess(w Wanted, to target, now time.Time) Assessed {
	if w.Carried != nil && w.Carried.Epoch <= to.removed {
		return removedUpTo(to)
	}
	conflict := false
	for _, side := range f.sides(w) {
		if side.other {
			conflict = true
			continue
		}
		switch outcome := ledger.Peek(side.entry); {
		case outcome.Status == ledger.Processed:
			return Assessed{Verdict: AlreadyApplied}
		case outcome.Status == ledger.Failed && outcome.Reason == ledger.ReasonDropped:
			return Assessed{Verdict: Dropped}
		}
	}
	if conflict {
		return Assessed{Verdict: Conflict}
	}
	outcome := ledger.Peek(f.ownerLedger[w.Key])
	if outcome.Status == ledger.Diverted && outcome.Epoch >= to.epoch {
		// The consumer would take it for a duplicate of what it has just diverted.
		return Assessed{Verdict: Moving}
	}
	stored, clone := f.item(w, to)
	if stored == nil && f.noteOfRemoved(w.Key, to) {
		return removedUpTo(to)
	}
	if stored == nil {
		return Assessed{Verdict: Gone}
	}
	e, err := event.FromItem(stored)
	if err != nil {
		return Assessed{Verdict: Malformed, Problem: err}
	}
	if e.Epoch <= to.removed {
		return removedUpTo(to)
	}
	// That the event has failed in its tenant's cell is proof that it was not applied, however old it is. Without that,
	// an outcome can have been there and expired.
	if outcome.Status != ledger.Failed && now.Sub(e.AcceptedAt) >= to.memory() {
		return Assessed{Verdict: TooOld}
	}
	e.Epoch = to.epoch
	return Assessed{Verdict: Due, Event: e, clone: clone}
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

// side is what one cell's ledger has under an event's key.
type side struct {
	entry tenantdata.Item
	other bool // it is another event's
}

// sides are the cell that accepted the event, where that is not its tenant's any more, and the tenant's cell. Without a
// content to compare, the ledger of the former knows whether the two cells have two events.
func (f found) sides(w Wanted) []side {
	mine, known := w.content(f.fromData[w.Key])
	from := side{entry: f.fromLedger[w.Key], other: known && differs(mine, f.fromData[w.Key])}
	owner := side{entry: f.ownerLedger[w.Key], other: known && differs(mine, f.ownerData[w.Key])}
	if !known && f.ownerData[w.Key] != nil {
		owner.other = ledger.Peek(f.fromLedger[w.Key]).Reason == ledger.ReasonConflict
	}
	return []side{from, owner}
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

// item is the event's item, and the clone of it that the owner's data table lacks, or nil if it lacks none.
func (f found) item(w Wanted, to target) (stored, clone tenantdata.Item) {
	if stored = f.ownerData[w.Key]; stored != nil {
		return stored, nil
	}
	stored = f.fromData[w.Key]
	if stored == nil && w.Carried != nil {
		stored = w.Carried.Item()
	}
	if stored == nil {
		return nil, nil
	}
	clone = maps.Clone(event.Sharded(stored))
	clone[event.AttrClonedFrom] = item.Text(to.from.ID)
	return stored, clone
}

// memory is for how long both cells' ledgers have surely remembered an event since it was accepted.
func (t target) memory() time.Duration {
	return min(ledger.Memory(t.from), ledger.Memory(t.owner))
}
