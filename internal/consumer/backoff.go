package consumer

import "time"

// backoff is the delay after the nth receive of a message failed: base, doubled for each receive before, at most limit.
func backoff(base, limit time.Duration, receives int) time.Duration {
	d := base
	for range receives - 1 {
		if d >= limit/2 {
			return limit
		}
		d *= 2
	}
	return min(d, limit)
}

// maxVisibility is the longest that a failed message is hidden for. SQS refuses what would hide it for more than 12 h since
// it was received (ChangeMessageVisibility), and the consumer does not know when that was: at most a visibility timeout
// ago, which is six times Lambda's longest timeout of 15 min and a batch window of 5 min, and its own 15 min.
const maxVisibility = 12*time.Hour - 2*time.Hour

// visibilitySeconds rounds up to whole seconds, which is what SQS counts in.
func visibilitySeconds(d time.Duration) int32 {
	return int32((min(d, maxVisibility) + time.Second - 1) / time.Second)
}
