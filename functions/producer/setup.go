package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"cellular/internal/env"
	"cellular/internal/producer"
	"cellular/internal/telemetry"
)

// newProducer makes the producer that the environment describes.
func newProducer(ctx context.Context, vars *env.Reader, logger *slog.Logger) (*producer.Producer, error) {
	options := producer.Options{
		TopicARN:           vars.String(env.TopicARN),
		InlinePayloadBytes: vars.Int(env.InlinePayloadBytes, 0),
		Logger:             logger,
	}
	if err := vars.Err(); err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(telemetry.SDK(logger)))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	options.Topic = sns.NewFromConfig(cfg)
	return producer.New(options), nil
}
