package resend

import (
	"strings"

	"cellular/internal/model/event"
	"cellular/internal/operator/tenantdata"
)

// Verdict says what becomes of an event that is to be sent again.
type Verdict string

const (
	Due            Verdict = "due"             // it may be sent
	Sent           Verdict = "sent"            // it is in the queue of its tenant's cell
	AlreadyApplied Verdict = "already applied" // the ledger has it: nothing is to be done
	Gone           Verdict = "gone"            // no data table has its item, and nothing else its payload
	TooOld         Verdict = "too old"         // it may have been applied, and the ledger have forgotten it
	Unmapped       Verdict = "unmapped"        // its tenant has no cell any more
	CellLost       Verdict = "cell lost"       // the cell that its tenant is mapped to is not there
	Moving         Verdict = "moving"          // its tenant is leaving the cell: the move sends it on, or another try will
	Malformed      Verdict = "malformed"       // the item is not an event
	Refused        Verdict = "refused"         // SQS takes no message with this event
	Conflict       Verdict = "conflict"        // its tenant's cell has another event with the same id
	Dropped        Verdict = "dropped"         // an operator has given it up
	Expired        Verdict = "expired"         // its item has expired, and may be deleted and its id used again at any moment
	Superseded     Verdict = "superseded"      // its item had expired, and its id was used again
	Lapsed         Verdict = "lapsed"          // it is synthetic, and has expired: nobody waits for it
	Removed        Verdict = "removed"         // its tenant was removed, and another one has the name now
)

// Settled reports whether nothing is left to be done.
func (v Verdict) Settled() bool { return v == Sent || v == AlreadyApplied || v == Lapsed }

// NeedsOperator reports whether an event was not sent for a reason that no later try makes go away by itself.
func (v Verdict) NeedsOperator() bool {
	//exhaustive:enforce
	switch v {
	case Gone, TooOld, Unmapped, CellLost, Malformed, Refused, Conflict, Dropped, Expired, Superseded, Removed:
		return true
	case Due, Sent, AlreadyApplied, Lapsed, Moving:
	}
	return false
}

// Explain is what an operator is told of an event that was not sent.
func (v Verdict) Explain() string {
	//exhaustive:enforce
	switch v {
	case Due, Sent:
	case AlreadyApplied:
		return "applied before"
	case Lapsed:
		return "the event of a probe, and expired"
	case Gone:
		return "its item is in no data table"
	case TooOld:
		return "older than the ledger remembers: it may have been applied, and is never sent again"
	case Unmapped:
		return "its tenant is mapped to no cell"
	case CellLost:
		return "its tenant is mapped to a cell that is not there: 'cellctl tenants show TENANT' says what to do"
	case Moving:
		return "its tenant is being moved, or removed: try again once that is done"
	case Malformed:
		return "its item in the data table is not a valid event"
	case Refused:
		return "the queue refuses its message"
	case Conflict:
		return "its tenant's cell has another event with this id: drop this one, or have the client send it again under another id"
	case Dropped:
		return "it was dropped before: drop this message, too"
	case Expired:
		return "its data has expired: it is never sent again; drop its message, and have the client send the event again if it still matters"
	case Superseded:
		return "its data had expired, and its id was used again since: it is never sent again; drop its message"
	case Removed:
		return "its tenant was removed, and is another one now: it is never sent again"
	}
	return string(v)
}

// Wanted is an event that is to be sent again.
type Wanted struct {
	Key string // TENANT#EVENT
	// Carried is the event as a message had it, payload included: it stands in for an item that no data table has. Nil
	// if there is no such message, or the payload did not travel in it.
	Carried *event.Event
	// Accepted has the times of the acceptance that is wanted, AcceptedAt and ExpiresAt, where no message carries the event and they
	// are known all the same. An id may be used again once its event has expired.
	Accepted event.Event
}

// Assessed is one event with its verdict.
type Assessed struct {
	Verdict Verdict
	Event   event.Event // stamped with the epoch it is sent with; only where the verdict is, or was, Due
	Problem error       // what is wrong with the event, where the verdict is Malformed or Refused

	RemovedEpoch int64 // up to which tenants of the name were removed, where the verdict is Removed

	stored event.Event     // as the data table has it, or will have it by clone; where the verdict is, or was, Due
	clone  tenantdata.Item // what the owner's data table still lacks; nil for nothing
}

// Explain is what an operator is told of the event if it was not sent.
func (a Assessed) Explain() string {
	if a.Problem == nil {
		return a.Verdict.Explain()
	}
	return a.Verdict.Explain() + ": " + strings.ReplaceAll(a.Problem.Error(), "\n", "; ")
}
