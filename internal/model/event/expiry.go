package event

import "time"

// ClockMargin is how long before an acceptance's expiry a later acceptance of the same id may be stamped. The item of the
// earlier one is deleted at its expiry by DynamoDB's clock, or by that of a router which dies before it writes the later one.
// Another router writes it then, whose clock may be behind by some seconds, and it stamps a request when that begins, which is
// a function's timeout (28 s) before it ends at most.
const ClockMargin = time.Minute

// Expiry returns when an event expires that was accepted at a time and is kept for ttl. It rounds up to whole seconds, which is
// what DynamoDB's TTL counts in.
func Expiry(acceptedAt time.Time, ttl time.Duration) time.Time {
	at := acceptedAt.Add(ttl)
	if whole := at.Truncate(time.Second); whole.Before(at) {
		return whole.Add(time.Second).UTC()
	}
	return at.UTC()
}

// Expired reports whether an event's item is as good as deleted, whether the table has it still or not.
func (e Event) Expired(now time.Time) bool {
	return !e.ExpiresAt.IsZero() && !now.Before(e.ExpiresAt)
}

// After reports whether an event is a later acceptance of its id than another event: one that was made after the other had
// expired. The stamps decide, and no clock is read. During a move one event may be accepted in both cells, at different times:
// that is one acceptance, and neither is after the other.
func (e Event) After(other Event) bool { return e.Follows(other.ExpiresAt) }

// Follows reports whether an event was accepted after an acceptance of its id that expires at a time; a zero time never comes.
func (e Event) Follows(expiry time.Time) bool {
	return !expiry.IsZero() && !e.AcceptedAt.Before(expiry.Add(-ClockMargin))
}
