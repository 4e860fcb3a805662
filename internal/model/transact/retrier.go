// Package transact carries out writes to DynamoDB that meet other writes: it classifies the errors, and tries again what
// may succeed soon, with one policy for all who write.
//
// Transactions do not queue. One that meets another at an item is canceled, and so is a plain put, update or delete of an
// item that a transaction is at. Which of them waits, for how long, and what of an answer that got lost, is decided here.
package transact

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"cellular/internal/model/wait"
)

// The delays between two tries. A transaction takes some ten milliseconds, so the first try again falls behind the one
// that won; at the limit, a hundred who want the same item come a few at a time.
const (
	DelayBase  = 20 * time.Millisecond
	DelayLimit = time.Second
)

// Patience bounds the tries of an operation whose context has no deadline. Two hundred transactions at the same item, one
// after the other, take a few seconds; a transaction whose answer got lost is settled by the service after five, from the
// API reference of TransactWriteItems.
const Patience = 30 * time.Second

// Delay is a random share of a time that doubles with each try, from 0 on: those that collided do not collide again.
func Delay(try int) time.Duration {
	most := DelayLimit
	if try < 6 { // 20 ms << 6 is above the limit
		most = min(most, DelayBase<<try)
	}
	return 1 + rand.N(most)
}

// Retrier tries operations again. Its zero value is ready for use.
type Retrier struct {
	Sleep func(context.Context, time.Duration) error // nil waits; its error is the context's
}

// Repeat calls once until it reports that trying again does not help, or there is no time left: that of the context's
// deadline or, where it has none, Patience.
func (r Retrier) Repeat(ctx context.Context, once func(context.Context) (again bool, err error)) error {
	b := r.begin()
	for {
		again, err := once(ctx)
		if err == nil || !again {
			return err
		}
		if err := b.wait(ctx, err); err != nil {
			return err
		}
	}
}

// backoff is the time that one operation has spent.
type backoff struct {
	sleep   func(context.Context, time.Duration) error
	start   time.Time
	waited  time.Duration // what sleep was asked for, so that a test's own sleep has a bound, too
	tries   int
	retries int // since the last progress
}

func (r Retrier) begin() *backoff {
	b := &backoff{sleep: r.Sleep, start: time.Now()}
	if b.sleep == nil {
		b.sleep = wait.For
	}
	return b
}

// wait waits after a try that failed. Where there is no time for another one, its error wraps the try's and, if that is the
// context's doing, the context's.
func (b *backoff) wait(ctx context.Context, failed error) error {
	d := Delay(b.retries)
	b.tries++
	b.retries++
	if deadline, ok := ctx.Deadline(); ok {
		if time.Until(deadline) <= d {
			return fmt.Errorf("out of time after %s: %w: %w", times(b.tries), context.DeadlineExceeded, failed)
		}
	} else if max(b.waited, time.Since(b.start)) >= Patience {
		return fmt.Errorf("no success in %s over %s, try later: %w", times(b.tries), Patience, failed)
	}
	b.waited += d
	if err := b.sleep(ctx, d); err != nil {
		return fmt.Errorf("%w after %s: %w", err, times(b.tries), failed)
	}
	return nil
}

// progress begins to count anew: what is left was not in the way of others so far.
func (b *backoff) progress() {
	b.start, b.waited, b.retries = time.Now(), 0, 0
}

func times(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}
