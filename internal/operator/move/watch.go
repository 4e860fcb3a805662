package move

import "time"

// othersPatience is how long a process waits for another one that shows that it is alive, and does not get on with a move. The
// longest that a move is still while all is well is the quarantine, which comes on top.
const othersPatience = 5 * time.Minute

// watch is what another process's work on a move looked like, and since when. Its zero value is ready for use.
type watch struct {
	phase  Phase
	epoch  int64
	counts Counts
	since  time.Time
}

// stuckFor returns how long a move has been as it is now. In its quarantine nothing has to happen.
func (w *watch) stuckFor(now time.Time, move Move, quarantine time.Duration) time.Duration {
	if w.since.IsZero() || w.phase != move.Phase || w.epoch != move.Epoch || w.counts != move.Counts {
		*w = watch{phase: move.Phase, epoch: move.Epoch, counts: move.Counts, since: now}
	}
	since := w.since
	if end := move.RedirectEnds(quarantine); move.Phase == Redirect && end.After(since) {
		since = end
	}
	return now.Sub(since)
}
