package cloudtest

import (
	"fmt"
	"testing"
	"time"
)

const (
	tick    = 50 * time.Millisecond // between two looks that take no longer
	report  = time.Minute
	atMost  = 2000        // characters of what was seen, in a failure
	leftFor = time.Minute // of a test binary's time: to say what was awaited, and to take clouds down
)

// patience is how long something may be awaited: until little is left of the time that the test binary has.
func patience(deadline time.Time) time.Time {
	return deadline.Add(-min(leftFor, time.Until(deadline)/10))
}

// Await polls until the condition holds, and returns what it saw then. How long that takes is no concern of a test: it gives
// up when the test's own time is almost over, and says what it saw last.
func Await[T any](t *testing.T, what string, look func() (seen T, ok bool)) T {
	t.Helper()
	var late <-chan time.Time
	if deadline, ok := t.Deadline(); ok {
		late = time.After(time.Until(patience(deadline)))
	}
	waits := time.NewTicker(report)
	defer waits.Stop()
	for {
		began := time.Now()
		seen, ok := look()
		if ok {
			return seen
		}
		pause := time.After(min(max(tick, time.Since(began)), time.Second)) // a look that is dear is taken less often
		for waiting := true; waiting; {
			select {
			case <-late:
				t.Fatalf("until the test's deadline, not: %s; last seen: %.*s", what, atMost, fmt.Sprintf("%+v", seen))
			case <-t.Context().Done():
				t.Fatalf("%s: %v", what, t.Context().Err())
			case <-waits.C:
				t.Logf("awaited: %s; last seen: %.*s", what, atMost, fmt.Sprintf("%+v", seen))
			case <-pause:
				waiting = false
			}
		}
	}
}
