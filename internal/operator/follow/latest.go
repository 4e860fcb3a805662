package follow

import (
	"context"
	"errors"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// Filter says which of a tenant's events are listed.
type Filter struct {
	Since, Until time.Time // when they were accepted, both included
	Status       Status    // None for any
	Limit        int       // how many are listed at most
}

// LooksPerEvent is how many events are looked at for each that may be listed, where only those of one status are asked for: a tenant has
// millions of events, and perhaps no failed one.
const LooksPerEvent = 20

// Listed is one of a tenant's events.
type Listed struct {
	Key        string
	AcceptedAt time.Time
	Standing
}

// List is the latest of a tenant's events.
type List struct {
	Events []Listed // the newest first

	Looked int       // how many events were looked at
	More   bool      // there are, or may be, older ones within the filter that were not looked at
	Oldest time.Time // when the oldest that was looked at was accepted; zero where none was
	Next   time.Time // when the first that was not looked at was accepted, where there are more: Until of who goes on
}

// Latest lists the latest of a tenant's events that match, in its cell and, while it is moved, in the other one. What it costs depends on
// the limit, and not on how many events the tenant has: it gives up after having looked at LooksPerEvent times as many.
//
// An event that was accepted a moment ago may be missing: the indexes lag by a second or so. Its error wraps mapping.ErrUnknownTenant
// for a tenant that has no cell, and fleet.ErrUnknownCell where its cell is not there.
func (f Finder) Latest(ctx context.Context, tenantID string, want Filter) (List, error) {
	cells, err := f.cells(ctx, tenantID)
	if err != nil {
		return List{}, err
	}
	var tables []string
	for _, cell := range cells {
		tables = append(tables, cell.DataTable)
	}
	most := want.Limit
	if want.Status != None {
		most *= LooksPerEvent
	}
	l := List{Events: []Listed{}}
	seen := map[string]bool{}
	page := min(want.Limit, tenantdata.PageSize)
	err = tenantdata.LatestEvents(ctx, f.Tables, tables, tenantID, want.Since, want.Until, page, func(found []tenantdata.Listed) error {
		var fresh []tenantdata.Listed
		for _, one := range found {
			if !seen[one.Key] {
				fresh, seen[one.Key] = append(fresh, one), true
			}
		}
		standings, err := f.standings(ctx, cells, fresh)
		if err != nil {
			return err
		}
		for _, one := range fresh {
			s, ok := standings[one.Key]
			switch {
			case len(l.Events) == want.Limit || l.Looked == most:
				l.More, l.Next = true, one.AcceptedAt
				return errEnough
			case !ok: // deleted, and the index is behind
				continue
			}
			l.Looked++
			l.Oldest = one.AcceptedAt
			if want.Status == None || s.Status == want.Status {
				l.Events = append(l.Events, Listed{one.Key, one.AcceptedAt, s})
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return List{}, err
	}
	return l, nil
}

// errEnough ends a listing early.
var errEnough = errors.New("enough")

// standings judges events by what the cells have of them, by key. It has no entry for one that no cell has anything of. The data, with its
// payload, is read of those only that no outcome settles.
func (f Finder) standings(ctx context.Context, cells []manifest.Cell, listed []tenantdata.Listed) (map[string]Standing, error) {
	now := f.Now()
	var keys []string
	for _, one := range listed {
		keys = append(keys, one.Key)
	}
	copies := map[string][]Copy{}
	var open []string
	outcomes := make([]map[string]tenantdata.Item, len(cells))
	for i, cell := range cells {
		var err error
		if outcomes[i], err = tenantdata.Read(ctx, f.Tables, cell.ResultsTable, keys); err != nil {
			return nil, err
		}
	}
	for _, key := range keys {
		settled := false
		for i, cell := range cells {
			c := Copy{CellID: cell.ID}
			c.readOutcome(outcomes[i][key], now)
			copies[key] = append(copies[key], c)
			settled = settled || c.Outcome != nil && c.Outcome.Settled(now) && !c.Outcome.Ended(now)
		}
		if !settled {
			open = append(open, key)
		}
	}
	for i, cell := range cells {
		data, err := tenantdata.Read(ctx, f.Tables, cell.DataTable, open)
		if err != nil {
			return nil, err
		}
		for key, stored := range data {
			copies[key][i].readEvent(stored)
		}
	}
	found := map[string]Standing{}
	for key, of := range copies {
		if s := standing(of, now); s.Status != None {
			s.Event.TenantID, s.Event.ID, _ = event.ParseKey(key)
			found[key] = s
		}
	}
	return found, nil
}
