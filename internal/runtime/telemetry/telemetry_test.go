package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/env"
	"cellular/internal/runtime/telemetry"
)

const childMarker = "TELEMETRY_TEST_CHILD"

// TestMain lets the test binary play the function: the handler reads its settings once, when the process starts.
func TestMain(m *testing.M) {
	if os.Getenv(childMarker) == "" {
		os.Exit(m.Run())
	}
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	logger := telemetry.Logger(slog.LevelWarn).WithGroup("").With("cell", "alpha")
	logger.InfoContext(ctx, "not at this level")
	logger.LogAttrs(ctx, 4, "applied", telemetry.Tenant("acme"), telemetry.Event("e-1"))
}

func TestOfCell_LogsAndCountsForTheCell(t *testing.T) {
	var out bytes.Buffer
	vars := map[string]string{env.CellID: "alpha", env.LogLevel: "warn", env.MetricsNamespace: "Cellular/dev"}
	reader := &env.Reader{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
	logger, records := telemetry.OfCell(reader, &out)
	require.NoError(t, reader.Err())
	require.False(t, logger.Enabled(t.Context(), slog.LevelInfo))
	require.True(t, logger.Enabled(t.Context(), slog.LevelWarn))
	r := records.Start(t.Context(), slog.LevelInfo, noon, "m")
	r.Count("applied")
	records.Write(r)
	line := decode(t, out.Bytes())
	require.Equal(t, "alpha", line["cell"])
	require.NotContains(t, line, "message")
	require.Contains(t, out.String(), `"Namespace":"Cellular/dev"`)
}

// Such is the environment of the release before, while this one is put back.
func TestOfCell_WithoutALevelAndANamespaceWritesPlainLinesFromInfoOn(t *testing.T) {
	var out bytes.Buffer
	vars := map[string]string{env.CellID: "alpha"}
	reader := &env.Reader{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
	logger, records := telemetry.OfCell(reader, &out)
	require.NoError(t, reader.Err())
	require.False(t, logger.Enabled(t.Context(), slog.LevelDebug))
	require.True(t, logger.Enabled(t.Context(), slog.LevelInfo))
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		r := records.Start(t.Context(), level, noon, "applied")
		r.Count("applied")
		r.Latency("apply_ms", time.Millisecond)
		records.Write(r)
	}
	require.Equal(t, map[string]any{
		"timestamp": "2026-02-03T12:00:00.007Z", "level": "INFO", "message": "applied", "cell": "alpha", "applied": 1.0, "apply_ms": 1.0,
	}, decode(t, out.Bytes()), "one line, without a directive")

	vars[env.LogLevel] = "loud"
	telemetry.OfCell(reader, &out)
	require.EqualError(t, reader.Err(), `environment variable LOG_LEVEL is "loud", want one of debug, info, warn, error`)
}

func TestALineNamesTheCellTheTenantTheEventAndTheRequest(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childMarker+"=1", "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=INFO")
	output, err := child.Output()
	require.NoError(t, err)

	var line map[string]any
	require.NoError(t, json.Unmarshal(output, &line), "one line, of JSON: %s", output)
	delete(line, "timestamp")
	require.Equal(t, map[string]any{
		"level": "WARN", "message": "applied", "cell": "alpha", "tenant": "acme", "event": "e-1", "requestId": "request-1",
	}, line)
}
