package provider

import (
	"context"
	"maps"
	"reflect"
	"sync"

	awslambda "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
)

// invokeConfigKind bounds what Lambda does with the events that it queues for a function, which it runs twice more when they
// fail. The local cloud has no queue and runs nothing again, so that it takes no retries but none. Its id is the function's name.
// Limits: API reference, PutFunctionEventInvokeConfig.
var invokeConfigKind = &kind{
	token: "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
	args:  elementOf(awslambda.FunctionEventInvokeConfigArgs{}),
	state: reflect.TypeFor[awslambda.FunctionEventInvokeConfig](),
	rules: map[string]rule{
		"functionName":             functionRef,
		"maximumRetryAttempts":     numberIn(0),
		"maximumEventAgeInSeconds": between(60, 21_600),
	},
	required:  []string{"maximumRetryAttempts"},
	replaceOn: []string{"functionName"},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		name := functionName(r.in.str("functionName"))
		if _, err := c.lambda.GetFunction(ctx, name); err != nil {
			return "", nil, absent(err)
		}
		c.invokeConfigs.put(name, r.in)
		return name, nil, nil
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		if _, err := c.lambda.GetFunction(ctx, r.id); err != nil {
			return nil, absent(err)
		}
		found, ok := c.invokeConfigs.get(r.id)
		if !ok {
			return nil, errGone
		}
		return found, nil
	},
	update: func(_ context.Context, c *clients, r request) (values, error) {
		c.invokeConfigs.put(functionName(r.in.str("functionName")), r.in)
		return nil, nil
	},
	remove: func(_ context.Context, c *clients, r request) error {
		c.invokeConfigs.delete(r.id)
		return nil
	},
}

// invokeConfigs keeps what was set, by function. It is safe for concurrent use.
type invokeConfigs struct {
	mu sync.Mutex
	by map[string]values
}

func (c *invokeConfigs) put(function string, in props) {
	set := values{"functionName": in.str("functionName"), "maximumRetryAttempts": 0}
	if age := in.num("maximumEventAgeInSeconds"); age > 0 {
		set["maximumEventAgeInSeconds"] = age
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]values{}
	}
	c.by[function] = set
}

func (c *invokeConfigs) get(function string) (values, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.by[function]
	return maps.Clone(found), ok
}

func (c *invokeConfigs) delete(function string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, function)
}
