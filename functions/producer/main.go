// Command producer is the Lambda function that publishes a cell's stream to the cell's topic.
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
	p, err := newProducer(context.Background(), &vars, logger, records)
	if err != nil {
		logger.Error("cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(p.Handle)
}
