package consumer

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// settleTimeout bounds each call that follows up on a failure. Such a call is worth little waiting: without it the
// message comes back after the queue's visibility timeout, or goes to the dead letter queue without a note.
const settleTimeout = time.Second

// settle decides what a failure of a delivery means for its record. On the last receive, and on any where no retry can help,
// the event is noted as given up on, unless it turns out to have been dealt with: applied by an earlier delivery whose answer
// got lost, or diverted, and so on its way to its tenant's new cell. Then all is well. An event whose tenant has left is not
// given up on here, in a cell whose dead letter queue nobody looks for it in, but diverted: the new cell finds out for itself.
//
// An event of a tenant that was removed does not fail, on whatever receive: its payload may be gone, and the business
// logic has no state of it any more.
//
// A failure that remains one is kept among the event's attempts.
func (i *invocation) settle(ctx context.Context, d delivery, out outcome) outcome {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if out = i.judge(ctx, d, out); out.failed() {
		out.unnoted = i.noteAttempt(ctx, d, out)
	}
	return out
}

func (c *Consumer) judge(ctx context.Context, d delivery, out outcome) outcome {
	if d.err == nil {
		if gone, err := c.ofRemoved(ctx, d.message.Event); err == nil && gone {
			return outcome{result: removed}
		}
	}
	last := d.receives >= c.MaxReceiveCount
	if !last && !out.reason.permanent() {
		return out
	}
	retried := out
	out.result = ejected
	if d.eventID == "" {
		return out // nobody can ask for the outcome of an event that has no name
	}
	done, err := c.recordFailed(ctx, d, out, time.Time{})
	if errors.Is(err, errFenced) {
		var result result
		if result, err = c.divert(ctx, d.message.Event); err == nil {
			return outcome{result: result}
		}
	}
	switch {
	case err != nil && !last:
		return retried // it may be noted next time
	case err != nil:
		c.Logger.LogAttrs(ctx, slog.LevelError, "the event goes to the dead letter queue, and its status stays accepted",
			append(d.followed(), slog.String("error", err.Error()))...)
	case done && d.err == nil:
		return outcome{result: duplicate}
	}
	return out
}

// delayOf is the time until the next delivery. There is none to wait for where a record is about to be ejected: the queue
// moves it when it is next due.
func (c *Consumer) delayOf(d delivery, out outcome) time.Duration {
	if out.result == ejected {
		return 0
	}
	return backoff(c.BackoffBase, c.BackoffMax, d.receives)
}
