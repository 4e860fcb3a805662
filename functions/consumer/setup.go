package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/app"
	"cellular/internal/model/env"
	"cellular/internal/runtime/consumer"
	"cellular/internal/runtime/telemetry"
)

// newConsumer makes the consumer that the environment describes.
func newConsumer(ctx context.Context, vars *env.Reader, logger *slog.Logger, records *telemetry.Records) (*consumer.Consumer, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(telemetry.SDK(logger)))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return consumerOn(dynamodb.NewFromConfig(cfg), sqs.NewFromConfig(cfg), vars, logger, records)
}

// consumerOn makes the consumer on the given tables and queue.
func consumerOn(
	tables consumer.Tables, queue consumer.Queue, vars *env.Reader, logger *slog.Logger, records *telemetry.Records,
) (*consumer.Consumer, error) {
	options := consumer.Options{
		Tables:            tables,
		Queue:             queue,
		DataTable:         vars.String(env.DataTable),
		ResultsTable:      vars.String(env.ResultsTable),
		QueueURL:          vars.String(env.QueueURL),
		DeadLetterURL:     vars.String(env.ConsumerDLQURL),
		MaxReceiveCount:   vars.Int(env.MaxReceiveCount, 1),
		ConcurrentTenants: vars.Int(env.ConcurrentTenants, 1),
		RecordTimeout:     vars.Duration(env.RecordTimeout),
		BackoffBase:       vars.Duration(env.RetryBackoffBase),
		BackoffMax:        vars.Duration(env.RetryBackoffMax),
		ResultTTL:         vars.Duration(env.ResultTTL),
		Records:           records,
		Logger:            logger,
	}
	business := state{table: options.ResultsTable, tables: tables}
	options.Apply = func(ctx context.Context, e app.Event) (app.Effect, error) {
		return apply(ctx, e, business)
	}
	if vars.Bool(env.FaultInjection) {
		injectFaults(&options)
	}
	if err := vars.Err(); err != nil {
		return nil, err
	}
	return consumer.New(options), nil
}
