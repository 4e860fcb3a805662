package limits_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/config"
	"cellular/internal/model/limits"
	"cellular/internal/model/transact"
	"cellular/internal/operator/move"
	"cellular/internal/testkit/pulumitest"
)

// exampleMessages is how many events a second a cell of the page's tables publishes at its busiest.
const exampleMessages = 10

func defaultCell() limits.Cell {
	p := config.Default().Pipeline
	return limits.Cell{
		Shards: limits.NewShards, Parallelization: p.Stream.Parallelization, Consumers: p.Queue.MaxConcurrency, Messages: exampleMessages,
	}
}

// TestTheLimitsPageSaysWhatTheCodeComputes holds the tables of docs/limits.md to the code. UPDATE_GOLDEN=1 rewrites them.
func TestTheLimitsPageSaysWhatTheCodeComputes(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "limits.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	page := string(text)
	for name, table := range map[string]string{"quotas": quotaTable(), "regions": regionTable(), "sizes": sizeTable(), "flood": floodTable(), "bounds": boundTable(), "alarms": alarmTable(), "tenant": tenantTable()} {
		begin, end := "<!-- table: "+name+" -->\n", "<!-- end of table -->"
		before, rest, ok := strings.Cut(page, begin)
		require.True(t, ok, "%s has no mark %q", path, begin)
		is, after, ok := strings.Cut(rest, end)
		require.True(t, ok, "%s does not end table %s", path, name)
		if os.Getenv(pulumitest.UpdateGolden) != "" {
			page = before + begin + table + end + after
			continue
		}
		require.Equal(t, table, is, "table %s of %s is not what the code computes; %s=1 go test ./internal/model/limits rewrites it",
			name, path, pulumitest.UpdateGolden)
	}
	if page != string(text) {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o644))
	}
}

func quotaTable() string {
	var b strings.Builder
	b.WriteString("| Quota | By default | Besides cells | A cell | 10 cells | 100 cells | 1,000 cells | Cells that fit |\n|---|---|---|---|---|---|---|---|\n")
	for _, q := range limits.Quotas(defaultCell(), limits.Defaults("eu-west-1")) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |", q.Name, number(q.Limit), number(q.Fixed), number(q.PerCell))
		for _, cells := range []int{10, 100, 1000} {
			at := number(q.At(cells))
			if q.At(cells) > q.Limit {
				at = "**" + at + "**"
			}
			fmt.Fprintf(&b, " %s |", at)
		}
		fmt.Fprintf(&b, " %s |\n", number(q.Cells()))
	}
	return b.String()
}

func regionTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| Region | SNS messages a second | Cells of %d events a second that fit |\n|---|---|---|\n", exampleMessages)
	for _, r := range []struct{ name, region string }{
		{"us-east-1", "us-east-1"}, {"us-west-2, eu-west-1", "eu-west-1"},
		{"us-east-2, us-west-1, ap-south-1, ap-northeast-1, ap-northeast-2, ap-southeast-1, ap-southeast-2, eu-central-1", "eu-central-1"},
		{"every other Region", "eu-north-1"},
	} {
		n := limits.Messages(r.region)
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.name, number(n), number(n/exampleMessages))
	}
	return b.String()
}

func sizeTable() string {
	var b strings.Builder
	b.WriteString("| Open shards | `parallelization` | `maxConcurrency` | Concurrency of a cell | Cells in 1,000 | Cells in 10,000 |\n|---|---|---|---|---|---|\n")
	for _, c := range []limits.Cell{
		{Shards: limits.NewShards, Parallelization: 1, Consumers: 2}, {Shards: limits.NewShards, Parallelization: 1, Consumers: 5}, defaultCell(),
		{Shards: limits.NewShards, Parallelization: 10, Consumers: 10}, {Shards: 40, Parallelization: 1, Consumers: 100},
	} {
		fmt.Fprintf(&b, "| %d | %d | %d | %d |", c.Shards, c.Parallelization, c.Consumers, c.Concurrency())
		for _, concurrency := range []int{1000, 10_000} {
			q := limits.Quota{Limit: concurrency, Fixed: limits.RouterConcurrency, PerCell: c.Concurrency()}
			fmt.Fprintf(&b, " %s |", number(q.Cells()))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func alarmTable() string {
	var b strings.Builder
	b.WriteString("| Cells | Metric alarms | Composite alarms | An update of all of them takes at least | A month |\n|---|---|---|---|---|\n")
	for _, cells := range []int{1, 10, 100, 1000} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s USD |\n", number(cells), number(cells*limits.CellAlarms+limits.FixedAlarms),
			number(cells*limits.CellComposites+limits.FixedComposites), rough(limits.AlarmUpdate(cells)), number((cells*limits.CellAlarmCents+limits.FixedAlarmCents+50)/100))
	}
	return b.String()
}

// rough writes a duration in seconds or minutes.
func rough(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", d.Round(time.Second)/time.Second)
	}
	return fmt.Sprintf("%d min", d.Round(time.Minute)/time.Minute)
}

func boundTable() string {
	c := config.Default()
	r, p := c.Router, c.Pipeline
	var b strings.Builder
	b.WriteString("| Bound | Value | Set by |\n|---|---|---|\n")
	row := func(what, value, where string) { fmt.Fprintf(&b, "| %s | %s | %s |\n", what, value, where) }
	perSecond := func(rate, burst int) string { return fmt.Sprintf("%s a second, burst %s", number(rate), number(burst)) }
	row("payload of an event", bytes(r.MaxPayloadBytes), "`router.maxPayloadBytes`; an item of DynamoDB has 400 KB")
	row("payload that travels in the message", bytes(p.InlinePayloadBytes), "`pipeline.inlinePayloadBytes`; a larger one is read from the cell's table")
	row("writes of the business logic for one event", number(app.MaxWrites), "`internal/runtime/consumer`; a transaction has 100 operations and 4 MB")
	row("requests, all tenants", perSecond(r.Throttle.Rate, r.Throttle.Burst), "`router.throttle`, for the whole API")
	row("requests of a tenant", perSecond(r.TenantLimit.Rate, r.TenantLimit.Burst), "`router.tenantLimit`: the rate over all processes of the router, the burst in each")
	row("requests into a cell", perSecond(r.CellLimit.Rate, r.CellLimit.Burst), "`router.cellLimit`, in each process of the router")
	row("calls into a cell that are under way", number(r.CellLimit.InFlight), "`router.cellLimit.inFlight`, in each process of the router")
	row("time of a request in its cell", duration(r.CellTimeout), "`router.cellTimeout`")
	row("wait for a tenant's counter", fmt.Sprintf("%d ms", r.CounterTimeout.Milliseconds()), "`router.counterTimeout`, beside the request's call into its cell")
	row("wait for an answer of a cell that hangs", fmt.Sprintf("%d ms to %s", r.MinCellTimeout.Milliseconds(), duration(r.CellTimeout)), "`router.minCellTimeout` to `cellTimeout`, by twice the longest wait of the last minute or two")
	row("tenants whose mapping a router remembers", number(r.CacheSize), "`router.cacheSize`")
	row("age of a mapping that a router still uses", duration(r.HardTTL), "`router.hardTTL`; a move waits for it")
	row("age of a stream record", duration(p.Stream.MaxRecordAge), "`pipeline.stream.maxRecordAge`; a stream keeps 24 h")
	row("messages that a cell's consumers hold", number(p.Queue.MaxConcurrency*p.Queue.BatchSize), "`pipeline.queue.maxConcurrency` x `batchSize`; SQS allows 120,000 in flight")
	row("calls of the topic that a producer makes at a time", number(p.Stream.ConcurrentPublishes), "`pipeline.stream.concurrentPublishes`, for each batch")
	row("tenants whose events a consumer handles at a time", number(p.Consumer.ConcurrentTenants), "`pipeline.consumer.concurrentTenants`, for each batch; they share its CPU and memory, so logic that computes sets 1")
	row("time of one record in the consumer", duration(p.Consumer.RecordTimeout), "`pipeline.consumer.recordTimeout`")
	row("receives until a message is in the DLQ", number(p.Queue.MaxReceiveCount), "`pipeline.queue.maxReceiveCount`")
	row("age of a message in the queue, in a DLQ", duration(p.Queue.Retention)+", "+duration(p.Queue.DLQRetention), "`pipeline.queue.retention`, `dlqRetention`; SQS keeps 14 days")
	row("age of an event in the data table", duration(p.DataTTL), "`pipeline.dataTTL`: then its id may be used again; more than `maxRecordAge`, `retention` and twice `dlqRetention`")
	row("age of an outcome", duration(p.Consumer.ResultTTL), "`pipeline.consumer.resultTTL`; more than `dataTTL`")
	row("wait for an index, in the pause of a move", duration(move.DefaultIndexSettle), "`internal/operator/move`; the rest of the pause is what is open, what came since the clone began, and the business logic's items ([moves.md](moves.md))")
	row("events that a move has on its list for the pause", number(move.MaxOpenKeys), "`internal/operator/move`; with more it looks at all in the pause")
	row("pages of a tenant's items that a move works on at a time", number(move.DefaultParallel), "`internal/operator/move`; with `evacuate` for each tenant")
	row("tries of a write that meets others", duration(transact.Patience), "`internal/model/transact`, where the caller has no deadline")
	return b.String()
}

// number writes an integer with commas.
func number(n int) string {
	if n == math.MaxInt {
		return "any"
	}
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func bytes(n int) string { return number(n>>10) + " KiB" }

func duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day == 0:
		return fmt.Sprintf("%d days", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%g s", d.Seconds())
}
