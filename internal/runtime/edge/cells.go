package edge

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// Cells is the way into the cells: all that the router ever asks of one. A call ends soon after its context does.
type Cells interface {
	// Write stores an event in a cell. Where the cell already has an event of that tenant and id, Write changes
	// nothing and returns the one that is there; otherwise it returns nil. One that had expired when e was accepted is none.
	Write(ctx context.Context, cellID string, e event.Event) (existing *event.Event, err error)

	// Read tells what a cell knows of an event, in at most two reads. It is a zero Record where the cell has none.
	Read(ctx context.Context, cellID, tenantID, eventID string) (Record, error)

	// Peer tells where else a tenant's events may be found, in one read: the other cell of a move that the cell has a
	// part in. It is "" where there is none.
	Peer(ctx context.Context, cellID, tenantID string) (string, error)
}

// ErrMalformed is the error for an item in a cell that cannot be read. The cell answered: trying again does not help.
var ErrMalformed = errors.New("malformed item")

// hotKeysRetryAfter is when a client whose keys are hot may come back: DynamoDB counts what a range of keys takes by the
// second.
const hotKeysRetryAfter = time.Second

// cellFailure is the answer to a request whose call into a cell failed. Whatever the reason, a timeout, throttling, a
// table that is not there or does not let the router in, the client can do one thing: come back. Where its keys are hot it is
// to send less, too.
func cellFailure(err error, detail string) error {
	var answer *problem
	if errors.Is(err, ErrMalformed) || errors.As(err, &answer) {
		return err
	}
	if metHotKeys(err) {
		p := tooManyRequests.problem("There are more requests for what this one is about than the cell takes at once. %s", detail).because(err)
		p.retryAfter = hotKeysRetryAfter
		return p
	}
	return unavailable.problem("%s", detail).because(err)
}

// Record is what a cell tells of an event.
type Record struct {
	Type       string
	Status     ledger.Status   // "" where the cell does not have the event
	AcceptedAt string          // event.TimeLayout; where the status is accepted, and mostly where it is diverted
	AppliedAt  string          // event.TimeLayout; where the status is processed or failed
	Result     json.RawMessage // what the business logic answered, if anything; where the status is processed
	Reason     string          // a reason class; where the status is failed

	acceptance acceptance // that the record is about
	// ended says that the acceptance may have ended, and that the cell has no later one.
	ended bool
}

// acceptance is the stamps of an acceptance. Either may be zero: see ledger.Outcome.
type acceptance struct{ at, expires time.Time }

// after reports whether a record is about a later acceptance of its id than another one.
func (r Record) after(other Record) bool {
	return event.Event{AcceptedAt: r.acceptance.at}.Follows(other.acceptance.expires)
}

// conclusive reports whether the cell can answer for the event by itself.
func (r Record) conclusive() bool { return r.Status != "" && r.Status != ledger.Diverted && !r.ended }

// answers reports whether the record is an answer where the cell's peer gives none.
func (r Record) answers() bool { return r.Status != "" && !r.ended }

// goesBefore reports whether what a cell knows of an event is the answer, and not what its peer does. An outcome whose acceptance has
// ended gives way to a later acceptance alone, and an event to anything but what became of an earlier one.
func (r Record) goesBefore(peers Record) bool {
	return peers.Status == "" || r.ended && !peers.after(r) || r.after(peers)
}

// public is the record as a client reads it. That an event waits to be sent on is nobody's business but the system's.
func (r Record) public() Record {
	if r.Status == ledger.Diverted {
		r.Status = ledger.Accepted
	}
	return r
}
