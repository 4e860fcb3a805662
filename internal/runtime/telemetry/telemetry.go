// Package telemetry is how a Lambda function of this system logs: one structured line per thing that happened, with
// the request id of the invocation. Lambda's logging configuration decides on the format and the level.
package telemetry

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Logger returns a logger whose every line has attrs. Lines go to standard output, in the format and from the level
// that AWS_LAMBDA_LOG_FORMAT and AWS_LAMBDA_LOG_LEVEL name; pass the invocation's context with each line to have its
// request id.
func Logger(attrs ...slog.Attr) *slog.Logger {
	return slog.New(lambdacontext.NewLogHandler().WithAttrs(attrs))
}

// Level is the least level that a logger writes.
func Level(logger *slog.Logger) slog.Level {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if logger.Enabled(context.Background(), level) {
			return level
		}
	}
	return slog.LevelError
}

// Cell, Tenant and Event are the attributes that a line carries wherever they are known, so that one query finds all
// that concerns a cell, a tenant or an event, in whichever function.
func Cell(id string) slog.Attr   { return slog.String("cell", id) }
func Tenant(id string) slog.Attr { return slog.String("tenant", id) }
func Event(id string) slog.Attr  { return slog.String("event", id) }
