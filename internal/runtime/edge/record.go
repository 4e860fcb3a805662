package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"cellular/internal/runtime/mappingcache"
	"cellular/internal/runtime/telemetry"
)

// byVersion are the metrics by which a version of the router is compared with the one before.
var byVersion = []string{"requests_2xx", "requests_4xx", "requests_5xx", "dispatch_ms"}

// record writes the request's one line, which is its log entry and its metrics. It has ids, outcomes and durations, and
// nothing of what the client sent besides: no payload, no token, no header but the X-Request-Id and traceparent's trace id.
func (x *exchange) record(ctx context.Context, records *telemetry.Records, now time.Time, status int, err error) {
	line := records.Start(ctx, x.level(status), now, "request")
	line.Text("method", x.method)
	line.Int("status", status)
	if x.breakerOpened {
		line.Count("breaker_opens")
	}
	if x.probe {
		line.True("probe")
		line.Count(probesOf(status))
		line.CountApart()
	}
	line.Count(requestsOf(status))
	if status >= http.StatusInternalServerError && x.cellID == "" {
		line.Count("requests_5xx_unrouted")
	}
	line.OptionalText("request", x.requestID)
	line.OptionalText("correlation_id", x.correlationID)
	line.OptionalText("caller", x.caller.principal)
	if x.cellID != "" {
		line.Cell(x.cellID)
	}
	line.OptionalText("tenant", x.tenantID)
	line.OptionalText("event", x.eventID)
	x.recordLookup(line)
	x.recordDispatch(line)
	if x.shed != "" {
		line.Text("shed", string(x.shed))
		line.Count("shed_requests")
	}
	if x.hotKeys {
		line.True("hot_keys")
	}
	if x.replayed {
		line.True("replayed")
	}
	if x.counterErr != nil {
		line.Text("counter_error", x.counterErr.Error())
		line.Count("counter_failures")
	}
	line.OptionalText("peer", x.peer)
	if x.peerErr != nil {
		line.Text("peer_error", x.peerErr.Error())
	}
	line.Milliseconds("total_ms", now.Sub(x.start))
	if err != nil {
		recordFailure(line, status, err)
	}
	records.Write(line)
}

// level is a warning where the router, a cell or a tenant is in trouble although the request may have been answered.
func (x *exchange) level(status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case x.lookup == mappingcache.Stale, x.lookup == mappingcache.Held, x.attempts > 1, x.shed != "", x.hotKeys, x.peerErr != nil, x.counterErr != nil:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// requestsOf is the metric of a class of statuses. The router answers with no status below 200 and none in 3xx.
func requestsOf(status int) string {
	switch {
	case status >= http.StatusInternalServerError:
		return "requests_5xx"
	case status >= http.StatusBadRequest:
		return "requests_4xx"
	}
	return "requests_2xx"
}

// probesOf is the same of probes. A breaker that one opens is its other metric: that is about the cell, and no tenant's request.
func probesOf(status int) string {
	switch {
	case status >= http.StatusInternalServerError:
		return "probe_requests_5xx"
	case status >= http.StatusBadRequest:
		return "probe_requests_4xx"
	}
	return "probe_requests_2xx"
}

func (x *exchange) recordLookup(line *telemetry.Record) {
	if x.lookup == "" {
		return
	}
	line.Text("mapping", string(x.lookup))
	line.Milliseconds("mapping_ms", x.lookupTook)
	//exhaustive:enforce
	switch x.lookup {
	case mappingcache.Hit, mappingcache.Negative:
		line.Count("cache_hits")
	case mappingcache.Held:
		line.Count("stale_answers")
	case mappingcache.Stale:
		line.Count("stale_answers")
		line.Count("refresh_failures")
	case mappingcache.Unavailable:
		line.Count("refresh_failures")
	case mappingcache.Miss, mappingcache.Refreshed, mappingcache.Unknown:
		line.Count("cache_misses")
	}
}

func (x *exchange) recordDispatch(line *telemetry.Record) {
	if !x.guarded {
		return
	}
	line.Text("breaker", x.breaker.String())
	line.Gauge("breaker_state", int(x.breaker))
	if x.attempts > 0 {
		line.Int("attempts", x.attempts)
		line.Latency("dispatch_ms", x.dispatchTook)
		line.Milliseconds("patience_ms", x.patience)
	}
	if x.attempts > 1 {
		line.Count("retries")
	}
}

// recordFailure says why a request failed: all of it where that was our fault, and only the kind where it was the
// client's, whose words would otherwise get into the log.
func recordFailure(line *telemetry.Record, status int, err error) {
	var p *problem
	if errors.As(err, &p) {
		line.Text("problem", p.kind.name)
	}
	if status >= http.StatusInternalServerError {
		line.Text("error", err.Error())
	}
}
