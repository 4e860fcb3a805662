package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Records writes lines that are a log entry and a set of metrics at once: JSON objects in CloudWatch's embedded metric
// format, with "_aws" at the root beside the fields. They are JSON whatever the log format of the function is, because
// CloudWatch finds metrics in nothing else.
//
// A line below the log level is written with its metrics and the dimensions that they have, and nothing else: an alarm must
// not depend on how much is logged. Such a line has no level, so that Lambda, which filters by it, takes it for one of level
// INFO; see the package functions/deploy.
//
// A line is put together in a buffer that is used again, and written in one call: it is the one thing that a function
// does for each request besides its work. It is safe for concurrent use if its writer is.
type Records struct {
	out       io.Writer
	namespace string
	level     slog.Level
	cell      string // whose function writes the lines; "" for the router's
	version   string
	byVersion []string  // metrics that count for the version, too
	buffers   sync.Pool // of *Record
}

// NewRecords returns records of at least the level, which write their lines to out and their metrics into a namespace
// of CloudWatch. The metrics of a line count for the cell that the line names, if it names one, and for the whole. Without a
// namespace they are fields like any other.
func NewRecords(out io.Writer, namespace string, level slog.Level) *Records {
	return &Records{out: out, namespace: namespace, level: level, buffers: sync.Pool{New: func() any { return new(Record) }}}
}

// NewCellRecords returns records as NewRecords does, of a function of a cell: each line names the cell, and its metrics count
// for the cell alone.
func NewCellRecords(out io.Writer, namespace string, level slog.Level, cell string) *Records {
	r := NewRecords(out, namespace, level)
	r.cell = cell
	return r
}

// OfCell returns records as NewCellRecords does, with all else as r has it.
func (r *Records) OfCell(cell string) *Records {
	return NewCellRecords(r.out, r.namespace, r.level, cell)
}

// Discard returns records that nobody gets to see.
func Discard() *Records { return NewRecords(io.Discard, "", slog.LevelError+1) }

// ByVersion has some metrics count for the function's version, too: those that tell a bad version from the one before.
// CloudWatch bills each version's as metrics of their own.
func (r *Records) ByVersion(version string, metrics ...string) *Records {
	r.version, r.byVersion = version, metrics
	return r
}

// maxText bounds a text in a line, in bytes of JSON. A stack trace may be longer; CloudWatch Logs cuts an entry at 256 KB, and
// half an entry is no JSON.
const maxText = 16 << 10

// Record is one line. Its methods add a field each; Write ends it.
type Record struct {
	line    []byte
	metrics []metric
	at      time.Time
	cell    bool
	quiet   bool // below the level
	apart   bool // see CountApart
}

type metric struct{ name, unit string }

// Start begins a line. It has the fields that Lambda's own JSON lines have, unless it is below the level.
func (r *Records) Start(ctx context.Context, level slog.Level, at time.Time, message string) *Record {
	l := r.buffers.Get().(*Record)
	l.line, l.metrics, l.at, l.cell, l.quiet, l.apart = append(l.line[:0], '{'), l.metrics[:0], at, false, level < r.level, false
	if !l.quiet {
		l.line = append(l.line, `"timestamp":"`...)
		l.line = at.UTC().AppendFormat(l.line, "2006-01-02T15:04:05.000Z")
		l.line = append(l.line, `","level":"`...)
		l.line = append(l.line, level.String()...)
		l.line = append(l.line, '"')
		l.Text("message", message)
		if invocation, ok := lambdacontext.FromContext(ctx); ok {
			l.Text("requestId", invocation.AwsRequestID)
		}
	}
	if r.cell != "" {
		l.Cell(r.cell)
	}
	return l
}

// Write ends the line and writes it, if it says anything. The record must not be used any more. An error of the writer is
// nobody's to handle: there is no other place to report it.
func (r *Records) Write(l *Record) {
	if r.namespace == "" {
		l.metrics = l.metrics[:0]
	}
	if len(l.metrics) > 0 {
		r.directives(l)
	}
	if len(l.metrics) > 0 || !l.quiet {
		l.line = append(l.line, '}', '\n')
		_, _ = r.out.Write(l.line)
	}
	r.buffers.Put(l)
}

// Cell adds the cell, and with it a dimension of the line's metrics. The tenant is never one: CloudWatch bills each
// combination of values as a metric of its own.
func (l *Record) Cell(id string) {
	l.dimension("cell", id)
	l.cell = true
}

// Text adds a string. Name must need no escapes.
func (l *Record) Text(name, value string) {
	if !l.quiet {
		l.name(name)
		l.line = appendText(l.line, value)
	}
}

// OptionalText adds a string unless it is empty.
func (l *Record) OptionalText(name, value string) {
	if value != "" {
		l.Text(name, value)
	}
}

// Int adds a whole number.
func (l *Record) Int(name string, value int) {
	if !l.quiet {
		l.int(name, value)
	}
}

// True adds a flag that is set.
func (l *Record) True(name string) {
	if !l.quiet {
		l.name(name)
		l.line = append(l.line, "true"...)
	}
}

// Milliseconds adds a duration, to the microsecond.
func (l *Record) Milliseconds(name string, d time.Duration) {
	if !l.quiet {
		l.milliseconds(name, d)
	}
}

// CountApart leaves out the metrics that follow: the line is about a probe, and its metrics are those that it has so far. A latency is
// a field like any other then.
func (l *Record) CountApart() { l.apart = true }

// Count adds the metric of something that happened once. A line leaves out what did not happen: its sum is the same.
func (l *Record) Count(name string) { l.Counts(name, 1) }

// Counts adds the metric of something that happened n times. Where that is never, it is a field like any other.
func (l *Record) Counts(name string, n int) {
	if l.apart {
		return
	}
	if n == 0 {
		l.Int(name, 0)
		return
	}
	l.int(name, n)
	l.metrics = append(l.metrics, metric{name, "Count"})
}

// Gauge adds the metric of a state.
func (l *Record) Gauge(name string, value int) {
	if l.apart {
		return
	}
	l.int(name, value)
	l.metrics = append(l.metrics, metric{name, "None"})
}

// Latency adds the metric of a duration. One below zero, between the clocks of two machines, counts as none: CloudWatch
// has no percentiles of a metric with negative values.
func (l *Record) Latency(name string, d time.Duration) {
	if l.apart {
		l.Milliseconds(name, d)
		return
	}
	l.milliseconds(name, max(0, d))
	l.metrics = append(l.metrics, metric{name, "Milliseconds"})
}

// dimension adds a text that metrics have for a dimension.
func (l *Record) dimension(name, value string) {
	l.name(name)
	l.line = appendString(l.line, value)
}

func (l *Record) int(name string, value int) {
	l.name(name)
	l.line = strconv.AppendInt(l.line, int64(value), 10)
}

func (l *Record) milliseconds(name string, d time.Duration) {
	l.name(name)
	l.line = strconv.AppendFloat(l.line, float64(d.Microseconds())/1000, 'f', -1, 64)
}

func (l *Record) name(name string) {
	if len(l.line) > len("{") {
		l.line = append(l.line, ',')
	}
	l.line = append(l.line, '"')
	l.line = append(l.line, name...)
	l.line = append(l.line, '"', ':')
}

// directives adds what tells CloudWatch which of the fields are metrics, and of what.
func (r *Records) directives(l *Record) {
	byVersion := slices.ContainsFunc(l.metrics, r.countsByVersion)
	if byVersion {
		l.dimension("version", r.version)
	}
	l.name("_aws")
	l.line = append(l.line, `{"Timestamp":`...)
	l.line = strconv.AppendInt(l.line, l.at.UnixMilli(), 10)
	l.line = append(l.line, `,"CloudWatchMetrics":[`...)
	switch {
	case r.cell != "":
		r.directive(l, `["cell"]`, nil)
	case l.cell:
		r.directive(l, `["cell"],[]`, nil)
	default:
		r.directive(l, `[]`, nil)
	}
	if byVersion {
		l.line = append(l.line, ',')
		r.directive(l, `["version"]`, r.countsByVersion)
	}
	l.line = append(l.line, `]}`...)
}

func (r *Records) countsByVersion(m metric) bool {
	return r.version != "" && slices.Contains(r.byVersion, m.name)
}

// directive adds one directive, for those of the line's metrics that counts picks; nil picks all.
func (r *Records) directive(l *Record, dimensions string, counts func(metric) bool) {
	l.line = append(l.line, `{"Namespace":`...)
	l.line = appendString(l.line, r.namespace)
	l.line = append(l.line, `,"Dimensions":[`...)
	l.line = append(l.line, dimensions...)
	l.line = append(l.line, `],"Metrics":[`...)
	first := true
	for _, m := range l.metrics {
		if counts != nil && !counts(m) {
			continue
		}
		if !first {
			l.line = append(l.line, ',')
		}
		first = false
		l.line = append(l.line, `{"Name":"`...)
		l.line = append(l.line, m.name...)
		l.line = append(l.line, `","Unit":"`...)
		l.line = append(l.line, m.unit...)
		l.line = append(l.line, `"}`...)
	}
	l.line = append(l.line, `]}`...)
}

// appendText appends s as JSON of at most maxText bytes, without its end if it is longer.
func appendText(line []byte, s string) []byte {
	const perByte = len(`\u0000`) // that JSON needs at most
	s = s[:min(len(s), maxText)]
	before := len(line)
	line = appendString(line, s)
	if len(line)-before > maxText+len(`""`) {
		line = appendString(line[:before], s[:min(len(s), maxText/perByte)])
	}
	return line
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
