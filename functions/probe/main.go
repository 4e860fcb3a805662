// Command probe is the Lambda function that probes every cell of the deployment, one round for each invocation.
package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"cellular/internal/model/env"
	"cellular/internal/runtime/telemetry"
)

func main() {
	var vars env.Reader
	rounds, err := newRounds(context.Background(), &vars, os.Stdout)
	if err != nil {
		telemetry.Logger(slog.LevelError).Error("the probe cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(rounds.Handle)
}
