package producer

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"cellular/internal/model/event"
	"cellular/internal/model/wait"
)

const (
	// The delays between tries: the first, doubled after each that achieved nothing, up to the longest. Each is shortened at
	// random by up to a half, so that the shards of all cells do not come back at once.
	firstDelay   = 100 * time.Millisecond
	longestDelay = 5 * time.Second

	// callTimeout bounds one call, and callsPerInvocation the part of an invocation that a call takes: one that hangs must
	// leave time for others.
	callTimeout        = 5 * time.Second
	callsPerInvocation = 4
)

// work is what is to be done with the records of one batch, and what has been.
type work struct {
	*Producer
	records     []events.DynamoDBEventRecord
	callTimeout time.Duration

	pending  []entry       // still to be published, in the order of the next tries
	hopeless map[int]error // still to be ejected: the reasons, by the records' indexes in the batch

	published int
	ejected   int
	probes    struct{ published, ejected int } // of these: synthetic events
	refused   int                              // of those ejected: by the topic; no synthetic event
	clones    int                              // records of copies that a move has made, which are not published
	waited    time.Duration                    // for what failed for the time being
	failure   error                            // the last transient one; nil if nothing failed
}

// newWork sorts out what is to be done with the records.
func (p *Producer) newWork(ctx context.Context, records []events.DynamoDBEventRecord) *work {
	w := &work{Producer: p, records: records, callTimeout: callTimeout, hopeless: map[int]error{}}
	if deadline, ok := ctx.Deadline(); ok {
		w.callTimeout = min(callTimeout, time.Until(deadline)/callsPerInvocation)
	}
	for i, record := range records {
		if record.EventName != string(events.DynamoDBOperationTypeInsert) {
			continue // what happens to an item later is not an event
		}
		if _, clone := record.Change.NewImage[event.AttrClonedFrom]; clone {
			w.clones++
			continue
		}
		if e, err := p.entry(i, record); err != nil {
			w.hopeless[i] = err
		} else {
			w.pending = append(w.pending, e)
		}
	}
	return w
}

// finish works until each record is published or ejected, or ctx ends. It never returns before that.
func (w *work) finish(ctx context.Context) {
	for failures := 0; w.left() > 0; {
		before := w.published + w.ejected
		err := errors.Join(w.eject(ctx), w.publish(ctx))
		if err == nil {
			continue // what has turned out to be hopeless is still to be ejected
		}
		if w.failure == nil {
			w.Logger.LogAttrs(ctx, slog.LevelWarn, "waiting for the topic or the stream DLQ", slog.String("error", err.Error()))
		}
		w.failure = err
		if failures++; w.published+w.ejected > before {
			failures = 1
		}
		began := time.Now()
		err = wait.For(ctx, delay(failures))
		w.waited += time.Since(began)
		if err != nil {
			return
		}
	}
}

// delay returns how long to wait after a number of failures in a row, from 1.
func delay(failures int) time.Duration {
	d := firstDelay
	for i := 1; i < failures && d < longestDelay; i++ {
		d *= 2
	}
	d = min(d, longestDelay)
	return d - rand.N(d/2)
}

func (w *work) left() int { return len(w.pending) + len(w.hopeless) }

// lowestPending returns the lowest index of the records that are to be published, or the number of records if none is.
func (w *work) lowestPending() int {
	lowest := len(w.records)
	for _, e := range w.pending {
		lowest = min(lowest, e.record)
	}
	return lowest
}

// answer names the lowest record that is not done. Lambda retries from there, and takes a record without a sequence
// number as the failure of the whole batch: that is more than needed, and loses nothing.
func (w *work) answer() events.DynamoDBEventResponse {
	response := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	lowest := w.lowestPending()
	for i := range w.hopeless {
		lowest = min(lowest, i)
	}
	if lowest < len(w.records) {
		response.BatchItemFailures = append(response.BatchItemFailures,
			events.DynamoDBBatchItemFailure{ItemIdentifier: w.records[lowest].Change.SequenceNumber})
	}
	return response
}

// log writes a line for the batch, which is its log entry and its metrics, and one for each record in it that was not ejected
// although it can never be published. The payload is in none of them.
func (w *work) log(ctx context.Context) {
	for _, e := range w.pending {
		w.logEvent(ctx, "event not published", e.record)
	}
	for _, i := range slices.Sorted(maps.Keys(w.hopeless)) {
		w.logRecord(ctx, "record not ejected", i, w.hopeless[i])
	}
	level, message := slog.LevelInfo, "batch published"
	if w.left() > 0 {
		level, message = slog.LevelError, "batch reported for a retry"
	}
	line := w.Records.Start(ctx, level, time.Now(), message)
	line.Int("records", len(w.records))
	line.Counts("published", w.published-w.probes.published)
	line.Int("clones", w.clones)
	ejected := w.ejected - w.probes.ejected
	line.Counts("ejected", ejected)
	if malformed := ejected - w.refused; malformed > 0 {
		line.Counts("ejected_malformed", malformed)
	}
	if w.refused > 0 {
		line.Counts("ejected_refused", w.refused)
	}
	if w.probes.published > 0 {
		line.Counts("probes_published", w.probes.published)
	}
	if w.probes.ejected > 0 {
		line.Counts("probes_ejected", w.probes.ejected)
	}
	line.Int("left", w.left())
	if w.failure != nil {
		line.Milliseconds("waited_ms", w.waited)
		line.Text("error", w.failure.Error())
	}
	w.Records.Write(line)
}

// logEvent writes a line of level DEBUG about one event: a line for each would cost more than all else that a producer does.
func (w *work) logEvent(ctx context.Context, message string, record int) {
	if w.Logger.Enabled(ctx, slog.LevelDebug) {
		w.Logger.LogAttrs(ctx, slog.LevelDebug, message, followed(w.records[record])...)
	}
}

func (w *work) logRecord(ctx context.Context, message string, i int, reason error) {
	w.Logger.LogAttrs(ctx, slog.LevelError, message, append(followed(w.records[i]),
		slog.String("sequence_number", w.records[i].Change.SequenceNumber),
		slog.String("reason", reason.Error()))...)
}
