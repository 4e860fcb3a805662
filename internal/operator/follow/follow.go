// Package follow finds what is known of one event, and lists a tenant's latest events. It changes nothing, and takes no message out of a
// queue: what it says of an event is what the tables of the tenant's cells have of it.
//
// An event is looked for in its tenant's cell, in the other cell of a move that the tenant is in or was in last, as long as both cells
// name each other, and in the cell that its item was copied from: three cells at most, whatever the tenant's history.
package follow

import (
	"context"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/tenantdata"
)

// Tables is the part of DynamoDB that is needed.
type Tables interface {
	tenantdata.DynamoDB
	ledger.Getter
}

// Mappings tells where a tenant is, without a cache. Its error is mapping.ErrUnknownTenant for one that has no cell.
type Mappings interface {
	Get(ctx context.Context, tenantID string) (mapping.Mapping, error)
}

// Finder finds events. All of it is required.
type Finder struct {
	Tables   Tables
	Mappings Mappings
	Cells    func(ctx context.Context, id string) (manifest.Cell, error) // its error is fleet.ErrUnknownCell for one that is not there
	Now      func() time.Time
}

// Trail is what is known of one event.
type Trail struct {
	TenantID, EventID string
	Mapping           mapping.Mapping
	Copies            []Copy // the one of the tenant's cell first
	At                time.Time
}

// Copy is what one cell has of an event. What has expired is here for as long as the tables have it, except for an expired outcome, which
// nobody goes by.
type Copy struct {
	CellID string
	Lost   bool // the cell is not there; nothing else is known then

	Event      *event.Event    // as the data table has it; nil where it has none, or one that cannot be read
	Malformed  error           // why the item of the data table cannot be read
	ClonedFrom string          // the cell that the item was copied from; "" for the one that accepted the event
	Outcome    *ledger.Outcome // nil where the results table has none
	Attempts   ledger.Attempts // those that failed, as far as they are kept; zero where none is
	Fence      *ledger.Fence   // of the tenant; nil where the cell has none, or one that cannot be read
}

// Status says where an event is on its way.
type Status string

// The statuses of events. None is that of one which no cell has anything of.
const (
	None       Status = ""
	Accepted          = Status(ledger.Accepted)  // on its way, or lost on it
	Processed         = Status(ledger.Processed) // applied
	Failed            = Status(ledger.Failed)    // given up on
	Diverted          = Status(ledger.Diverted)  // not applied where it was received, because its tenant has left: it waits there to be sent on
	Expired    Status = "expired"                // its data has expired, and it was never applied: nobody can apply it any more
	Unreadable Status = "unreadable"             // its item is no event that this version reads
)

// Statuses returns all statuses that an event can have.
func Statuses() []Status { return []Status{Accepted, Processed, Failed, Diverted, Expired, Unreadable} }

// Standing is what the copies of an event say together.
type Standing struct {
	Status  Status
	Copy    *Copy          // the one that says it; nil for None
	Event   event.Event    // what is known of the acceptance: the zero event where nothing is
	Outcome ledger.Outcome // that settled the event, or that diverted it; zero otherwise
	Trying  bool           // an attempt is under way, the event's last unless it succeeds
}

// Standing judges an event by its copies. An id may be accepted again once its event has expired: what is told is the latest acceptance,
// and what a cell has of earlier ones says nothing about it.
func (t Trail) Standing() Standing { return standing(t.Copies, t.At) }

func standing(copies []Copy, now time.Time) Standing {
	of := latest(copies)
	s := Standing{Event: of}
	is := func(status Status, c *Copy) Standing {
		s.Status, s.Copy = status, c
		if c.Outcome != nil && (status == Processed || status == Failed || status == Diverted) {
			s.Outcome = *c.Outcome
		}
		return s
	}
	copies = current(copies, of)
	for i := range copies {
		if c := &copies[i]; c.Outcome != nil && c.Outcome.Settled(now) {
			return is(Status(c.Outcome.Status), c)
		}
	}
	for i := range copies {
		if c := &copies[i]; c.Outcome != nil {
			s.Trying = s.Trying || c.Outcome.UnderWay(now)
			if c.Outcome.Waits() {
				return is(Diverted, c)
			}
		}
	}
	for _, found := range []struct {
		status Status
		has    func(*Copy) bool
	}{
		{Accepted, func(c *Copy) bool { return c.Event != nil && !c.Event.Expired(now) }},
		{Unreadable, func(c *Copy) bool { return c.Malformed != nil }},
		{Failed, func(c *Copy) bool { return c.Outcome != nil && c.Outcome.Status == ledger.Failed }}, // written ahead, and all that is known
		{Expired, func(c *Copy) bool { return c.Event != nil }},
		{Diverted, func(c *Copy) bool { return c.Outcome != nil && c.Outcome.Status == ledger.Diverted }},
		{Accepted, func(c *Copy) bool { return c.Outcome != nil }}, // of a later version
	} {
		for i := range copies {
			if c := &copies[i]; found.has(c) {
				return is(found.status, c)
			}
		}
	}
	return Standing{}
}

// latest returns what is known of the latest acceptance that copies are of: from an item where there is one, and otherwise from an outcome.
func latest(copies []Copy) event.Event {
	var of event.Event
	known := false
	take := func(e event.Event) {
		if !known || e.After(of) {
			of, known = e, true
		}
	}
	for _, c := range copies {
		if c.Event != nil {
			take(*c.Event)
		}
	}
	for _, c := range copies {
		if o := c.Outcome; o != nil {
			take(event.Event{
				TenantID: o.TenantID, ID: o.EventID, Type: o.Type, Epoch: o.Epoch, AcceptedAt: o.AcceptedAt, ExpiresAt: o.EventExpiresAt,
				CorrelationID: o.CorrelationID,
			})
		}
	}
	return of
}

// current returns copies without what is of earlier acceptances than an event.
func current(copies []Copy, of event.Event) []Copy {
	var kept []Copy
	for _, c := range copies {
		if c.Event != nil && of.After(*c.Event) {
			c.Event = nil
		}
		if c.Outcome != nil && c.Outcome.Before(of) {
			c.Outcome = nil
		}
		if !c.Attempts.Of(of) {
			c.Attempts = ledger.Attempts{}
		}
		kept = append(kept, c)
	}
	return kept
}

// FailedIn returns the cell in whose DLQs the message of a failed event is.
func (s Standing) FailedIn() string { return s.Copy.failedIn() }

// failedIn is the cell that gave an event up. A move takes the outcome along and leaves the message: an event that failed under an epoch
// which the cell does not apply has failed in the cell that its item was copied from.
func (c Copy) failedIn() string {
	if c.Fence != nil && c.Outcome.Epoch > 0 && c.Outcome.Epoch < c.Fence.Floor && c.ClonedFrom != "" {
		return c.ClonedFrom
	}
	return c.CellID
}
