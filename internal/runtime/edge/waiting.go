package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"sync"
	"time"
)

// waiting ends a call into a cell whose answer takes longer than the cell's patience, and measures how long answers take. A
// call may make several requests, one after the other; each has the whole patience.
//
// The wait for an answer begins when the request has a connection, and ends with the answer's first byte. What comes before and
// after says nothing about the cell: all cells are behind one host, so a new connection, with its TLS handshake, takes as long
// whichever cell it is for. A store that uses no connection, as in tests, is waited for from the call's beginning to its end.
type waiting struct {
	patience time.Duration
	deadline time.Time // of the whole call; zero where it has none
	giveUp   context.CancelCauseFunc

	mu      sync.Mutex
	timer   *time.Timer // nil until the first wait
	since   time.Time   // when the wait that is under way began; zero while there is none
	longest time.Duration
}

// errImpatient is why a call's context was canceled.
var errImpatient = errors.New("no answer came in time")

// noAnswer is the error of a call that was given up. It is a DeadlineExceeded, and not the cancellation that ended the call.
type noAnswer struct {
	patience time.Duration
	call     error // how the call ended
}

func (e noAnswer) Error() string {
	return fmt.Sprintf("no answer within %s, which is at least twice what the cell took lately: %s", e.patience, e.call)
}

func (noAnswer) Unwrap() error { return context.DeadlineExceeded }

// await returns a context for one call's requests that ends when an answer takes longer than patience.
func await(ctx context.Context, patience time.Duration) (context.Context, *waiting) {
	ctx, giveUp := context.WithCancelCause(ctx)
	w := &waiting{patience: patience, giveUp: giveUp}
	w.deadline, _ = ctx.Deadline()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) { w.end() },
		GotConn:              func(httptrace.GotConnInfo) { w.begin() },
		GotFirstResponseByte: w.end,
	})
	return ctx, w
}

func (w *waiting) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since = time.Now()
	switch givenUp := w.since.Add(w.patience); {
	case !w.deadline.IsZero() && !givenUp.Before(w.deadline): // the call ends before
	case w.timer == nil:
		w.timer = time.AfterFunc(w.patience, func() { w.giveUp(errImpatient) })
	default:
		w.timer.Reset(w.patience)
	}
}

func (w *waiting) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.longest = max(w.longest, time.Since(w.since))
	w.since = time.Time{}
}

// stop ends the call's context, and returns the longest wait for an answer. It must be called once all requests have ended.
func (w *waiting) stop() time.Duration {
	w.end()
	w.giveUp(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.longest
}

// attempt makes a call, and says so where it failed because it was given up.
func (w *waiting) attempt(ctx context.Context, call func(context.Context) error) error {
	w.begin()
	err := call(ctx)
	w.end()
	if err != nil && errors.Is(context.Cause(ctx), errImpatient) {
		return noAnswer{w.patience, err}
	}
	return err
}
