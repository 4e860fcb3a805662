// Package source holds what the pollers of all event sources share: how they invoke a function, how they read a partial
// batch response, how much fits into one invocation, and how they wait.
package source

import (
	"context"
	"time"
)

// MaxPayloadBytes bounds the event of one invocation: Lambda's quota for a synchronous invocation.
const MaxPayloadBytes = 6 << 20

// ErrThrottled is the error of an invocation that found the function at its concurrency limit. The function did not run.
var ErrThrottled error = throttled{}

type throttled struct{}

func (throttled) Error() string { return "TooManyRequestsException: Rate Exceeded" }

// Throttled lets a caller tell this error from others by its behaviour.
func (throttled) Throttled() bool { return true }

// Invocation is what a function made of one event.
type Invocation struct {
	RequestID     string
	Payload       []byte
	FunctionError string // "" or "Unhandled"
}

// Invoker invokes the function of one mapping. An error means that the function did not run: it is throttled, gone, or
// could not be started; a function that ran and failed is an Invocation with a FunctionError.
type Invoker interface {
	Invoke(ctx context.Context, payload []byte) (Invocation, error)
}

// Fit returns how many of the leading items go into one invocation of at most limit items, given the size of each in
// the event, and whether the invocation is full: waiting for more items would not let it take more. At least one of
// the items is taken.
func Fit[T any](items []T, limit int, size func(T) int) (n int, full bool) {
	const frame = len(`{"Records":[]}`)
	bytes := frame
	for i, item := range items {
		bytes += size(item) + 1 // and a comma
		if i == limit || i > 0 && bytes > MaxPayloadBytes {
			return i, true
		}
	}
	return len(items), len(items) == limit
}

// Event wraps the JSON of single records into the event that a function gets.
func Event[T any](items []T, body func(T) []byte) []byte {
	event := []byte(`{"Records":[`)
	for i, item := range items {
		if i > 0 {
			event = append(event, ',')
		}
		event = append(event, body(item)...)
	}
	return append(event, "]}"...)
}

// Backoff is an exponential delay between attempts.
type Backoff struct {
	Base time.Duration // after the first failure; doubles with each further one
	Max  time.Duration // never longer than this
}

// Delay after the given number of failures, from 1.
func (b Backoff) Delay(failures int) time.Duration {
	d := b.Base
	for i := 1; i < failures && d < b.Max; i++ {
		d *= 2
	}
	return min(d, b.Max)
}

// Sleep waits. It returns false, early, if the poller is to end: stop is closed or ctx is done.
func Sleep(ctx context.Context, stop <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return !Ending(ctx, stop)
	case <-stop:
	case <-ctx.Done():
	}
	return false
}

// Ending says whether the poller is to end.
func Ending(ctx context.Context, stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}
