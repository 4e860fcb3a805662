package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Records writes lines that are a log entry and a set of metrics at once: JSON objects in CloudWatch's embedded metric
// format, with "_aws" at the root beside the fields. They are JSON whatever the log format of the function is, because
// CloudWatch finds metrics in nothing else.
//
// A line is put together in a buffer that is used again, and written in one call: it is the one thing that a function
// does for each request besides its work. It is safe for concurrent use if its writer is.
type Records struct {
	out       io.Writer
	namespace string
	level     slog.Level
	buffers   sync.Pool // of *Record
}

// NewRecords returns records of at least the level, which write their lines to out and their metrics into a namespace
// of CloudWatch.
func NewRecords(out io.Writer, namespace string, level slog.Level) *Records {
	return &Records{out: out, namespace: namespace, level: level, buffers: sync.Pool{New: func() any { return new(Record) }}}
}

// maxText bounds a text in a line, in bytes. A stack trace may be longer; CloudWatch Logs cuts an entry at 256 KB, and
// half an entry is no JSON.
const maxText = 16 << 10

// Record is one line. Its methods add a field each; Write ends it.
type Record struct {
	line    []byte
	metrics []metric
	at      time.Time
	cell    bool
}

type metric struct{ name, unit string }

// Start begins a line, or returns nil where lines of that level are not wanted. The line has the fields that Lambda's
// own JSON lines have.
func (r *Records) Start(ctx context.Context, level slog.Level, at time.Time, message string) *Record {
	if level < r.level {
		return nil
	}
	l := r.buffers.Get().(*Record)
	l.line, l.metrics, l.at, l.cell = append(l.line[:0], `{"timestamp":"`...), l.metrics[:0], at, false
	l.line = at.UTC().AppendFormat(l.line, "2006-01-02T15:04:05.000Z")
	l.line = append(l.line, `","level":"`...)
	l.line = append(l.line, level.String()...)
	l.line = append(l.line, '"')
	l.Text("message", message)
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		l.Text("requestId", invocation.AwsRequestID)
	}
	return l
}

// Write ends the line and writes it. The record must not be used any more. An error of the writer is nobody's to
// handle: there is no other place to report it.
func (r *Records) Write(l *Record) {
	l.directive(r.namespace)
	l.line = append(l.line, '}', '\n')
	_, _ = r.out.Write(l.line)
	r.buffers.Put(l)
}

// Cell adds the cell, and with it the dimension of the line's metrics. There is no other dimension, and never the
// tenant: CloudWatch bills each combination of values as a metric of its own.
func (l *Record) Cell(id string) {
	l.Text("cell", id)
	l.cell = true
}

// Text adds a string. Name must need no escapes.
func (l *Record) Text(name, value string) {
	l.name(name)
	if len(value) > maxText {
		value = value[:maxText]
	}
	l.line = appendString(l.line, value)
}

// OptionalText adds a string unless it is empty.
func (l *Record) OptionalText(name, value string) {
	if value != "" {
		l.Text(name, value)
	}
}

// Int adds a whole number.
func (l *Record) Int(name string, value int) {
	l.name(name)
	l.line = strconv.AppendInt(l.line, int64(value), 10)
}

// True adds a flag that is set.
func (l *Record) True(name string) {
	l.name(name)
	l.line = append(l.line, "true"...)
}

// Milliseconds adds a duration, to the microsecond.
func (l *Record) Milliseconds(name string, d time.Duration) {
	l.name(name)
	l.line = strconv.AppendFloat(l.line, float64(d.Microseconds())/1000, 'f', -1, 64)
}

// Count adds the metric of something that happened once. A line leaves out what did not happen: its sum is the same.
func (l *Record) Count(name string) {
	l.Int(name, 1)
	l.metrics = append(l.metrics, metric{name, "Count"})
}

// Gauge adds the metric of a state.
func (l *Record) Gauge(name string, value int) {
	l.Int(name, value)
	l.metrics = append(l.metrics, metric{name, "None"})
}

// Latency adds the metric of a duration.
func (l *Record) Latency(name string, d time.Duration) {
	l.Milliseconds(name, d)
	l.metrics = append(l.metrics, metric{name, "Milliseconds"})
}

func (l *Record) name(name string) {
	l.line = append(l.line, ',', '"')
	l.line = append(l.line, name...)
	l.line = append(l.line, '"', ':')
}

// directive adds what tells CloudWatch which of the fields are metrics. They count for the cell, where there is one, and
// for the whole.
func (l *Record) directive(namespace string) {
	l.name("_aws")
	l.line = append(l.line, `{"Timestamp":`...)
	l.line = strconv.AppendInt(l.line, l.at.UnixMilli(), 10)
	l.line = append(l.line, `,"CloudWatchMetrics":[{"Namespace":`...)
	l.line = appendString(l.line, namespace)
	l.line = append(l.line, `,"Dimensions":[`...)
	if l.cell {
		l.line = append(l.line, `["cell"],`...)
	}
	l.line = append(l.line, `[]],"Metrics":[`...)
	for i, m := range l.metrics {
		if i > 0 {
			l.line = append(l.line, ',')
		}
		l.line = append(l.line, `{"Name":"`...)
		l.line = append(l.line, m.name...)
		l.line = append(l.line, `","Unit":"`...)
		l.line = append(l.line, m.unit...)
		l.line = append(l.line, `"}`...)
	}
	l.line = append(l.line, `]}]}`...)
}

// appendString appends s as JSON. Ids and words, which is what nearly all strings are, need no escapes.
func appendString(line []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			escaped, err := json.Marshal(s)
			if err != nil {
				panic(err) // a string always encodes
			}
			return append(line, escaped...)
		}
	}
	line = append(line, '"')
	line = append(line, s...)
	return append(line, '"')
}
