package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// attemptTimeout bounds what it takes to note an attempt, within the settleTimeout of a failure. Nothing depends on the note.
const attemptTimeout = settleTimeout / 2

// attemptsTime bounds how much of a batch's time goes into noting attempts: a batch has up to a thousand records, and what it does
// not come to in its time has lost a receive.
const attemptsTime = settleTimeout

var errAttemptsFail = errors.New("note the attempt: not tried, since the batch's other attempts took too long")

// noteAttempt keeps what a failed attempt says, beside those before it: the queue keeps no more than a count, and the log only for
// so long. It returns why that could not be done, which changes nothing about the event. A table that does not take one
// attempt in time is not asked to take another in the same batch, whose records share its time.
//
// Nothing is noted of a failure that no retry mends: it is the event's last, and its outcome says the same. A flood of such events costs
// no more calls than it did. Nothing is noted of a record that was not started, either.
func (i *invocation) noteAttempt(ctx context.Context, d delivery, out outcome) error {
	if out.reason.permanent() && out.result == ejected || d.err != nil || errors.Is(out.err, errNotStarted) {
		return nil
	}
	if i.attemptFails.Load() || i.attemptsTook.Load() >= int64(attemptsTime) {
		return errAttemptsFail
	}
	start := i.Now()
	defer func() { i.attemptsTook.Add(int64(i.Now().Sub(start))) }()
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	attempt := ledger.Attempt{
		At: start.UTC().Truncate(time.Millisecond), ReceiveCount: d.receives, Reason: string(out.reason), ReasonText: out.text(),
	}
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		attempt.RequestID = invocation.AwsRequestID
	}
	if err := i.addAttempt(ctx, d.message.Event, attempt); err != nil {
		if ctx.Err() != nil {
			i.attemptFails.Store(true)
		}
		return fmt.Errorf("note the attempt: %w", err)
	}
	return nil
}

// addAttempt adds an attempt at an event to those that the table has. What it has of an earlier acceptance of the id ends with that,
// and a late delivery of an earlier one adds nothing to a later one's.
//
// The condition on the fence keeps the table free of what nobody would take away: a cell that may not apply an event any more,
// because its tenant has moved or was removed, notes no attempts at it. Where another delivery of the event has noted one at
// the same moment, this one is added to that.
func (c *Consumer) addAttempt(ctx context.Context, e event.Event, attempt ledger.Attempt) error {
	return transact.Retrier{}.Repeat(ctx, func(ctx context.Context) (again bool, err error) {
		out, err := c.Tables.GetItem(ctx, ledger.GetAttempts(c.ResultsTable, e.TenantID, e.ID))
		if err != nil {
			return false, err
		}
		read, err := ledger.AttemptsFromItem(out.Item)
		if err != nil || read.After(e) {
			return false, err
		}
		attempts := read
		if read.Failures == 0 || !read.Of(e) {
			attempts = ledger.AttemptsOf(e)
		}
		err = c.transact(ctx, []types.TransactWriteItem{
			ledgerAt: ledger.SetAttempts(c.ResultsTable, read, attempts.With(attempt, c.MaxReceiveCount, c.ResultTTL)),
			fenceAt:  ledger.MayApply(c.ResultsTable, e),
		})
		if transact.ConditionFailed(err, fenceAt) {
			return false, nil
		}
		return transact.ConditionFailed(err, ledgerAt), err
	})
}
