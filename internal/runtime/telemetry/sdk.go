package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/smithy-go/logging"
)

// SDK is a logger for the AWS SDK (config.WithLogger). The SDK's own writes plain text: lines in no format that a query
// finds, and without the cell.
func SDK(logger *slog.Logger) logging.Logger {
	return sdk{logger, context.Background()}
}

type sdk struct {
	logger *slog.Logger
	ctx    context.Context // of the call that the SDK tells about
}

func (s sdk) WithContext(ctx context.Context) logging.Logger { return sdk{s.logger, ctx} }

func (s sdk) Logf(class logging.Classification, format string, args ...any) {
	level := slog.LevelDebug
	if class == logging.Warn {
		level = slog.LevelWarn
	}
	s.logger.LogAttrs(s.ctx, level, "AWS SDK", slog.String("detail", fmt.Sprintf(format, args...)))
}
