package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"cellular/internal/mapping"
	"cellular/internal/telemetry"
)

// exchange is one request and what has been found out about it so far. Every answer's headers and log line are made
// from it. Ids are in it only once they are known to be valid.
type exchange struct {
	start     time.Time
	requestID string
	method    string

	tenantID, eventID, cellID string

	lookup               mapping.Outcome // "" where no lookup was made
	lookupTook, cellTook time.Duration
	replayed             bool
}

// reply is an answer with a JSON body and the headers that every answer has.
func (x *exchange) reply(status int, body any) (Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Response{}, fmt.Errorf("encode answer: %w", err)
	}
	response := x.respond(status, string(b))
	response.Headers["Content-Type"] = "application/json"
	return response, nil
}

// refuse is the answer to a request that failed. An error that is no problem is a bug here, or bad data in a cell.
func (x *exchange) refuse(err error) Response {
	var p *problem
	if !errors.As(err, &p) {
		p = internal.problem("The request failed; it was not the request's fault.")
	}
	response := x.respond(p.kind.status, p.body(x.requestID, x.eventID))
	response.Headers["Content-Type"] = "application/problem+json"
	if p.allow != "" {
		response.Headers["Allow"] = p.allow
	}
	if p.kind == unavailable {
		response.Headers["Retry-After"] = strconv.Itoa(retryAfter)
		if x.method == http.MethodPost {
			// The id may be one that the router made. A retry must carry it, or it would be another event.
			response.Headers["Idempotency-Key"] = x.eventID
		}
	}
	return response
}

func (x *exchange) respond(status int, body string) Response {
	headers := map[string]string{"X-Request-Id": x.requestID, "Cache-Control": "no-store"}
	if x.cellID != "" {
		headers["X-Cell-Id"] = x.cellID
	}
	return Response{StatusCode: status, Headers: headers, Body: body}
}

// log writes the request's one line. It has ids, outcomes and durations, and nothing of what the client sent besides. A
// stale mapping is a warning: the control plane is in trouble although nobody notices yet.
func (x *exchange) log(ctx context.Context, logger *slog.Logger, now time.Time, status int, err error) {
	level := slog.LevelInfo
	if x.lookup == mapping.Stale {
		level = slog.LevelWarn
	}
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.Int("status", status), slog.String("method", x.method), slog.String("request", x.requestID))
	for _, a := range []slog.Attr{
		telemetry.Cell(x.cellID), telemetry.Tenant(x.tenantID), telemetry.Event(x.eventID),
		slog.String("mapping", string(x.lookup)), slog.Bool("replayed", x.replayed),
	} {
		if !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.BoolValue(false)) {
			attrs = append(attrs, a)
		}
	}
	attrs = append(attrs, milliseconds("mapping_ms", x.lookupTook), milliseconds("cell_ms", x.cellTook), milliseconds("total_ms", now.Sub(x.start)))
	if err != nil {
		attrs = append(attrs, failure(status, err))
	}
	logger.LogAttrs(ctx, level, "request", attrs...)
}

// failure says why a request failed: all of it where that was our fault, and only the kind where it was the client's,
// whose words would otherwise get into the log.
func failure(status int, err error) slog.Attr {
	var p *problem
	if status < http.StatusInternalServerError && errors.As(err, &p) {
		return slog.String("problem", p.kind.name)
	}
	return slog.String("error", err.Error())
}

func milliseconds(key string, d time.Duration) slog.Attr {
	return slog.Float64(key, float64(d.Microseconds())/1000)
}
