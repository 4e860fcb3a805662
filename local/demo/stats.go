package demo

import (
	"slices"
	"time"
)

// percentile is the smallest duration that at least p percent of ds do not exceed (nearest rank); 0 if there are none.
func percentile(ds []time.Duration, p int) time.Duration {
	if len(ds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ds))
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
