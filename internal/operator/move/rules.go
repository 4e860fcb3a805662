package move

import (
	"fmt"
	"slices"
	"time"

	"cellular/internal/model/openwork"
)

// MayBackOut returns why an open move cannot be backed out, whatever its cells have: ErrTooLate, ErrBackingOut or
// ErrAbandoning. It has one way then, which Run takes.
func (m Move) MayBackOut() error {
	switch {
	case m.Phase == Abandon:
		return fmt.Errorf("%w, %s: carry it on", ErrAbandoning, m.Abandoned)
	case m.BackingOut, m.Phase == GiveBack:
		return fmt.Errorf("%w already: carry it on", ErrBackingOut)
	case m.Phase == Forget:
		return fmt.Errorf("%w: carry the move on, then move it back", ErrTooLate)
	}
	return nil
}

// AtWork reports whether a process seems to be at work on a move; gone is as in Options.
func (m Move) AtWork(now time.Time, gone func(holder string) bool) bool {
	return openwork.AtWork(m.Holder, now.Sub(m.UpdatedAt), gone)
}

// Stalled reports whether nobody is at work on a move in a phase in which no cell applies all of the tenant's events.
func (m Move) Stalled(now time.Time, gone func(holder string) bool) bool {
	return openwork.Halting(string(m.Phase)) && !m.AtWork(now, gone)
}

// RedirectEnds is when no router knows any more the cell that a move takes the tenant from, or is ended without; zero before
// another cell serves the tenant.
func (m Move) RedirectEnds(quarantine time.Duration) time.Time {
	since := m.FlippedAt
	if m.Phase == Abandon && !m.AbandonedAt.IsZero() {
		since = m.AbandonedAt
	}
	if since.IsZero() {
		return time.Time{}
	}
	return since.Add(quarantine)
}

// FinishableAt is when all of the moves can be finished that are not over: the last of their RedirectEnds.
func FinishableAt(moves []Move, quarantine time.Duration) time.Time {
	var last time.Time
	for _, m := range moves {
		if ends := m.RedirectEnds(quarantine); !m.Phase.Ended() && ends.After(last) {
			last = ends
		}
	}
	return last
}

// Into returns those of the open moves that may bring a tenant into a cell. A move that is backed out before its flip leaves
// the tenant where it is, and so does one that is ended without the cell.
func Into(open []Move, cellID string) []Move {
	var into []Move
	for _, m := range open {
		if m.To == cellID && m.Phase != GiveBack && m.Abandoned != cellID {
			into = append(into, m)
		}
	}
	return into
}

// Latest returns the move that says most about where a tenant is: the open one, or else the last. moves has the newest
// first, and at least one.
func Latest(moves []Move) Move {
	if i := slices.IndexFunc(moves, func(m Move) bool { return !m.Phase.Ended() }); i >= 0 {
		return moves[i]
	}
	return moves[0]
}
