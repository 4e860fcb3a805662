package provider_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"

	"cellular/local/provider"
)

// failing is the configuration with some API operations broken.
func failing(c aws.Config, operations ...string) aws.Config {
	c = c.Copy()
	fail := middleware.InitializeMiddlewareFunc("fail", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if slices.Contains(operations, awsmiddleware.GetOperationName(ctx)) {
			return middleware.InitializeOutput{}, middleware.Metadata{}, errors.New("injected failure")
		}
		return next.HandleInitialize(ctx, in)
	})
	c.APIOptions = append(c.APIOptions, func(stack *middleware.Stack) error { return stack.Initialize.Add(fail, middleware.After) })
	return c
}

// initFailure is the detail by which the engine learns of a resource that exists although its creation failed.
func initFailure(t *testing.T, err error) *pulumirpc.ErrorResourceInitFailed {
	t.Helper()
	require.Error(t, err)
	for _, detail := range rpcerror.Convert(err).Details() {
		if failed, ok := detail.(*pulumirpc.ErrorResourceInitFailed); ok {
			return failed
		}
	}
	require.Fail(t, "the error has no such detail", "%v", err)
	return nil
}

func newRoomsOf(t *testing.T) provider.Rooms {
	rooms, _ := newRooms(t)
	return rooms
}
