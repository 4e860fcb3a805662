package stream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cellular/local/lambda/source"
)

// piece is a batch, or what is left of one after partial success or bisecting.
type piece struct {
	records []record
	retries int // retries that were used up
	blocked int // times in a row that the function could not be invoked at all
	invokes int // times that the function got the first of the records
	last    source.Invocation
}

// process works on a batch until each of its records was handled or ejected. It returns false if the poller is to end
// before that.
func (l *lane) process(ctx context.Context, stop <-chan struct{}, batch []record) bool {
	for work := []piece{{records: batch}}; len(work) > 0; {
		if source.Ending(ctx, stop) {
			return false
		}
		next, delay, ok := l.attempt(ctx, work[0])
		if !ok {
			return false
		}
		work = append(next, work[1:]...)
		if delay > 0 && !source.Sleep(ctx, stop, delay) {
			return false
		}
	}
	return true
}

// attempt invokes the function with a piece and returns what remains of it to be done, in order, after the delay. It is
// not ok if it was aborted.
func (l *lane) attempt(ctx context.Context, p piece) (next []piece, delay time.Duration, ok bool) {
	if expired := l.expired(p.records); expired > 0 {
		old := p
		old.records, p.records = p.records[:expired], p.records[expired:]
		if !l.eject(ctx, old, recordAgeExceeded) {
			return nil, 0, false
		}
	}
	if len(p.records) == 0 {
		return nil, 0, true
	}

	if l.config.Age != nil {
		l.config.Age(time.Since(p.records[len(p.records)-1].created))
	}
	invocation, err := l.invoker.Invoke(ctx, source.Event(p.records, record.json))
	if ctx.Err() != nil {
		return nil, 0, false
	}
	if err != nil {
		// The function did not run, so this costs none of its retries; only the age of the records ends it.
		p.blocked++
		l.config.Report(fmt.Errorf("invoke the function with records of shard %s: %w", l.id, err))
		l.config.Count.Add(source.Failed, len(p.records))
		return []piece{p}, waitBackoff.Delay(p.blocked), true
	}
	p.blocked, p.last = 0, invocation
	p.invokes++

	failed, err := l.firstFailed(p.records, invocation)
	l.config.Count.Add(source.Invoked, len(p.records))
	l.config.Count.Add(source.Failed, len(p.records)-failed)
	for _, r := range p.records[:failed] {
		l.position.done(r.sequence)
	}
	if failed == len(p.records) {
		l.config.Report(nil)
		return nil, 0, true
	}
	l.config.Report(err)
	rest := p
	rest.records = p.records[failed:]
	if failed > 0 {
		rest.invokes = 1
	}

	// A split does not consume a retry. Where the function named a record, the batch was split there; where that is the
	// very first one, or none was named, it is split in the middle, so that a bad record ends up alone.
	if l.config.BisectOnError && len(p.records) > 1 {
		if failed > 0 {
			return []piece{rest}, 0, true
		}
		first, second := rest, rest
		middle := len(rest.records) / 2
		first.records, second.records = rest.records[:middle], rest.records[middle:]
		return []piece{first, second}, 0, true
	}

	if l.config.MaxRetries >= 0 && rest.retries >= l.config.MaxRetries {
		return nil, 0, l.eject(ctx, rest, retryAttemptsExhausted)
	}
	rest.retries++
	return []piece{rest}, retryBackoff.Delay(rest.retries), true
}

// firstFailed returns the index of the first record that is to be retried, or the number of records if none is, and
// what was wrong.
func (l *lane) firstFailed(records []record, invocation source.Invocation) (int, error) {
	if invocation.FunctionError != "" {
		return 0, fmt.Errorf("function call failed: %s", invocation.Payload)
	}
	if !l.config.ReportFailures {
		return len(records), nil
	}
	sequences := make([]string, len(records))
	for i, r := range records {
		sequences[i] = r.sequence
	}
	failed, err := source.Failures(invocation.Payload, sequences)
	if err != nil {
		return 0, err
	}
	if len(failed) == 0 {
		return len(records), nil
	}
	return failed[0], fmt.Errorf("the function reported record %s of shard %s as failed", sequences[failed[0]], l.id)
}

// expired returns how many of the leading records are older than the mapping allows.
func (l *lane) expired(records []record) int {
	if l.config.MaxRecordAge == 0 {
		return 0
	}
	oldest := time.Now().Add(-l.config.MaxRecordAge)
	if i := slices.IndexFunc(records, func(r record) bool { return !r.created.Before(oldest) }); i >= 0 {
		return i
	}
	return len(records)
}
