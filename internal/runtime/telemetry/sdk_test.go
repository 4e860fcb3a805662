package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/aws/smithy-go/logging"
	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/telemetry"
)

type callKey struct{}

// callHandler adds what the context says, as the Lambda runtime's handler adds the request id.
type callHandler struct{ slog.Handler }

func (h callHandler) Handle(ctx context.Context, r slog.Record) error {
	if call, ok := ctx.Value(callKey{}).(string); ok {
		r.AddAttrs(slog.String("call", call))
	}
	return h.Handler.Handle(ctx, r)
}

func (h callHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return callHandler{h.Handler.WithAttrs(attrs)}
}

func TestTheSDKLogsAsTheFunctionDoes(t *testing.T) {
	for class, level := range map[logging.Classification]string{logging.Warn: "WARN", logging.Debug: "DEBUG"} {
		var output bytes.Buffer
		handler := callHandler{slog.NewJSONHandler(&output, &slog.HandlerOptions{Level: slog.LevelDebug})}
		logger := telemetry.SDK(slog.New(handler).With("cell", "alpha"))
		logging.WithContext(context.WithValue(t.Context(), callKey{}, "c-1"), logger).Logf(class, "failed to %s, %d", "close", 3)

		var line map[string]any
		require.NoError(t, json.Unmarshal(output.Bytes(), &line), "%s", &output)
		delete(line, "time")
		require.Equal(t, map[string]any{"level": level, "msg": "AWS SDK", "detail": "failed to close, 3", "cell": "alpha", "call": "c-1"}, line)
	}
}
