package follow

import (
	"slices"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// What is what happened to an event at a step of its way.
type What string

// What a step is.
const (
	WasAccepted What = "accepted"
	HasFailed   What = "attempt failed"
	WasDiverted What = "diverted"
	WasApplied  What = "applied"
	WasGivenUp  What = "given up"
	WasDropped  What = "dropped"
	HasExpired  What = "expired"
)

// Step is something that happened to an event, and of which the time is known.
type Step struct {
	At         time.Time
	CellID     string
	What       What
	Receive    int    // how often the message had been received by then, where an attempt failed
	Reason     string // class of a failure
	ReasonText string // what the failure said
	RequestID  string // of the invocation in which an attempt failed
}

// Steps returns what happened to the event, in the order of time. When it was published is in no table.
func (t Trail) Steps() []Step {
	of := latest(t.Copies)
	copies := current(t.Copies, of)
	var steps []Step
	if !of.AcceptedAt.IsZero() {
		steps = append(steps, Step{At: of.AcceptedAt, CellID: acceptedIn(copies), What: WasAccepted})
	}
	for _, c := range copies {
		for _, a := range c.Attempts.Latest {
			steps = append(steps, Step{a.At, c.CellID, HasFailed, a.ReceiveCount, a.Reason, a.ReasonText, a.RequestID})
		}
	}
	for _, c := range copies {
		// A move copies an outcome as it is.
		if s, ok := c.settled(t.At); ok && !slices.ContainsFunc(steps, func(other Step) bool { return other.What == s.What && other.At.Equal(s.At) }) {
			steps = append(steps, s)
		}
	}
	if s := standing(t.Copies, t.At); s.Status == Expired {
		steps = append(steps, Step{At: of.ExpiresAt, CellID: s.Copy.CellID, What: HasExpired})
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return a.At.Compare(b.At) })
	return afterItsAttempt(steps)
}

// noting is how long after it has given an event up the consumer may note the attempt that it gave it up for: the two are written one
// after the other, and each is given a second.
const noting = time.Second

// afterItsAttempt puts the step at which an event was given up behind the attempt that it was given up for.
func afterItsAttempt(steps []Step) []Step {
	for i := range len(steps) - 1 {
		up, attempt := steps[i], steps[i+1]
		if up.What == WasGivenUp && attempt.What == HasFailed && attempt.Reason == up.Reason && attempt.At.Sub(up.At) <= noting {
			steps[i], steps[i+1] = attempt, up
			break
		}
	}
	return steps
}

// settled is the step that an outcome is of. One that was written ahead of an attempt, which is under way, is none.
func (c Copy) settled(now time.Time) (Step, bool) {
	if c.Outcome == nil || c.Outcome.UnderWay(now) || c.Outcome.AppliedAt.IsZero() {
		return Step{}, false
	}
	o := *c.Outcome
	s := Step{At: o.AppliedAt, CellID: c.CellID, Reason: o.Reason, ReasonText: o.ReasonText}
	switch {
	case o.Status == ledger.Processed:
		s.What = WasApplied
	case o.Status == ledger.Failed && o.Reason == ledger.ReasonDropped:
		s.What = WasDropped
	case o.Status == ledger.Failed:
		s.What = WasGivenUp
		s.CellID = c.failedIn()
	case o.Status == ledger.Diverted:
		s.What = WasDiverted
	default:
		return Step{}, false // of a later version
	}
	return s, true
}

// acceptedIn is the cell that accepted the event, as far as the copies tell; "" where they do not.
func acceptedIn(copies []Copy) string {
	from := ""
	for _, c := range copies {
		switch {
		case c.Event == nil:
		case c.ClonedFrom == "":
			return c.CellID
		case from == "":
			from = c.ClonedFrom
		}
	}
	return from
}

// Failures returns how many attempts have failed, those included of which no more is kept. The one for which the event was given up
// may have an outcome alone.
func (t Trail) Failures() int {
	copies := current(t.Copies, latest(t.Copies))
	n, givenUp := int64(0), ""
	for _, c := range copies {
		n += c.Attempts.Failures
		if s, ok := c.settled(t.At); ok && s.What == WasGivenUp {
			givenUp = s.Reason
		}
	}
	noted := slices.ContainsFunc(copies, func(c Copy) bool {
		latest := c.Attempts.Latest
		return len(latest) > 0 && latest[len(latest)-1].Reason == givenUp
	})
	if givenUp != "" && !noted {
		n++
	}
	return int(n)
}

// Received reports whether the consumer is known to have received the event: it was published then.
func (t Trail) Received() bool {
	return slices.ContainsFunc(current(t.Copies, latest(t.Copies)), func(c Copy) bool {
		return c.Attempts.Failures > 0 || c.Outcome != nil && c.Outcome.Reason != ledger.ReasonDropped
	})
}

// Key is the event's key in the tables.
func (t Trail) Key() string { return event.Key(t.TenantID, t.EventID) }
