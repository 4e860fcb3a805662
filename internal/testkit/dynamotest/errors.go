package dynamotest

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"cellular/internal/testkit/dynamotest/strict"
)

// invalid is the service's answer to a request that it refuses whatever its tables hold.
func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// unknown is the answer to a request that the service may well accept, and that this package knows nothing about.
func unknown(format string, args ...any) error {
	return strict.Unknown("dynamotest", format, args...)
}

// failure is an error as the SDK's client wraps it.
func failure(operation string, err error) error {
	if err == nil {
		return nil
	}
	return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: operation, Err: err}
}

func conditionFailed(old Item, returnOld types.ReturnValuesOnConditionCheckFailure) error {
	failed := &types.ConditionalCheckFailedException{Message: new("The conditional request failed")}
	if returnOld == types.ReturnValuesOnConditionCheckFailureAllOld {
		failed.Item = cloneItem(old)
	}
	return failed
}

// carriedOut reports whether an error is the answer of an operation that was carried out: a condition did not hold.
func carriedOut(err error) bool {
	var failed *types.ConditionalCheckFailedException
	var canceled *types.TransactionCanceledException
	return err == nil || errors.As(err, &failed) || errors.As(err, &canceled)
}

// only returns an error unless every field that is set in a request is one of those known here.
func only(request any, known ...string) error { return strict.Only("dynamotest", request, known...) }
