package transact

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// Item is an item of a table.
type Item = map[string]types.AttributeValue

// Kind is what an error of a call to DynamoDB means for its caller.
type Kind int

const (
	// None is the kind of a nil error.
	None Kind = iota
	// Condition: a condition did not hold, and nothing was written. The same call would be answered the same way until
	// somebody changes the items.
	Condition
	// Contended: a transaction was at the same items, and nothing was written.
	Contended
	// Throttled: a key, a table or the account was given more than it takes, and nothing was written.
	Throttled
	// Unanswered: the service failed, the connection did, or a transaction with the same request token is under way. The
	// write may have taken effect, or may do so yet.
	Unanswered
	// Invalid: the request, or an item that it would make, is not one that DynamoDB takes.
	Invalid
	// Refused is every other kind: not allowed, no such table, and out of time, which alone leaves open whether
	// a write took effect. Trying again does not help.
	Refused
)

// Scope is how far the reasons reach that DynamoDB gives for throttling a request.
type Scope int

// The scopes, from the narrowest to the widest. ScopeUnknown is that of an error without reasons, which those inside a
// canceled transaction are.
const (
	ScopeUnknown Scope = iota
	ScopeKeyRange
	ScopeTable
	ScopeAccount
)

// Failure is an error of a call to DynamoDB, classified.
type Failure struct {
	Kind Kind
	// Scope is the widest of the reasons of a throttled call. ScopeKeyRange means that one hot key is throttled, of the
	// table or of an index, and that calls to other keys may well succeed.
	Scope Scope

	failed map[int]Item // what each operation that did not meet its condition has found
}

// Retryable reports whether the same call may succeed soon.
func (f Failure) Retryable() bool {
	return f.Kind == Contended || f.Kind == Throttled || f.Kind == Unanswered
}

// Failed reports whether the operation at a position of the transaction did not meet its condition. A single write is at
// position 0.
func (f Failure) Failed(at int) bool {
	_, failed := f.failed[at]
	return failed
}

// Item is the item that an operation which did not meet its condition has found. It is nil where there was none, and where
// the operation did not ask for it (ReturnValuesOnConditionCheckFailure).
func (f Failure) Item(at int) Item { return f.failed[at] }

// ConditionFailed reports whether the operation at a position of the transaction did not meet its condition. A single
// write is at position 0.
func ConditionFailed(err error, at int) bool { return Classify(err).Failed(at) }

// Classify says what an error of a call to DynamoDB means. It knows the errors that the API reference documents for each
// operation, those of a canceled transaction's operations, and failed connections as the SDK does.
func Classify(err error) Failure {
	if err == nil {
		return Failure{}
	}
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		return ofReasons(canceled.CancellationReasons)
	}
	if condition, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return Failure{Kind: Condition, failed: map[int]Item{0: condition.Item}}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Failure{Kind: Refused}
	}
	if api := smithy.APIError(nil); errors.As(err, &api) {
		switch kind := ofCode(api.ErrorCode()); {
		case kind == Throttled:
			return Failure{Kind: Throttled, Scope: widest(throttlingReasons(err))}
		case kind != Refused:
			return Failure{Kind: kind}
		case api.ErrorFault() == smithy.FaultServer:
			return Failure{Kind: Unanswered}
		}
	}
	if transient.IsErrorRetryable(err).Bool() {
		return Failure{Kind: Unanswered}
	}
	return Failure{Kind: Refused}
}

// transient knows the errors after which the SDK itself would try again: throttling, 500, 502, 503 and 504, and
// connections that fail.
var transient = retry.IsErrorRetryables(retry.DefaultRetryables)

// ofCode is the kind of an error by its code: that of an answer, or of an operation of a canceled transaction. They are
// from the API references of the operations and of CancellationReason, and from "Error handling with DynamoDB". Those that
// a transaction's operations have end without "Exception".
func ofCode(code string) Kind {
	switch code {
	case "ConditionalCheckFailed", "ConditionalCheckFailedException":
		return Condition
	case "TransactionConflict", "TransactionConflictException":
		return Contended
	case "ThrottlingError", "ThrottlingException", "Throttling", "RequestLimitExceeded",
		"ProvisionedThroughputExceeded", "ProvisionedThroughputExceededException":
		return Throttled
	case "ValidationError", "ValidationException":
		return Invalid
	case "TransactionInProgressException", "InternalServerError", "ServiceUnavailable":
		return Unanswered
	}
	return Refused
}

// ofReasons classifies a canceled transaction. Nothing of it was written, whatever the reasons. A condition that did not
// hold outweighs what else was in the way: it is what the caller has to know, and trying again would not mend it. What is
// invalid or refused outweighs contention for the same cause.
func ofReasons(reasons []types.CancellationReason) Failure {
	f := Failure{failed: map[int]Item{}}
	has := map[Kind]bool{}
	for at, reason := range reasons {
		code := aws.ToString(reason.Code)
		if code == "" || code == "None" {
			continue
		}
		kind := ofCode(code)
		if kind == Condition {
			f.failed[at] = reason.Item
		}
		has[kind] = true
	}
	for _, kind := range []Kind{Condition, Invalid, Refused, Throttled, Contended} {
		if has[kind] {
			f.Kind = kind
			return f
		}
	}
	f.Kind = Refused // for a reason that the service does not give
	return f
}

func throttlingReasons(err error) []types.ThrottlingReason {
	if e, ok := errors.AsType[*types.ProvisionedThroughputExceededException](err); ok {
		return e.ThrottlingReasons
	}
	if e, ok := errors.AsType[*types.ThrottlingException](err); ok {
		return e.ThrottlingReasons
	}
	if e, ok := errors.AsType[*types.RequestLimitExceeded](err); ok {
		return e.ThrottlingReasons
	}
	return nil
}

// widest is the widest scope of the reasons. A reason's text is made of the resource, Table or Index, the operation, Read
// or Write, and the limit, from the API reference of ThrottlingReason. A limit that is not known counts as a table's.
func widest(reasons []types.ThrottlingReason) Scope {
	scope := ScopeUnknown
	for _, r := range reasons {
		switch reason := aws.ToString(r.Reason); {
		case strings.HasSuffix(reason, "KeyRangeThroughputExceeded"):
			scope = max(scope, ScopeKeyRange)
		case strings.HasSuffix(reason, "AccountLimitExceeded"):
			scope = max(scope, ScopeAccount)
		default: // ProvisionedThroughputExceeded, MaxOnDemandThroughputExceeded
			scope = max(scope, ScopeTable)
		}
	}
	return scope
}
