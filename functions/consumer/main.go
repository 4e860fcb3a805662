// Command consumer is the Lambda function that applies a cell's events. What an event does is in apply.go; the rest
// of the function stays as it is when that changes.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"cellular/internal/model/env"
	"cellular/internal/runtime/telemetry"
)

func main() {
	var vars env.Reader
	logger, records := telemetry.OfCell(&vars, os.Stdout)
	c, err := newConsumer(context.Background(), &vars, logger, records)
	if err != nil {
		logger.Error("cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(c.Handle)
}
