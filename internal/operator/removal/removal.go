// Package removal takes a tenant out of the deployment, with all that its cells hold of it, so that nothing of it reaches
// a later tenant of the same name, and nothing of a tenant that was not removed is lost.
//
// A removal is a record in the control plane's table of moves, and a list of phases that a remover works off. Each phase
// is recorded before it acts, and may be carried out any number of times: a remover that dies anywhere is followed by
// another one, which starts the recorded phase again.
//
//	seal     wait for nothing: refuse while an event is neither processed nor given up on, then raise the fence
//	keep     write a copy of what the cells hold, or have it given up
//	delete   fence every cell that knows the tenant against its events, and delete what the cells hold
//	letters  delete the tenant's dead letters
//	done     the mapping is gone
//
// # What makes it safe
//
// The first transaction marks the mapping, on the condition that the tenant is suspended, and has been since before any
// router could still use an older mapping. From then on nothing but the removal changes the mapping: no event is accepted
// any more, and none can be until the tenant is placed again. Every write of a remover is in one transaction with the
// condition that the record has the phase and the run under which the remover acts (package record), and every deletion
// has the mark as a condition besides.
//
// Up to keep, a removal can be called off: what the fence has kept out meanwhile is sent again. With delete it has to be
// carried to its end.
//
// A removal takes an epoch of its own, above all that the tenant ever had. It is the tombstone, which the tenant's record
// (package residence) keeps forever: a later tenant of the name starts above it, so that fences, the dead letter commands
// and the consumer can tell the two apart.
package removal

import (
	"time"

	"cellular/internal/model/openwork"
)

// Phase is what a removal is doing, or has come to.
type Phase string

// The phases, in their order. GiveBack takes the place of what is left when a removal is called off.
const (
	Seal     Phase = "seal"
	Keep     Phase = "keep"
	Delete   Phase = "delete"
	Letters  Phase = "letters"
	GiveBack Phase = openwork.GiveBack

	Done      Phase = "done"
	CalledOff Phase = "called-off"
)

// Ended reports whether there is nothing left to do.
func (p Phase) Ended() bool { return p == Done || p == CalledOff }

// Deleting reports whether something may have been deleted: the removal can only be carried to its end.
func (p Phase) Deleting() bool { return p == Delete || p == Letters || p == Done }

// known reports whether this version knows a phase.
func (p Phase) known() bool {
	switch p {
	case Seal, Keep, Delete, Letters, GiveBack, Done, CalledOff:
		return true
	}
	return false
}

// Removal is one removal of one tenant, as it is recorded.
type Removal struct {
	TenantID string
	CellID   string // where the tenant is mapped
	Epoch    int64  // the removal's own: the tenant had lower ones, and a later tenant of its name has higher ones
	OldEpoch int64  // the epoch of the tenant's mapping
	OldFloor int64  // the floor of the tenant's fence in the cell when the removal began; it is put back by calling it off
	Phase    Phase
	GiveUp   bool // what the cells hold may be deleted without a copy

	// SuspendedAt is when the mapping was last changed before the removal marked it. It stays so unless a program that knows
	// no mark changes the tenant. It is zero in the record of a version that did not keep it.
	SuspendedAt time.Time

	StartedAt, UpdatedAt time.Time
	FinishedAt           time.Time // zero before

	Counts Counts

	// Run counts the removers that have worked on the removal. Only the last one's writes take effect.
	Run int64
	// Holder is the remover at work, or the one that died at it: host:pid. Empty where the last one has let go.
	Holder string
}

// Counts is what a removal has deleted so far, by cell. A remover that dies may have deleted a page more than it counted.
type Counts map[string]CellCounts

// CellCounts is what was deleted in one cell.
type CellCounts struct {
	Events   int            `json:"events"`
	Outcomes int            `json:"outcomes"`
	State    int            `json:"state"`             // items of the business logic
	Letters  map[string]int `json:"letters,omitempty"` // by the kind of the DLQ
}
