package guard

import (
	"errors"
	"fmt"
	"time"
)

// Timeout bounds how long a call waits for its cell. Both fields are required. Where Min is not below Max, every call has Max.
type Timeout struct {
	Min time.Duration // the shortest patience: no answer that comes sooner is ever given up
	Max time.Duration // the longest patience, and the deadline of a whole call
}

func (t Timeout) validate() error {
	var errs []error
	if t.Min <= 0 {
		errs = append(errs, fmt.Errorf("shortest cell timeout is %s, want a positive duration", t.Min))
	}
	if t.Max <= 0 {
		errs = append(errs, fmt.Errorf("cell timeout is %s, want a positive duration", t.Max))
	}
	return errors.Join(errs...)
}

const (
	// patienceFactor leaves room above the longest wait that is known: a cell may become up to so many times slower at once and
	// loses no call. It is small because the longest of a minute's waits is far above the usual one already.
	patienceFactor = 2

	// patienceMemory is how long a wait is remembered at least, and half of how long it is remembered at most while calls are made.
	// A cell that is slow now and then stays within it; a cell that was slow for a while is watched closely again soon after.
	patienceMemory = time.Minute

	// wholeWait is the share of Timeout.Max from which on a wait counts as one of Max: the call's deadline runs from its
	// beginning, and a little of it goes to signing the request and finding a connection.
	wholeWait = 0.9
)

// patience adapts to a cell how long a call waits for an answer: patienceFactor times the longest wait that it remembers, within
// the bounds. A wait that was given up is remembered like one that ended with an answer, since the cell takes at least that long.
// So patience doubles with every call that is given up, until answers are waited for. Where the breaker opens before that,
// the probes double it.
//
// A cell that did not answer within Max either has not become slow: it hangs, and is waited for as briefly as before. Patience
// then doubles anew, because the cell may come back slower than it was.
//
// The first calls, until one is answered or was waited for in full, have Max: nothing is known of the cell. They are few
// where they matter, since what a hang holds is the rate of the cell's requests times the patience, and a process knows every
// cell that gets many.
type patience struct {
	bounds  Timeout
	known   bool
	recent  waits     // since the last turn
	before  waits     // between the last two turns
	turnsAt time.Time // when recent becomes before, at the next wait
}

// waits are the longest of their kinds; 0 where there was none.
type waits struct {
	answered, givenUp time.Duration
}

// limit returns how long the next call may wait for an answer. It does not look at the time: what was known before a pause of any
// length is still the best guess.
func (p *patience) limit() time.Duration {
	if !p.known {
		return p.bounds.Max
	}
	longest := max(p.recent.answered, p.recent.givenUp, p.before.answered, p.before.givenUp)
	return min(max(patienceFactor*longest, p.bounds.Min), p.bounds.Max)
}

// answered remembers a wait that ended with an answer.
func (p *patience) answered(now time.Time, waited time.Duration) {
	p.turn(now)
	p.known = true
	p.recent.answered = max(p.recent.answered, waited)
}

// gaveUp remembers a wait that did not.
func (p *patience) gaveUp(now time.Time, waited time.Duration) {
	p.turn(now)
	if waited >= time.Duration(wholeWait*float64(p.bounds.Max)) {
		p.known = true
		p.forgive()
		return
	}
	p.recent.givenUp = max(p.recent.givenUp, waited)
}

// forgive forgets the waits that were given up.
func (p *patience) forgive() { p.recent.givenUp, p.before.givenUp = 0, 0 }

func (p *patience) turn(now time.Time) {
	if now.Before(p.turnsAt) {
		return
	}
	p.before, p.recent, p.turnsAt = p.recent, waits{}, now.Add(patienceMemory)
}
