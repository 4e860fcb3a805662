package ledger

import (
	"time"

	"cellular/internal/model/event"
)

// An event's id may be used again once its item has expired, so that an outcome is of one acceptance of the id. That of an earlier
// one settles nothing of a later one, and a message of an earlier one that comes late writes over nothing of a later one. Which
// is which, the stamps say alone: see event.Event.Follows.

// Before reports whether an outcome is of an earlier acceptance than an event, and so says nothing about it. An outcome without a
// recorded expiry, as the version before writes it, never is.
func (o Outcome) Before(e event.Event) bool { return e.Follows(o.EventExpiresAt) }

// After reports whether an outcome is of a later acceptance than an event, which is then a late delivery.
func (o Outcome) After(e event.Event) bool {
	return event.Event{AcceptedAt: o.AcceptedAt}.Follows(e.ExpiresAt)
}

// Ended reports whether the acceptance that an outcome is of may have ended by now, so that there may be a later one. It may report
// true up to event.ClockMargin early, so that whoever's clock is behind does not miss the later one.
func (o Outcome) Ended(now time.Time) bool {
	return event.Event{AcceptedAt: now}.Follows(o.EventExpiresAt)
}

// unlessLater returns the condition of a write of an outcome, given the condition as it is among the outcomes of one acceptance
// ("" for one that never holds).
// Over an outcome of an earlier acceptance it always holds, and over that of a later one never. It adds what it names to names
// and values. The conditions are those of Before and After.
func (o Outcome) unlessLater(among string, names map[string]string, values Item) string {
	if among != "" && !o.EventExpiresAt.IsZero() {
		among = "(attribute_not_exists(#accepted) OR #accepted < :ended) AND (" + among + ")"
		names["#accepted"] = event.AttrAcceptedAt
		values[":ended"] = text(event.FormatTime(o.EventExpiresAt.Add(-event.ClockMargin)))
	}
	condition := "attribute_not_exists(#key)"
	if !o.AcceptedAt.IsZero() {
		condition += " OR #eventExpires <= :begun"
		names["#eventExpires"] = AttrEventExpiresAt
		values[":begun"] = number(o.AcceptedAt.Add(event.ClockMargin).Unix())
	}
	if among != "" {
		condition += " OR (" + among + ")"
	}
	return condition
}
