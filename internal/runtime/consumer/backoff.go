package consumer

import (
	"time"

	"cellular/internal/model/config"
)

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

// visibilitySeconds rounds up to whole seconds, which is what SQS counts in.
func visibilitySeconds(d time.Duration) int32 {
	return int32((min(d, config.MaxRetryBackoff) + time.Second - 1) / time.Second)
}
