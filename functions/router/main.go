// Command router is the Lambda function behind the HTTP API. It finds the cell of an event's tenant and writes the event
// into it.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"cellular/internal/model/env"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/telemetry"
)

func main() {
	var vars env.Reader
	router, err := edge.FromEnvironment(context.Background(), &vars, os.Stdout)
	if err != nil {
		telemetry.Logger(slog.LevelError).Error("the router cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(router)
}
