package consumer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cellular/internal/runtime/telemetry"
)

// maxErrorText bounds, in bytes, what a business error can put into one line of the log.
const maxErrorText = 1024

// record writes the one line of a delivery, which is its log entry and its metrics. The payload is not in it.
func (c *Consumer) record(ctx context.Context, d delivery, out outcome, took time.Duration) {
	now := c.Now()
	line := c.Records.Start(ctx, out.level(), now, "record handled")
	line.OptionalText("tenant", d.tenantID)
	line.OptionalText("event", d.eventID)
	line.OptionalText("correlation_id", d.message.CorrelationID)
	line.Text("outcome", string(out.result))
	line.Int("receive_count", d.receives)
	line.Milliseconds("took_ms", took)
	if d.synthetic() {
		line.True("probe")
		countProbe(line, out.result)
		line.CountApart()
	}
	if out.business != nil {
		line.Latency("apply_ms", *out.business)
	}
	//exhaustive:enforce
	switch out.result {
	case applied:
		line.Count("applied")
		recordLatency(line, d, now)
	case duplicate:
		line.Count("duplicates")
	case diverted:
		line.Count("diverted")
		line.Int("epoch", int(d.message.Epoch))
	case removed:
		line.Int("epoch", int(d.message.Epoch))
	case retry:
		line.Count("retried")
	case ejected:
		line.Count("ejected")
		line.Count(out.reason.metric())
	case resent, dropped:
	}
	if out.failed() {
		text := out.text()
		line.Text("reason", string(out.reason))
		line.Text("error", text[:min(len(text), maxErrorText)])
		if out.unnoted != nil {
			line.Text("attempt_error", out.unnoted.Error())
		}
		if p, ok := errors.AsType[*panicError](out.err); ok {
			line.OptionalText("stack", string(p.stack))
		}
	}
	c.Records.Write(line)
}

// countProbe adds the metric of a synthetic event. What became of the others is in their lines.
func countProbe(line *telemetry.Record, r result) {
	switch r {
	case applied:
		line.Count("probes_applied")
	case retry:
		line.Count("probes_retried")
	case ejected:
		line.Count("probes_ejected")
	}
}

// recordLatency adds how long an event was on its way. As metrics these are of events that come from the producer: what was sent
// again has been out of the pipeline, for days perhaps, and the queue knows of a copy only when that was sent.
func recordLatency(line *telemetry.Record, d delivery, now time.Time) {
	sinceAccepted := now.Sub(d.message.AcceptedAt)
	if d.sentAgain {
		line.True("sent_again")
		line.Milliseconds("accepted_to_applied_ms", sinceAccepted)
		return
	}
	line.Latency("accepted_to_applied_ms", sinceAccepted)
	if d.copyOf == "" && !d.publishedAt.IsZero() {
		line.Latency("published_to_applied_ms", now.Sub(d.publishedAt))
	}
}

// level is a warning where a record comes again, and an error where it is given up on. One that is dropped is nobody's loss.
func (o outcome) level() slog.Level {
	switch o.result {
	case retry:
		return slog.LevelWarn
	case ejected:
		return slog.LevelError
	case dropped:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// metric is the metric of records that are given up on for a reason. There is none for Crashed: nobody is left to write it.
func (r Reason) metric() string {
	switch r {
	case Malformed:
		return "ejected_malformed"
	case Expired:
		return "ejected_expired"
	case Rejected:
		return "ejected_rejected"
	case Panicked:
		return "ejected_panic"
	case Deadline:
		return "ejected_deadline"
	}
	return "ejected_error"
}
