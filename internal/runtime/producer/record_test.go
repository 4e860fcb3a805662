package producer_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/producer"
	"cellular/internal/runtime/telemetry"
	"cellular/internal/testkit/emftest"
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
	p.Records = telemetry.NewCellRecords(emftest.Strict(written), "Cellular/test", level, "alpha")
	return written
}

func fields(line map[string]any, names ...string) []any {
	var values []any
	for _, name := range names {
		values = append(values, line[name])
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
			require.Equal(t, want, emftest.OfCell(t, line, "alpha"))
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
		require.Equal(t, map[string]float64{"published": 1}, emftest.OfCell(t, line, "alpha"))
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

// The longest line that a batch can have is one that CloudWatch takes.
func TestBatch_IsALineThatCloudWatchTakesHoweverLongItsErrorIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTopic()
		p := newProducer(tp, newDLQ())
		written := linesOf(p, slog.LevelInfo)
		fault := serviceFault("InternalError")
		fault.Message = new(strings.Repeat("\x01", 1<<20))
		tp.blames = map[string]types.BatchResultErrorEntry{"1": fault}
		require.Equal(t, []string{"seq-1"}, handle(t, p, insert("0", `1`), insert("1", `1`)))
		require.Equal(t, map[string]float64{"published": 1}, emftest.OfCell(t, (*written)[0], "alpha"))
	})
}
