package restore

import (
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// clockSlack is how far the clock of whoever removed a tenant may be from the one by which AWS restores tables. AWS refuses
// requests that are signed with a time more than five minutes off, from "Troubleshoot Signature Version 4 signing".
const clockSlack = 5 * time.Minute

// life says which items of a tenant belong to the life that the tenant has now, and which ones to a life that was removed.
type life struct {
	first  int64     // the lowest epoch that the life of now may have; 1 for a tenant that was never removed
	goneBy time.Time // no cell held anything of a removed life any more; zero where that is not known
	revive bool      // what belongs to a removed life comes back too
}

// lifeOf finds out from what is known of a tenant: its record, and the fence of the cell at the time and now, which may be
// nil. The fences count where the record was lost.
func lifeOf(record residence.Record, before, after *ledger.Fence) life {
	l := life{first: 1}
	if record.RemovedEpoch > 0 {
		l.first = record.RemovedEpoch + 1
	}
	known := l.first
	for _, f := range []*ledger.Fence{before, after} {
		if f != nil {
			l.first = max(l.first, f.RemovedBelow)
		}
	}
	if l.first == known {
		l.goneBy = record.GoneBy()
	}
	return l
}

// judge says why an item does not come back; "" if it does. An item of the business logic has no epoch: it belongs to the
// life of now if the tables of the time held nothing else.
func (l life) judge(f candidate, at time.Time) Reason {
	switch {
	case l.first == 1 || l.revive:
		return ""
	case f.epoch >= l.first:
		return ""
	case f.epoch > 0 || at.Before(l.goneBy):
		return OfRemoved
	case l.goneBy.IsZero() || at.Before(l.goneBy.Add(clockSlack)):
		return MaybeRemoved
	}
	return ""
}

// floor is the lowest epoch of the life of now whose events a cell applied, as far as its fence says. A cell that a removed
// life left, or was removed from, is as good as new.
func (l life) floor(f *ledger.Fence) int64 {
	if f == nil {
		return l.first
	}
	return max(l.first, f.Floor)
}

// leaving reports whether a cell had lost the tenant of the life of now, or was about to.
func (l life) leaving(f *ledger.Fence) bool {
	return f != nil && (f.State == ledger.Outgoing || f.State == ledger.Left) && f.Floor > l.first
}

// sameStay reports whether a cell has owned a tenant from then on: its fence has the floor that it had, and it was not
// about to lose the tenant. A cell without a fence owns whoever is mapped to it, from the first epoch on. Where the fence
// of now is gone, lost with the rest, the epoch of the mapping is used as its floor: that of the last owner's first event.
func (l life) sameStay(then, now *ledger.Fence, epoch int64) bool {
	floorNow := epoch
	if now != nil {
		floorNow = l.floor(now)
	}
	return !l.leaving(then) && l.floor(then) == floorNow
}

// under is an item of a removed life as it comes back: with an epoch of the life of now. That nobody has it for an event
// of a removed tenant is what makes it readable, and a replay apply it.
func (f candidate) under(epoch int64) candidate {
	stamped := make(tenantdata.Item, len(f.item))
	for name, v := range f.item {
		stamped[name] = v
	}
	stamped[event.AttrEpoch] = item.Number(epoch)
	f.item, f.epoch = stamped, epoch
	return f
}
