// Package telemetry is how a Lambda function of this system logs: one structured line per thing that happened, with
// the request id of the invocation. Lambda's logging configuration decides on the format; the level is a variable of the
// function (env.LogLevel), because Lambda's own filter would drop metrics with the lines that they are in.
package telemetry

import (
	"context"
	"io"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"cellular/internal/model/env"
)

// Logger returns a logger of at least the level whose every line has attrs. Lines go to standard output, in the format that
// AWS_LAMBDA_LOG_FORMAT names, and not below AWS_LAMBDA_LOG_LEVEL; pass the invocation's context with each line to have its
// request id.
func Logger(level slog.Level, attrs ...slog.Attr) *slog.Logger {
	return slog.New(leveled{lambdacontext.NewLogHandler().WithAttrs(attrs), level})
}

// leveled is a handler that also has a least level of its own.
type leveled struct {
	slog.Handler
	least slog.Level
}

func (h leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.least && h.Handler.Enabled(ctx, level)
}

func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{h.Handler.WithAttrs(attrs), h.least}
}

func (h leveled) WithGroup(name string) slog.Handler {
	return leveled{h.Handler.WithGroup(name), h.least}
}

// OfCell returns the logger and the records of a function of a cell, which the function's variables name. Both variables that
// say how to log may be left out: a cell's functions of the releases before had neither (env.Reader.Optional says when that
// matters). Without a namespace, lines have no metrics.
func OfCell(vars *env.Reader, out io.Writer) (*slog.Logger, *Records) {
	cell, level := vars.String(env.CellID), vars.Level(env.LogLevel)
	return Logger(level, Cell(cell)), NewCellRecords(out, vars.Optional(env.MetricsNamespace), level, cell)
}

// Cell, Tenant and Event are the attributes that a line carries wherever they are known, so that one query finds all
// that concerns a cell, a tenant or an event, in whichever function.
func Cell(id string) slog.Attr   { return slog.String("cell", id) }
func Tenant(id string) slog.Attr { return slog.String("tenant", id) }
func Event(id string) slog.Attr  { return slog.String("event", id) }

// Correlation is the attribute of the request that an event was accepted with, which a line about an event carries where the
// event has it. Of "" it is nothing.
func Correlation(id string) slog.Attr {
	if id == "" {
		return slog.Attr{}
	}
	return slog.String("correlation_id", id)
}
