// Package move takes a tenant from one cell to another without losing an event, applying one twice, or refusing a writer.
//
// A move is a record in the control plane's table of moves, and a list of phases that a mover works off. Each phase is
// recorded before it acts, and may be carried out any number of times: a mover that dies anywhere is followed by another
// one, which starts the recorded phase again.
//
//	clone     copy what can no longer change, while the old cell still works
//	fence     raise the floors: the old cell diverts the tenant's events from here on, the new one takes only new ones
//	copy      copy the rest, and compare both sides
//	flip      point the mapping to the new cell, under a new epoch
//	redirect  send diverted events on to the new cell, until no router can still know the old one
//	verify    look at every event of the old cell once more, and compare both sides
//	forget    delete in the old cell what has been seen in the new one
//	done
//
// # What makes it safe
//
// Events are kept from being applied twice by each cell's ledger, which moves with the tenant, and from being applied in
// the wrong cell by the fence, which is a condition of every transaction that applies one (package ledger). A mover is
// kept from acting out of turn by the record: every write that it makes, in whatever table, is in one transaction with
// the condition that the record still has the phase and the run under which it acts. A mover that was frozen for an hour
// so finds its next write refused, and nothing of it done.
package move

import (
	"time"

	"cellular/internal/model/openwork"
)

// Phase is what a move is doing, or has come to.
type Phase string

// The phases, in their order. GiveBack takes the place of what is left when a move is backed out before its flip.
const (
	Clone    Phase = "clone"
	Fence    Phase = openwork.Fence
	Copy     Phase = openwork.Copy
	Flip     Phase = openwork.Flip
	Redirect Phase = "redirect"
	Verify   Phase = "verify"
	Forget   Phase = "forget"
	GiveBack Phase = openwork.GiveBack
	// Abandon takes the place of what is left when one of the cells is gone for good: see Mover.Abandon. Such a move ends as
	// BackedOut or as Done, with the cell that was abandoned in its record.
	Abandon Phase = openwork.Abandon

	Done      Phase = "done"       // the tenant is in its new cell, and the old one has forgotten it
	BackedOut Phase = "backed-out" // the tenant is in its old cell, and the new one has forgotten it
	Reversed  Phase = "reversed"   // backed out after the flip, by a move back under the next epoch
)

var order = []Phase{Clone, Fence, Copy, Flip, Redirect, Verify, Forget, Done}

// before reports whether p comes before q in a move that goes forward.
func (p Phase) before(q Phase) bool {
	for _, phase := range order {
		switch phase {
		case q:
			return false
		case p:
			return true
		}
	}
	return false
}

// Flipped reports whether the tenant is served by the move's new cell.
func (p Phase) Flipped() bool {
	//exhaustive:enforce
	switch p {
	case Redirect, Verify, Forget, Done, Reversed:
		return true
	case Clone, Fence, Copy, Flip, GiveBack, Abandon, BackedOut:
	}
	return false
}

// Owner is the cell that the tenant's mapping names.
func (m Move) Owner() string {
	switch {
	case m.Abandoned != "":
		return m.other(m.Abandoned)
	case m.Phase.Flipped():
		return m.To
	}
	return m.From
}

// Ended reports whether there is nothing left to do.
func (p Phase) Ended() bool { return p == Done || p == BackedOut || p == Reversed }

// known reports whether this version knows a phase.
func (p Phase) known() bool {
	switch p {
	case GiveBack, Abandon, BackedOut, Reversed, Done:
		return true
	default:
		return p.before(Done)
	}
}

// Move is one move of one tenant, as it is recorded.
type Move struct {
	TenantID string
	From, To string // cells
	Epoch    int64  // the epoch of the tenant's mapping once To owns it
	OldEpoch int64  // the epoch of the tenant's mapping when the move began
	// OldFloor is the floor of the tenant's fence in From when the move began. A move that is backed out before its flip
	// puts it back: until then From was the owner under every epoch since, and routers may still know any of them.
	OldFloor int64
	Phase    Phase
	// BackingOut says that this move takes a tenant back to where another move, under the epoch before, took it from.
	BackingOut bool

	// Abandoned is the cell that the move is ended without, or was; "" for a move that has both. The rest says since when
	// the other cell is the owner (zero before), under which epoch, in which phase the move was, and what was lost.
	Abandoned   string
	AbandonedAt time.Time
	HomeEpoch   int64
	AbandonedIn Phase
	Losses      []string

	// CopySince and OpenKeys are what clone leaves to copy: the events that were accepted since then, and so many others, whose keys
	// are recorded beside the move. Where CopySince is zero, copy looks at everything.
	CopySince time.Time
	OpenKeys  int

	StartedAt, UpdatedAt  time.Time
	FlippedAt, FinishedAt time.Time // zero before

	Phases []PhaseTime // those that are over, in their order
	Counts Counts

	// Run counts the movers that have worked on the move. Only the last one's writes take effect.
	Run int64
	// Holder is the mover at work, or the one that died at it: host:pid. Empty where the last one has let go.
	Holder string
}

// PhaseTime is how long a phase took, in all, over all movers that carried it out.
type PhaseTime struct {
	Phase     Phase         `json:"phase"`
	StartedAt time.Time     `json:"started_at"`
	Took      time.Duration `json:"took_ns"`
}

// Counts is what a move has done so far. A mover that dies may have done a page more than it counted.
type Counts struct {
	Events    int `json:"events"`    // copied
	Outcomes  int `json:"outcomes"`  // copied
	State     int `json:"state"`     // items of the business logic that were copied
	TakenOver int `json:"takenOver"` // events that the old cell had not applied when it was fenced, found by the mover
	Sent      int `json:"sent"`      // diverted events that were sent on to the new cell
	Conflicts int `json:"conflicts"` // events whose id the new cell has with other content; they are in the old cell's DLQ
	Forgotten int `json:"forgotten"` // items deleted in the cell that the tenant has left

	Expired    int `json:"expired"`    // events that were copied and not sent, since their outcome may have expired
	Unreadable int `json:"unreadable"` // items that are no events; they stay in the old cell

	// What both sides had, and was the same, when it was compared: at the end of copy the outcomes of applied events and
	// the items of the business logic, at the end of verify the events.
	SameOutcomes Comparison `json:"sameOutcomes"`
	SameState    Comparison `json:"sameState"`
	SameEvents   Comparison `json:"sameEvents"`
}

// Comparison is how many items both cells have of a tenant, and a digest of their content that does not depend on their
// order. A move does not go on from a comparison in which the two sides differ.
type Comparison struct {
	Items  int    `json:"items"`
	Digest string `json:"digest"` // SHA-256 sums, added up; hexadecimal
}
