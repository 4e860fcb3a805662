package local

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cellular/local/gate"
	"cellular/local/lambda"
)

// The service principals that policies name.
const (
	apiGateway    = "apigateway.amazonaws.com"
	lambdaService = "lambda.amazonaws.com"
)

// invoker lets the gateway invoke functions, as far as their policies allow it.
type invoker struct {
	functions *lambda.Service
	gate      *gate.Gate
}

func (i invoker) Invoke(ctx context.Context, function, source string, payload []byte) ([]byte, string, error) {
	f, err := i.functions.GetFunction(ctx, function)
	if err != nil {
		return nil, "", err
	}
	if err := i.gate.AuthorizeService(apiGateway, "lambda:InvokeFunction", f.ARN, source); err != nil {
		return nil, "", err
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

// functionRoles is how the local Lambda acts as the functions' roles.
type functionRoles struct{ *gate.Gate }

// Assume takes a role as Lambda does, which the role has to trust.
func (r functionRoles) Assume(roleARN, session string) (aws.Credentials, error) {
	return r.AssumeFor(lambdaService, roleARN, session, "")
}
