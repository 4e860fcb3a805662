package main

import (
	"io"
	"log/slog"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/env"
	"cellular/internal/runtime/telemetry"
	"cellular/internal/testkit/configtest"
)

func TestTheEnvironmentConfiguresTheProducer(t *testing.T) {
	vars := map[string]string{env.TopicARN: "arn:topic", env.StreamDLQURL: "https://sqs/dlq", env.InlinePayloadBytes: "65536", env.ConcurrentPublishes: "3"}
	reader := &env.Reader{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
	records := telemetry.Discard()
	p, err := newProducer(t.Context(), reader, slog.New(slog.DiscardHandler), records)
	require.NoError(t, err)
	require.Same(t, records, p.Records)
	require.Equal(t, "arn:topic", p.TopicARN)
	require.Equal(t, 3, p.ConcurrentPublishes)
	require.Equal(t, 65536, p.InlinePayloadBytes)
	require.Equal(t, "https://sqs/dlq", p.DLQURL)
	require.NotNil(t, p.Topic)
	require.NotNil(t, p.DLQ)
}

// While a release is put back, this code runs for some seconds with the environment of the release before.
func TestTheProducerStartsWithoutALogLevelAndAMetricsNamespace(t *testing.T) {
	vars := map[string]string{env.CellID: "alpha", env.TopicARN: "arn:topic", env.StreamDLQURL: "https://sqs/dlq", env.InlinePayloadBytes: "65536", env.ConcurrentPublishes: "3"}
	reader := &env.Reader{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
	logger, records := telemetry.OfCell(reader, io.Discard)
	_, err := newProducer(t.Context(), reader, logger, records)
	require.NoError(t, err)
}

func TestEveryMissingVariableIsNamed(t *testing.T) {
	reader := &env.Reader{Lookup: func(string) (string, bool) { return "", false }}
	_, err := newProducer(t.Context(), reader, slog.New(slog.DiscardHandler), telemetry.Discard())
	require.ErrorContains(t, err, env.TopicARN)
	require.ErrorContains(t, err, env.StreamDLQURL)
	require.ErrorContains(t, err, env.InlinePayloadBytes)
}

// A configuration that is accepted is one that the function starts with: their bounds must not differ the wrong way.
func TestNewProducer_TakesWhatTheConfigurationAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pipeline := configtest.Accepted().Draw(t, "config").Pipeline
		vars := map[string]string{env.TopicARN: "arn:topic", env.StreamDLQURL: "https://sqs/dlq"}
		maps.Copy(vars, pipeline.ProducerEnvironment())
		reader := &env.Reader{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
		p, err := newProducer(t.Context(), reader, slog.New(slog.DiscardHandler), telemetry.Discard())
		require.NoError(t, err)
		require.Equal(t, pipeline.InlinePayloadBytes, p.InlinePayloadBytes)
	})
}
