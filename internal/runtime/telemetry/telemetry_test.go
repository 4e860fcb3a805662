package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"testing"

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
