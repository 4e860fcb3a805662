package guard

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// BreakerConfig is a circuit breaker's bounds. All are required.
type BreakerConfig struct {
	// Failures is how many calls in a row have to fail for the breaker to open. A cell that answers some calls is
	// worth calling, so an answer in between starts the count anew.
	Failures int

	// OpenFor is how long an open breaker lets no call through, plus up to a fifth of jitter: processes that met the
	// same failure at the same moment do not all come back at the same moment.
	OpenFor time.Duration

	// Probes is how many calls are let through after that, until all of them have succeeded and the breaker closes, or
	// one has failed and it opens again.
	Probes int
}

func (c BreakerConfig) validate() error {
	var errs []error
	if c.Failures < 1 {
		errs = append(errs, fmt.Errorf("breaker failures is %d, want at least 1", c.Failures))
	}
	if c.OpenFor <= 0 {
		errs = append(errs, fmt.Errorf("breaker open time is %s, want a positive duration", c.OpenFor))
	}
	if c.Probes < 1 {
		errs = append(errs, fmt.Errorf("breaker probes is %d, want at least 1", c.Probes))
	}
	return errors.Join(errs...)
}

// openJitter is the share of OpenFor that chance may add to it.
const openJitter = 0.2

// State is that of a breaker. Its number is what the metric shows: the largest over the router's processes tells whether
// any of them has stopped calling the cell.
type State uint8

// The states of a breaker.
const (
	Closed   State = iota // every call is let through
	HalfOpen              // some calls are let through, to see whether they succeed
	Open                  // no call is let through
)

func (s State) String() string { return [...]string{"closed", "half-open", "open"}[s] }

// Outcome is how a call ended, as far as its breaker is concerned.
type Outcome uint8

// The outcomes of a call.
const (
	Neutral   Outcome = iota // it says nothing about the cell: the caller went away, or the request itself was wrong
	Succeeded                // the cell answered
	Failed                   // it could not be reached, or said that it could not
	TimedOut                 // it did not answer in time, which is a failure too
)

func (o Outcome) failure() bool { return o == Failed || o == TimedOut }

// breaker is a circuit breaker: it stops calls to what fails anyway, so that they fail at once instead of after their
// timeout, and finds out by itself when to resume. It is safe for concurrent use.
//
// It has the calls' patience too, because the two go together: what a process loses to a cell that hangs is the patience of
// the calls that open the breaker, and of the probes after them.
//
// Time is the process's monotonic clock, which may stand still while Lambda has the process frozen: a breaker may then
// stay open for longer by the wall clock, by at most OpenFor after the thaw.
type breaker struct {
	config BreakerConfig
	random func() float64

	mu    sync.Mutex
	state State
	// period counts the changes of state. A call that ends in another period than it began in says nothing about this
	// one: the calls that hang when a breaker opens must neither open it again later nor close it.
	period    uint64
	failures  int       // while closed: in a row
	openUntil time.Time // while open
	probes    int       // while half-open: calls let through
	succeeded int       // while half-open: those that ended well
	patience  patience
}

// ticket is the right to make one call. It must be handed back.
type ticket struct {
	period uint64
	state  State // Closed, or HalfOpen for a probe

	patience time.Duration // how long the call may wait for an answer
}

func newBreaker(config BreakerConfig, timeout Timeout, random func() float64) *breaker {
	if random == nil {
		random = rand.Float64
	}
	return &breaker{config: config, random: random, patience: patience{bounds: timeout}}
}

// admit returns a ticket for a call, or false and how long to wait at least; 0 where nobody can tell.
func (b *breaker) admit(now time.Time) (ticket, time.Duration, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open {
		if wait := b.openUntil.Sub(now); wait > 0 {
			return ticket{state: Open}, wait, false
		}
		b.change(HalfOpen)
	}
	if b.state == HalfOpen {
		if b.probes == b.config.Probes {
			return ticket{state: HalfOpen}, 0, false
		}
		b.probes++
	}
	return ticket{b.period, b.state, b.patience.limit()}, 0, true
}

// done hands a ticket back, and reports whether the breaker opened because of the call's outcome. The call waited for its
// longest answer, or for the one that it gave up, for as long as waited.
func (b *breaker) done(t ticket, now time.Time, outcome Outcome, waited time.Duration) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.period != b.period {
		return false
	}
	switch outcome {
	case Succeeded:
		b.patience.answered(now, waited)
	case TimedOut:
		b.patience.gaveUp(now, waited)
	case Neutral, Failed: // no answer, or one that is quick
	}
	switch {
	case outcome.failure():
		b.failures++
		if b.state == HalfOpen || b.failures == b.config.Failures {
			if b.state == Closed {
				b.patience.forgive() // the first probes are short: a cell that is well again answers as it did
			}
			b.change(Open)
			b.openUntil = now.Add(b.config.OpenFor + time.Duration(float64(b.config.OpenFor)*openJitter*b.random()))
			return true
		}
	case b.state == Closed && outcome == Succeeded:
		b.failures = 0
	case b.state == HalfOpen && outcome == Succeeded:
		b.succeeded++
		if b.succeeded == b.config.Probes {
			b.patience.forgive() // it hung, and no longer does
			b.change(Closed)
		}
	case b.state == HalfOpen:
		b.probes--
	}
	return false
}

func (b *breaker) change(s State) {
	b.state = s
	b.period++
	b.failures, b.probes, b.succeeded = 0, 0, 0
}

func (b *breaker) current() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}
