package probe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cellular/internal/model/openwork"
	"cellular/internal/model/probe"
)

// tally is what became of a round's cells.
type tally struct {
	cells     int
	work      openwork.Counted
	workKnown bool

	mu     sync.Mutex
	counts map[probe.Verdict]int
}

func (t *tally) count(v probe.Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[probe.Verdict]int{}
	}
	t.counts[v]++
}

// recordCell writes a cell's line. probe_ok is there only where the probe says something of the cell: an event that did not
// get to it is no fault of the cell, and no sign of its health.
func (r *Rounds) recordCell(ctx context.Context, result probe.Result) {
	level := slog.LevelWarn
	//exhaustive:enforce
	switch result.Verdict {
	case probe.Healthy:
		level = slog.LevelInfo
	case probe.Faulty:
		level = slog.LevelError
	case probe.Unsent, probe.Interrupted:
	}
	records := r.Records.OfCell(result.Cell)
	line := records.Start(ctx, level, time.Now(), "cell probed")
	line.Text("outcome", result.Verdict.String())
	line.OptionalText("tenant", result.Tenant)
	line.OptionalText("event", result.Event)
	if result.Accepted > 0 {
		line.Milliseconds("sent_to_accepted_ms", result.Accepted)
	}
	//exhaustive:enforce
	switch result.Verdict {
	case probe.Healthy:
		line.Gauge("probe_ok", 1)
		line.Latency("probe_ms", result.Processed-result.Accepted)
	case probe.Faulty:
		line.Gauge("probe_ok", 0)
	case probe.Unsent, probe.Interrupted:
	}
	if result.Err != nil {
		line.Text("error", result.Err.Error())
	}
	records.Write(line)
}

// recordRound writes the round's line. probe_rounds is there only if the round was whole: everything that the probe watches was
// looked at, and every cell was given its time. Without it, an alarm says that nobody watches.
func (r *Rounds) recordRound(ctx context.Context, t *tally, complete bool, took time.Duration) {
	complete = complete && t.workKnown && t.counts[probe.Interrupted] == 0
	level := slog.LevelInfo
	switch {
	case !complete:
		level = slog.LevelError
	case t.counts[probe.Unsent] > 0:
		level = slog.LevelWarn
	}
	line := r.Records.Start(ctx, level, time.Now(), "round ended")
	line.Int("cells", t.cells)
	line.Int("ok", t.counts[probe.Healthy])
	line.Int("failed", t.counts[probe.Faulty])
	line.Int("interrupted", t.counts[probe.Interrupted])
	line.Counts("probe_unsent", t.counts[probe.Unsent])
	if t.workKnown {
		line.Int("open_work", t.work.Open)
		line.Gauge("moves_stalled", t.work.Left)
	}
	if complete {
		line.Count("probe_rounds")
	}
	line.Milliseconds("took_ms", took)
	r.Records.Write(line)
}
