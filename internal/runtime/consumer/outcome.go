package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cellular/app"
)

// outcome is what became of one delivery of a record. The class of a failure is its reason.
type outcome struct {
	result result
	reason Reason // of a failure
	err    error  // of a failure

	business *time.Duration // how long the business logic took; nil if it did not run
	unnoted  error          // why a failure is not among the event's attempts; nil where it is, or need not be
}

type result string

const (
	applied   result = "applied"   // its transaction committed
	duplicate result = "duplicate" // it had been applied, or diverted, before
	diverted  result = "diverted"  // its tenant has left the cell, and it waits to be sent to the new one
	dropped   result = "dropped"   // it is synthetic and has expired; see delivery.outdated
	removed   result = "removed"   // its tenant was removed with all that it had, and nobody waits for it
	retry     result = "retry"     // it failed and comes again
	resent    result = "resent"    // it lost its receives to records that killed the process, and a copy of it has its place
	ejected   result = "ejected"   // it failed for the last time, and goes to the dead letter queue
)

// Reason is the class of a failure, as it stands in the log, in a metric's name and in the outcome of an event that was given up
// on.
type Reason string

const (
	Malformed Reason = "malformed" // the message, or the item that it refers to, is not a valid event
	Expired   Reason = "expired"   // its payload was deleted before it was applied; a redrive does not bring it back
	Rejected  Reason = "rejected"  // the business logic says that no retry will help
	Panicked  Reason = "panic"     // the business logic panicked
	Deadline  Reason = "deadline"  // it did not finish, or could not start, in time
	Crashed   Reason = "crashed"   // the process died on its last receive: of it, or of a record beside it
	Failed    Reason = "error"     // anything else
)

// permanent reports whether trying again could not change the outcome.
func (r Reason) permanent() bool { return r == Malformed || r == Rejected || r == Expired }

func (o outcome) failed() bool { return o.err != nil }

// text is what a failure says, or "" where nothing is known but its reason.
func (o outcome) text() string {
	if o.err == nil {
		return ""
	}
	return o.err.Error()
}

// failure classifies the error of an attempt that worked under ctx. The end of a context is no verdict on an event, also
// where the business logic calls it permanent.
func failure(ctx context.Context, err error) outcome {
	out := outcome{result: retry, reason: Failed, err: err}
	if classified, ok := errors.AsType[*classifiedError](err); ok {
		out.reason = classified.reason
	} else if app.IsPermanent(err) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		out.reason = Rejected
	} else if _, ok := errors.AsType[*panicError](err); ok {
		out.reason = Panicked
	} else if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		out.reason = Deadline
	}
	return out
}

// classifiedError is an error whose reason is known where it happens.
type classifiedError struct {
	reason Reason
	error
}

func (e *classifiedError) Unwrap() error { return e.error }

// panicError is a panic, caught.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }
