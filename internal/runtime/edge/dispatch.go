package edge

import (
	"context"
	"time"

	"cellular/internal/model/wait"
	"cellular/internal/runtime/guard"
)

// The pause before the one retry, in which a throttled cell recovers and a connection is made anew. Half of it is left
// to chance: requests that failed together are not to come back together.
const retryPause = 50 * time.Millisecond

// inCell makes one call into a cell. Every call goes through here, and here it is kept from the other tenants' way: it
// is bounded in time, by what the cell usually takes and in all; cells that fail are not called for a while, and no cell has
// more calls under way, or more per second, than its share.
//
// A call that fails in a way that may be over at once is made once more, in the same cell and within the same deadline.
// That is safe for a write too: the cell takes an event of an id once, and tells by its content that the second is the
// first. No retry is made as a probe: the cell has just been down, and one call is enough to see whether it still is.
func (h *Handler) inCell(ctx context.Context, x *exchange, call func(context.Context) error) error {
	start := h.config.Now()
	pass, refusal, ok := h.cellGuards.Enter(start, x.cellID)
	x.guarded, x.breaker = true, pass.State
	if !ok {
		x.shed = refusal.Reason
		return overloaded(refusal)
	}
	x.patience = pass.Patience
	ctx, cancel := context.WithTimeout(ctx, h.config.Cell.Timeout.Max)
	defer cancel()
	ctx, w := await(ctx, pass.Patience)
	outcome := guard.Neutral // of a call that panics
	defer func() {
		waited := w.stop()
		end := h.config.Now()
		x.breakerOpened = pass.Leave(end, outcome, waited)
		x.dispatchTook = end.Sub(start)
	}()

	x.attempts = 1
	err := w.attempt(ctx, call)
	if worthRetrying(err) && pass.State == guard.Closed && h.pause(ctx) {
		x.attempts = 2
		err = w.attempt(ctx, call)
	}
	outcome, x.hotKeys = outcomeOf(err), metHotKeys(err)
	return err
}

// pause waits before a retry, or returns false at once where the deadline would come first.
func (h *Handler) pause(ctx context.Context) bool {
	d := retryPause/2 + time.Duration(h.config.Random()*float64(retryPause/2))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	return wait.For(ctx, d) == nil
}

// overloaded is the answer to a request that was not let into its cell. It is a 503 and never a 429, because it is not
// the client who did too much: a tenant that does is stopped before, by its own limit.
func overloaded(refusal guard.Refusal) *problem {
	p := unavailable.problem("The tenant's cell takes no more requests at the moment; nothing was sent to it.")
	p.retryAfter = refusal.Wait
	return p
}
