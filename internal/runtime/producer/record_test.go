package producer_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/producer"
	"cellular/internal/runtime/telemetry"
)

type lines []map[string]any

func (l *lines) Write(text []byte) (int, error) {
	var line map[string]any
	if err := json.Unmarshal(text, &line); err != nil {
		panic(err)
	}
	*l = append(*l, line)
	return len(text), nil
}

// linesOf has a producer write its records of at least a level there.
func linesOf(p *producer.Producer, level slog.Level) *lines {
	written := &lines{}
	var to io.Writer = written
	p.Records = telemetry.NewCellRecords(to, "Cellular/test", level, "alpha")
	return written
}

func fields(line map[string]any, names ...string) []any {
	var values []any
	for _, name := range names {
		values = append(values, line[name])
	}
	return values
}

// metricsOf returns the values of a line's metrics, and checks that they count for the cell alone.
func metricsOf(t *testing.T, line map[string]any) map[string]float64 {
	t.Helper()
	directives := line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)
	require.Len(t, directives, 1)
	directive := directives[0].(map[string]any)
	require.Equal(t, []any{[]any{"cell"}}, directive["Dimensions"])
	require.Equal(t, "alpha", line["cell"])
	values := map[string]float64{}
	for _, m := range directive["Metrics"].([]any) {
		name := m.(map[string]any)["Name"].(string)
		values[name] = line[name].(float64)
	}
	return values
}

// The line of a batch has the metrics of what became of its records, at every log level.
func TestBatch_HasItsMetricsAtEveryLogLevel(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			tp := newTopic()
			p := newProducer(tp, newDLQ())
			written := linesOf(p, level)
			tp.blames = map[string]types.BatchResultErrorEntry{"2": senderFault("InvalidParameter")}
			tp.poison = map[string]bool{"5": true}
			require.Empty(t, handle(t, p, insert("0", `1`), broken("1"), insert("2", `1`), insert("3", `1`), clone("4"), insert("5", `1`)))
			require.Len(t, *written, 1, "one line for each batch")
			line := (*written)[0]
			want := map[string]float64{"published": 2, "ejected": 3, "ejected_malformed": 1, "ejected_refused": 2}
			require.Equal(t, want, metricsOf(t, line))
			if level > slog.LevelInfo {
				require.Len(t, line, len(want)+len([]string{"cell", "_aws"}), "a line below the level has its metrics alone")
				return
			}
			require.Equal(t, []any{"batch published", 6.0, 1.0, 0.0}, fields(line, "message", "records", "clones", "left"))
		})
	}
}

func TestBatch_ThatIsReportedSaysWhyAndForHowLongItWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTopic()
		p := newProducer(tp, newDLQ())
		written := linesOf(p, slog.LevelError)
		tp.blames = map[string]types.BatchResultErrorEntry{"1": serviceFault("InternalError")}
		began := time.Now()
		require.Equal(t, []string{"seq-1"}, handle(t, p, insert("0", `1`), insert("1", `1`)))
		line := (*written)[0]
		require.Equal(t, map[string]float64{"published": 1}, metricsOf(t, line))
		require.Equal(t, []any{"batch reported for a retry", "ERROR", 1.0}, fields(line, "message", "level", "left"))
		require.Contains(t, line["error"], "InternalError")
		require.EqualValues(t, time.Since(began).Milliseconds(), line["waited_ms"])
	})
}

func TestBatch_OfNothingThatCountsIsNoLineBelowTheLevel(t *testing.T) {
	p := newProducer(newTopic(), newDLQ())
	written := linesOf(p, slog.LevelWarn)
	require.Empty(t, handle(t, p, clone("0")))
	require.Empty(t, *written)
}
