// Command router is the Lambda function behind the HTTP API. It finds the cell of an event's tenant and writes the event
// into it.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"cellular/internal/model/env"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/telemetry"
)

func main() {
	logger := telemetry.Logger()
	router, err := edge.FromEnvironment(context.Background(), &env.Reader{}, os.Stdout, telemetry.Level(logger))
	if err != nil {
		logger.Error("the router cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(router)
}
