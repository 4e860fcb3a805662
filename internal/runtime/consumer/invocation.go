package consumer

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"
)

// invocation is one call of Handle at work on its batch.
type invocation struct {
	*Consumer
	workCtx, settleCtx context.Context // see AnswerMargin

	todo     []delivery // not handled yet, in their order
	done     []delivery // handled, and still in the queue
	dead     []delivery // failed for good, and not in the dead letter queue yet
	delays   []delay    // failed, and still hidden for the queue's visibility timeout
	failures []events.SQSBatchItemFailure

	lastApplied string // the key of the event that was applied last; "" if none was

	guarded     bool      // a message of the batch was received before
	afterTrial  bool      // the record before was on trial
	hiddenUntil time.Time // the messages of todo, since guard has seen to it
	queueFails  int       // calls of guard in a row that the queue has not carried out
	deadFails   bool      // the dead letter queue took a message not or not in time

	attemptFails atomic.Bool  // an attempt could not be noted in time
	attemptsTook atomic.Int64 // what noting attempts took, in nanoseconds; those of several tenants add up
}

// slack is what a record and what follows on it may take beyond the record's own timeout: to settle it, and to guard the
// next one.
const slack = AnswerMargin + 2*settleTimeout

// begin makes the plan for a batch. If a message of it has been received before, it finds out which of them may have ended
// a process, replaces by copies those that have only lost their turns to others, and notes what goes to the dead letter
// queue if this process ends.
func (i *invocation) begin(ctx context.Context, batch events.SQSEvent) {
	i.failures = []events.SQSBatchItemFailure{} // goes out as [] rather than null
	for _, m := range batch.Records {
		d := read(m)
		if d.outdated(i.Now()) {
			i.done = append(i.done, d)
			i.record(ctx, d, outcome{result: dropped}, 0)
			continue
		}
		i.guarded = i.guarded || d.again()
		i.todo = append(i.todo, d)
	}
	if !i.guarded {
		return
	}
	i.readNotes(i.settleCtx, i.todo)
	inOrder(i.todo, i.age)
	todo := i.todo
	i.todo = nil
	for _, d := range todo {
		if i.due(d) && i.replace(ctx, d) {
			continue
		}
		if d.again() && d.receives >= i.MaxReceiveCount && i.writeAhead(i.settleCtx, d, i.end(ctx)) {
			i.done = append(i.done, d)
			i.record(ctx, d, outcome{result: duplicate}, 0)
			continue
		}
		i.todo = append(i.todo, d)
	}
}

// end is when the invocation has ended at the latest.
func (i *invocation) end(ctx context.Context) time.Time {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline
	}
	return i.Now().Add(i.RecordTimeout + slack)
}

// replace has a copy take the place of a message in the queue.
func (i *invocation) replace(ctx context.Context, d delivery) bool {
	if err := i.resend(i.settleCtx, d); err != nil {
		i.warn(ctx, d, "a message on its last receive could not be replaced by a copy", err)
		return false
	}
	i.done = append(i.done, d)
	i.record(ctx, d, outcome{result: resent}, 0)
	return true
}

// guard prepares for the end of the process, in a batch with messages on trial, before the record d is handled. What is
// done is deleted, so that it does not come back; what failed is delayed, as it would be in the end; and what has not been
// handled yet is hidden for no longer than that may take. Then the record is noted, if it is on trial itself.
//
// The queue may refuse all of it: what is done is deleted by the answer, too, and the rest comes back later.
func (i *invocation) guard(ctx context.Context, d delivery) {
	if i.workCtx.Err() != nil {
		return // it will not be started
	}
	expiring := i.hiddenUntil.Before(i.Now().Add(i.RecordTimeout + slack))
	if d.onTrial() || i.afterTrial || expiring {
		i.bury(ctx)
		i.clear()
	}
	i.afterTrial = d.onTrial()
	if expiring {
		i.keepHidden()
	}
	if d.onTrial() {
		d.trial.Trials++
		if err := i.note(i.settleCtx, d); err != nil {
			i.warn(ctx, d, "should the process die now, it is not known of which message", err)
		}
	}
}

// bury sends what failed for good to the dead letter queue. From then on it is done. What cannot be sent is reported, and
// the queue moves it, once it has used up its receives.
//
// It is done for many at a time: at the end of the batch or, in a batch with messages on trial, before what is done is
// deleted. A process that dies between the two leaves a letter of a message that comes back, and will have another one.
func (i *invocation) bury(ctx context.Context) {
	list := i.dead
	i.dead = nil
	if len(list) == 0 {
		return
	}
	var errs []error
	if !i.deadFails {
		errs = i.eject(i.settleCtx, list)
	}
	for at, d := range list {
		if !i.deadFails && errs[at] == nil {
			i.done = append(i.done, d)
			continue
		}
		i.fail(d, 0)
	}
	if err := errors.Join(errs...); err != nil {
		i.deadFails = true
		i.Logger.LogAttrs(ctx, slog.LevelWarn, "messages could not be sent to the dead letter queue, and are left to use up their receives",
			slog.String("error", err.Error()))
	}
}

// fail reports a message as failed, and has it come back after a delay.
func (i *invocation) fail(d delivery, after time.Duration) {
	i.failures = append(i.failures, events.SQSBatchItemFailure{ItemIdentifier: d.sqs.MessageId})
	i.delays = append(i.delays, delay{receipt: d.sqs.ReceiptHandle, until: after})
}

// maxQueueFails is how many calls in a row may fail until guard makes no more of those that it can do without.
const maxQueueFails = 2

// clear deletes what is done, and delays what failed.
func (i *invocation) clear() {
	if i.queueFails >= maxQueueFails {
		return
	}
	if i.done = i.remove(i.settleCtx, i.done); len(i.done) > 0 || !i.hide(i.settleCtx, i.delays) {
		i.queueFails++
		return
	}
	i.delays, i.queueFails = nil, 0
}

// keepHidden has the queue deliver what has not been handled yet soon, should the process end, and not before it can be
// handled here, or deleted: guard sees to both again after a RecordTimeout, and need not ask the queue for each record.
// Once the messages are hidden for that short a time, it has to go on, whatever fails: what is not hidden again is received
// by others while it waits here, and may be on its last receive.
func (i *invocation) keepHidden() {
	if i.hiddenUntil.IsZero() && i.queueFails >= maxQueueFails {
		return
	}
	now, until := i.Now(), 2*i.RecordTimeout+slack
	if !i.hide(i.settleCtx, delaysOf(i.todo, until)) {
		i.queueFails++
		return
	}
	i.hiddenUntil, i.queueFails = now.Add(until), 0
}

func delaysOf(list []delivery, until time.Duration) []delay {
	delays := make([]delay, len(list))
	for at, d := range list {
		delays[at] = delay{receipt: d.sqs.ReceiptHandle, until: until}
	}
	return delays
}

// release gives the batch back to the queue, for a process that is fit to take it.
func (i *invocation) release() {
	i.clear()
	i.hide(i.settleCtx, delaysOf(i.todo, time.Second))
}

// errUnfinished is the error of work whose goroutine ended before it was done (runtime.Goexit).
var errUnfinished = errors.New("its goroutine ended early")

// handle handles the first n records of todo: those of a tenant one after the other, those of ConcurrentTenants at a time.
func (i *invocation) handle(ctx context.Context, n int) {
	list := i.todo[:n]
	i.todo = i.todo[n:]
	results := make([]outcome, n)
	for at := range results {
		results[at] = outcome{result: retry, reason: Failed, err: errUnfinished}
	}
	var group errgroup.Group
	group.SetLimit(i.ConcurrentTenants)
	for _, lane := range lanes(list) {
		group.Go(func() error {
			for _, at := range lane {
				results[at] = i.try(ctx, list[at])
			}
			return nil
		})
	}
	_ = group.Wait() // results has their errors
	for at, d := range list {
		if errors.Is(results[at].err, errUnfinished) {
			i.record(ctx, d, results[at], 0)
		}
		i.finish(d, results[at])
	}
}

// try handles one record, and logs what became of it before the next one of its tenant begins: a process that dies later has
// said so, and the time of its line is its own.
func (i *invocation) try(ctx context.Context, d delivery) outcome {
	start := i.Now()
	out := i.attempt(i.workCtx, d)
	if business := out.business; out.failed() {
		out = i.settle(i.settleCtx, d, out)
		out.business = business
	}
	i.record(ctx, d, out, i.Now().Sub(start))
	return out
}

// lanes are the indexes of the records of each tenant, in their order. A record of a tenant that is not known has a lane of its
// own.
func lanes(list []delivery) [][]int {
	var lanes [][]int
	of := map[string]int{}
	for at, d := range list {
		lane, ok := of[d.tenantID]
		if !ok || d.tenantID == "" {
			lane = len(lanes)
			lanes = append(lanes, nil)
			of[d.tenantID] = lane
		}
		lanes[lane] = append(lanes[lane], at)
	}
	return lanes
}

// finish notes what became of a record.
func (i *invocation) finish(d delivery, out outcome) {
	switch {
	case !out.failed():
		i.done = append(i.done, d)
	case out.result == ejected && out.reason.permanent():
		i.dead = append(i.dead, d)
	default:
		i.fail(d, i.delayOf(d, out))
	}
	if out.result == applied {
		i.lastApplied = d.message.Key()
	}
}
