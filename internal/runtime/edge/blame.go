package edge

import (
	"context"
	"errors"

	"github.com/aws/smithy-go"

	"cellular/internal/model/transact"
	"cellular/internal/runtime/guard"
)

// worthRetrying reports whether the same call may well succeed at once. A call that ran out of time is not: neither is
// there time, nor a reason to believe in it. A write that met a transaction is: a move that copies an event, or a consumer,
// is at the item for some ten milliseconds.
func worthRetrying(err error) bool {
	return !timedOut(err) && transact.Classify(err).Retryable()
}

func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// metHotKeys reports whether DynamoDB throttled a call for nothing but the keys that it was at: a range of keys, of a table or
// of one of its indexes, takes no more at the moment, and all others do. A reason that reaches further, a table's or the
// account's limit, makes it false, and so does an answer without reasons.
func metHotKeys(err error) bool {
	failure := transact.Classify(err)
	return failure.Kind == transact.Throttled && failure.Scope == transact.ScopeKeyRange
}

// outcomeOf says what the end of a call tells about its cell. What a client can bring about at will must not count
// against the cell, or one tenant could shut its neighbours out; nor may it count in the cell's favour.
func outcomeOf(err error) guard.Outcome {
	switch {
	case err == nil, errors.Is(err, ErrMalformed):
		return guard.Succeeded // the cell answered; an event that it already has is an answer too
	case errors.Is(err, context.Canceled):
		return guard.Neutral // the caller is gone
	case transact.Classify(err).Kind == transact.Contended:
		return guard.Neutral // a move of one tenant is at one item: that says nothing about the cell
	case metHotKeys(err):
		return guard.Neutral // one tenant can heat its keys, and the cell serves all others
	case timedOut(err):
		return guard.TimedOut
	case worthRetrying(err):
		return guard.Failed
	}
	if api := smithy.APIError(nil); errors.As(err, &api) {
		switch api.ErrorCode() {
		case "ResourceNotFoundException", "AccessDeniedException": // the cell is not there, or does not let the router in
			return guard.Failed
		}
		return guard.Neutral // a request that DynamoDB does not take, or the router's own credentials
	}
	return guard.Failed
}
