package consumer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"cellular/app"
	"cellular/internal/model/event"
)

// errNotStarted is the error of a record that the invocation did not come to.
var errNotStarted = errors.New("not started: the invocation has no time left")

// attempt tries to apply one record, within what ctx and the record's own timeout leave.
func (c *Consumer) attempt(ctx context.Context, d delivery) outcome {
	ctx, cancel := context.WithTimeout(ctx, c.RecordTimeout)
	defer cancel()
	var business *time.Duration
	result, err := c.apply(ctx, d, &business)
	out := outcome{result: result}
	if err != nil {
		out = failure(ctx, err)
	}
	out.business = business
	return out
}

// apply applies one record. It sets business to the time that the business logic took, if that has run.
func (c *Consumer) apply(ctx context.Context, d delivery, business **time.Duration) (done result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicError{value: r, stack: debug.Stack()}
		}
	}()
	if d.err != nil {
		return "", &classifiedError{Malformed, d.err}
	}
	if ctx.Err() != nil {
		return "", errNotStarted
	}
	e := d.message.Event
	if d.message.PayloadRef {
		if e.Payload, err = c.fetchPayload(ctx, e); err != nil {
			return "", fmt.Errorf("read the payload: %w", err)
		}
	}
	var effect app.Effect // of a synthetic event, which is nobody's business
	if !e.Synthetic() {
		start := c.Now()
		effect, err = c.run(ctx, e)
		*business = new(c.Now().Sub(start))
	}
	if err != nil {
		return "", err
	}
	if err := checkEffect(effect, c.ResultsTable); err != nil {
		return "", app.Permanent(err)
	}
	done, err = c.commit(ctx, e, effect)
	if done == applied && c.AfterApply != nil {
		c.AfterApply(e)
	}
	return done, err
}

// run calls Apply and waits for it until ctx ends. A call that does not return by then goes on, without effect: what
// it returns is dropped. Handle bounds how many such calls there can be.
func (c *Consumer) run(ctx context.Context, e event.Event) (app.Effect, error) {
	type answer struct {
		effect app.Effect
		err    error
	}
	done := make(chan answer, 1) // room for an answer that nobody waits for any more
	c.running.Add(1)
	go func() {
		a := answer{err: &panicError{value: "runtime.Goexit"}} // unless Apply returns, or panics
		defer func() {
			if r := recover(); r != nil {
				a = answer{err: &panicError{value: r, stack: debug.Stack()}}
			}
			c.running.Add(-1)
			done <- a
		}()
		a.effect, a.err = c.Apply(ctx, e)
	}()
	select {
	case a := <-done:
		return a.effect, a.err
	case <-ctx.Done():
		return app.Effect{}, fmt.Errorf("the business function did not return: %w", ctx.Err())
	}
}
