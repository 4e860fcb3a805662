package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/internal/model/env"
	"cellular/internal/runtime/producer"
	"cellular/internal/runtime/telemetry"
)

// newProducer makes the producer that the environment describes.
func newProducer(ctx context.Context, vars *env.Reader, logger *slog.Logger, records *telemetry.Records) (*producer.Producer, error) {
	options := producer.Options{
		TopicARN:            vars.String(env.TopicARN),
		DLQURL:              vars.String(env.StreamDLQURL),
		InlinePayloadBytes:  vars.Int(env.InlinePayloadBytes, 0),
		ConcurrentPublishes: vars.Int(env.ConcurrentPublishes, 1),
		Records:             records,
		Logger:              logger,
	}
	if err := vars.Err(); err != nil {
		return nil, err
	}
	// The producer itself tries again what fails: a client that did so below it would hide the failures from it.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(telemetry.SDK(logger)),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	options.Topic, options.DLQ = sns.NewFromConfig(cfg), sqs.NewFromConfig(cfg)
	return producer.New(options), nil
}
