package local

import (
	"context"
	"errors"
	"fmt"

	"cellular/local/lambda"
	"cellular/local/provider"
)

// apiGateway is the service principal that a function's permission names.
const apiGateway = "apigateway.amazonaws.com"

// invoker lets the gateway invoke functions, as far as their permissions allow it.
type invoker struct {
	functions   *lambda.Service
	permissions *provider.Permissions
}

func (i invoker) Invoke(ctx context.Context, function string, payload []byte) ([]byte, string, error) {
	if !i.permissions.Allows(apiGateway, function) {
		return nil, "", fmt.Errorf("function %s has no permission that lets %s invoke it", function, apiGateway)
	}
	result, err := i.functions.Invoke(ctx, function, payload)
	if errors.Is(err, lambda.ErrThrottled) {
		return nil, "", throttled{err}
	}
	return result.Payload, result.FunctionError, err
}

// throttled is a function at its concurrency limit, as the gateway knows it.
type throttled struct{ error }

func (throttled) Throttled() bool { return true }
func (t throttled) Unwrap() error { return t.error }
