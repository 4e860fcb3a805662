package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/telemetry"
	"cellular/internal/testkit/emftest"
)

var noon = time.Date(2026, 2, 3, 12, 0, 0, 7_000_000, time.UTC)

func decode(t require.TestingT, line []byte) map[string]any {
	var fields map[string]any
	require.NoError(t, json.Unmarshal(line, &fields), "%s", line)
	return fields
}

func TestARecordIsALogEntryAndMetricsAtOnce(t *testing.T) {
	var out bytes.Buffer
	records := telemetry.NewRecords(&out, "Cellular/dev", slog.LevelInfo)
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	r := records.Start(ctx, slog.LevelWarn, noon, "request")
	r.Cell("alpha")
	r.Int("status", 503)
	r.OptionalText("tenant", "acme")
	r.OptionalText("event", "")
	r.True("replayed")
	r.Milliseconds("total_ms", 1500*time.Microsecond)
	r.Count("requests_5xx")
	r.Gauge("breaker_state", 2)
	r.Latency("dispatch_ms", 2*time.Second)
	records.Write(r)

	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.Equal(t, map[string]any{
		"timestamp": "2026-02-03T12:00:00.007Z", "level": "WARN", "message": "request", "requestId": "request-1",
		"cell": "alpha", "status": 503.0, "tenant": "acme", "replayed": true, "total_ms": 1.5,
		"requests_5xx": 1.0, "breaker_state": 2.0, "dispatch_ms": 2000.0,
		"_aws": map[string]any{
			"Timestamp": float64(noon.UnixMilli()),
			"CloudWatchMetrics": []any{map[string]any{
				"Namespace":  "Cellular/dev",
				"Dimensions": []any{[]any{"cell"}, []any{}},
				"Metrics": []any{
					map[string]any{"Name": "requests_5xx", "Unit": "Count"},
					map[string]any{"Name": "breaker_state", "Unit": "None"},
					map[string]any{"Name": "dispatch_ms", "Unit": "Milliseconds"},
				},
			}},
		},
	}, decode(t, out.Bytes()))
}

func TestARecordWithoutACellCountsForTheWholeAlone(t *testing.T) {
	var out bytes.Buffer
	records := telemetry.NewRecords(&out, "n", slog.LevelInfo)
	for _, cell := range []string{"alpha", ""} { // in this order, because buffers are used again
		out.Reset()
		r := records.Start(t.Context(), slog.LevelInfo, noon, "request")
		if cell != "" {
			r.Cell(cell)
		}
		r.Count("requests_4xx")
		records.Write(r)
	}
	metrics := decode(t, out.Bytes())["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)
	require.Equal(t, []any{[]any{}}, metrics["Dimensions"])
	require.Len(t, metrics["Metrics"], 1)
	require.NotContains(t, out.String(), "alpha")
}

// record writes a line with every kind of field.
func record(t *testing.T, records *telemetry.Records, level slog.Level) {
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	r := records.Start(ctx, level, noon, "request")
	r.Cell("alpha")
	r.Int("status", 202)
	r.Text("tenant", "acme")
	r.OptionalText("event", "e-1")
	r.True("replayed")
	r.Milliseconds("total_ms", time.Millisecond)
	r.Count("requests_2xx")
	r.Counts("published", 3)
	r.Counts("ejected", 0)
	r.Gauge("breaker_state", 0)
	r.Latency("dispatch_ms", -time.Millisecond)
	records.Write(r)
}

func TestRecords_BelowTheLevelHaveTheirMetricsAndNothingElse(t *testing.T) {
	var out bytes.Buffer
	records := telemetry.NewRecords(&out, "n", slog.LevelWarn).ByVersion("7", "requests_2xx")
	record(t, records, slog.LevelInfo)
	quiet := decode(t, out.Bytes())
	embedded := quiet["_aws"]
	delete(quiet, "_aws")
	require.Equal(t, map[string]any{
		"cell": "alpha", "version": "7", "requests_2xx": 1.0, "published": 3.0, "breaker_state": 0.0, "dispatch_ms": 0.0,
	}, quiet)

	out.Reset()
	record(t, records, slog.LevelWarn)
	whole := decode(t, out.Bytes())
	require.Equal(t, embedded, whole["_aws"], "the metrics are those of a line that is logged")
	require.Len(t, whole, 17)
}

func TestRecords_BelowTheLevelAreNotWrittenWithoutMetrics(t *testing.T) {
	var out bytes.Buffer
	records := telemetry.NewCellRecords(&out, "n", slog.LevelWarn, "alpha")
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelError} {
		r := records.Start(t.Context(), level, noon, "m")
		r.Text("tenant", "acme")
		r.Counts("published", 0)
		records.Write(r)
	}
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	line := decode(t, out.Bytes())
	require.Equal(t, "ERROR", line["level"])
	require.NotContains(t, line, "_aws", "there is no metric in it")
}

func TestRecords_CountByVersionWhatIsNamed(t *testing.T) {
	directives := func(records *telemetry.Records, out *bytes.Buffer) []any {
		record(t, records, slog.LevelInfo)
		return decode(t, out.Bytes())["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)
	}
	var out bytes.Buffer
	got := directives(telemetry.NewRecords(&out, "n", slog.LevelInfo).ByVersion("7", "requests_2xx", "dispatch_ms"), &out)
	require.Len(t, got, 2)
	require.Len(t, got[0].(map[string]any)["Metrics"], 4)
	require.Equal(t, map[string]any{
		"Namespace": "n", "Dimensions": []any{[]any{"version"}}, "Metrics": []any{
			map[string]any{"Name": "requests_2xx", "Unit": "Count"}, map[string]any{"Name": "dispatch_ms", "Unit": "Milliseconds"},
		},
	}, got[1])
	out.Reset()
	require.Len(t, directives(telemetry.NewRecords(&out, "n", slog.LevelInfo).ByVersion("7", "requests_5xx"), &out), 1, "it is not on the line")
	require.NotContains(t, out.String(), "version")
}

func TestCellRecords_CountForTheirCellAlone(t *testing.T) {
	var out bytes.Buffer
	records := telemetry.NewCellRecords(&out, "n", slog.LevelInfo, "beta")
	r := records.Start(t.Context(), slog.LevelInfo, noon, "m")
	r.Count("applied")
	records.Write(r)
	line := decode(t, out.Bytes())
	require.Equal(t, "beta", line["cell"])
	require.Equal(t, []any{[]any{"cell"}}, line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)["Dimensions"])
}

func TestRecord_BoundsATextInJSON(t *testing.T) {
	var out bytes.Buffer
	records := telemetry.NewRecords(&out, "n", slog.LevelInfo)
	r := records.Start(t.Context(), slog.LevelInfo, noon, "m")
	for _, name := range []string{"error", "stack", "peer_error"} {
		r.Text(name, strings.Repeat("\x01", 1<<20)) // six bytes of JSON each
	}
	records.Write(r)
	decode(t, out.Bytes())
	require.Less(t, out.Len(), 64<<10)
}

func TestRecordsOfManyCallersAreWholeLines(t *testing.T) {
	var out lockedBuffer
	records := telemetry.NewRecords(&out, "n", slog.LevelInfo)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for range 100 {
				r := records.Start(t.Context(), slog.LevelInfo, noon, "m")
				r.Int("caller", i)
				r.Text("text", strings.Repeat("x", i*100))
				records.Write(r)
			}
		})
	}
	callers.Wait()
	lines := bytes.Split(bytes.TrimSpace(out.b.Bytes()), []byte("\n"))
	require.Len(t, lines, 800)
	for _, line := range lines {
		fields := decode(t, line)
		require.Len(t, fields["text"], int(fields["caller"].(float64))*100)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// FuzzRecordText holds that any text makes one line of valid JSON that says the text, if it is one.
func FuzzRecordText(f *testing.F) {
	for _, seed := range []string{"", "plain", "a\"b\\c\n\x00", "größer – 注文", "\xff\xfe", "<script>", strings.Repeat("ü", 10_000), "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		records := telemetry.NewRecords(&out, text, slog.LevelInfo)
		r := records.Start(t.Context(), slog.LevelInfo, noon, "m")
		r.Text("text", text)
		records.Write(r)
		require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")))
		if got := decode(t, out.Bytes())["text"].(string); utf8.ValidString(text) && len(text) <= 2<<10 {
			require.Equal(t, text, got)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	for name, level := range map[string]slog.Level{"logged": slog.LevelInfo, "metrics": slog.LevelWarn} {
		b.Run(name, func(b *testing.B) {
			records := telemetry.NewRecords(io.Discard, "Cellular/dev", level).ByVersion("7", "requests_2xx", "requests_4xx", "requests_5xx", "dispatch_ms")
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				r := records.Start(ctx, slog.LevelInfo, noon, "request")
				r.Cell("alpha")
				r.Text("tenant", "acme")
				r.Int("status", 202)
				r.Milliseconds("total_ms", 5123*time.Microsecond)
				r.Count("requests_2xx")
				r.Latency("dispatch_ms", 5*time.Millisecond)
				records.Write(r)
			}
		})
	}
}

// A probe's line has the metrics of probes, and its times to read.
func TestCountApart_LeavesOutTheMetricsThatFollow(t *testing.T) {
	var out strings.Builder
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelError} {
		out.Reset()
		records := telemetry.NewRecords(emftest.Strict(&out), "Cellular/dev", level).ByVersion("7", "requests")
		line := records.Start(t.Context(), slog.LevelInfo, time.Unix(0, 0), "request")
		line.Count("probes")
		line.CountApart()
		line.Count("requests")
		line.Counts("published", 2)
		line.Gauge("state", 1)
		line.Latency("took_ms", time.Second)
		records.Write(line)
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(out.String()), &got))
		require.Equal(t, []any{map[string]any{"Name": "probes", "Unit": "Count"}}, got["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)[0].(map[string]any)["Metrics"])
		for _, name := range []string{"requests", "published", "state", "version"} {
			require.NotContains(t, got, name)
		}
		if level == slog.LevelInfo {
			require.Equal(t, 1000.0, got["took_ms"])
		} else {
			require.NotContains(t, got, "took_ms")
		}

		out.Reset()
		line = records.Start(t.Context(), slog.LevelInfo, time.Unix(0, 0), "request")
		line.Count("requests")
		records.Write(line)
		require.Contains(t, out.String(), `"requests":1`, "the line after is one of a tenant")
	}
}
