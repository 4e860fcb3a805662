package ledger

// Status is what a reader is told of an event. Diverted is for the system alone.
type Status string

const (
	Accepted  Status = "accepted"  // durable in its cell, not yet applied: no outcome says so, there is none
	Processed Status = "processed" // applied, once
	Failed    Status = "failed"    // given up on, and in a DLQ of its cell
	Diverted  Status = "diverted"  // not applied here, because its tenant has left the cell: it is sent on to the new one
)

// Known reports whether this version knows a status.
func (s Status) Known() bool {
	switch s {
	case Accepted, Processed, Failed, Diverted:
		return true
	}
	return false
}

// The reasons of failures that operations on the control plane write. What the consumer gives up on has reasons of its own.
const (
	ReasonConflict = "conflict" // the tenant's cell has another event with the same id; this one waits in a DLQ for an operator
	ReasonDropped  = "dropped"  // an operator has given the event up: it is not sent again
)
