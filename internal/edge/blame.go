package edge

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"cellular/internal/guard"
)

// transient tells the errors after which the SDK itself would try again: throttling, 500, 502, 503 and 504, and
// connections that fail.
var transient = retry.IsErrorRetryables(retry.DefaultRetryables)

// worthRetrying reports whether the same call may well succeed at once. A call that ran out of time is not: neither is
// there time, nor a reason to believe in it.
func worthRetrying(err error) bool {
	if err == nil || timedOut(err) || errors.Is(err, context.Canceled) {
		return false
	}
	if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorFault() == smithy.FaultServer {
		return true
	}
	return transient.IsErrorRetryable(err).Bool()
}

func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// outcomeOf says what the end of a call tells about its cell. What a client can bring about at will must not count
// against the cell, or one tenant could shut its neighbours out; nor may it count in the cell's favour.
func outcomeOf(err error) guard.Outcome {
	switch {
	case err == nil, errors.Is(err, ErrMalformed):
		return guard.Succeeded // the cell answered; an event that it already has is an answer too
	case errors.Is(err, context.Canceled):
		return guard.Neutral // the caller is gone
	case timedOut(err), worthRetrying(err):
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
