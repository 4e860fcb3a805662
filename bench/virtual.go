package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"cellular/bench/internal/pipeline"
)

// measureVirtually runs the test that measures a part in virtual time: only tests have a clock that can be made.
func measureVirtually(ctx context.Context, h *harness, name string) (m pipeline.Measured, err error) {
	path := filepath.Join(h.dir, name+".json")
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-run", "^TestMeasure$", "cellular/bench/internal/pipeline")
	test.Env = append(os.Environ(), pipeline.FiguresVariable+"="+path, pipeline.PartVariable+"="+name)
	if h.quick {
		test.Env = append(test.Env, pipeline.QuickVariable+"=1")
	}
	if out, err := test.CombinedOutput(); err != nil {
		return m, fmt.Errorf("measure in virtual time: %w\n%s", err, out)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(content, &m)
}

// measureTenant has one tenant send all that a cell gets.
func measureTenant(ctx context.Context, h *harness) ([]row, error) {
	m, err := measureVirtually(ctx, h, "tenant")
	if err != nil {
		return nil, err
	}
	const against, processes = "one fence and one counter", 50
	figure := func(of func(pipeline.Figures) float64) (series, series) {
		return each(m.Sharded, of), each(m.Single, of)
	}
	line := func(measure string, u unit, t *target, of func(pipeline.Figures) float64) row {
		value, baseline := figure(of)
		return newRow(measure, u, value, against, baseline, t)
	}
	note := fmt.Sprintf("One tenant alone in a cell sends %d events/s; maxConcurrency %d, batches of 10, four shards. The real producer and consumer in virtual "+
		"time, on a model of DynamoDB: a transaction takes 8 ms and cancels others at its items, a key takes 1,000 write units a second, and the "+
		"tables have been warmed; PublishBatch 20 ms, the stream 100 ms, a receive 5 ms.", pipeline.Rate, processes)
	rows := []row{
		line("events of one tenant applied", perSecond, valueAtLeast(1000), func(f pipeline.Figures) float64 { return f.Applied }),
		line("its transactions that were canceled", percent, valueAtMost(15), func(f pipeline.Figures) float64 { return f.Canceled }),
		line("publishes for each event", count, valueAtMost(0.2), func(f pipeline.Figures) float64 { return f.Publishes }),
		line("write units for each event", count, nil, func(f pipeline.Figures) float64 { return f.Units }),
		line("requests throttled, for 100 events", count, nil, func(f pipeline.Figures) float64 { return f.Throttled }),
		line("accepted to applied, p99", nanoseconds, nil, func(f pipeline.Figures) float64 { return f.P99 * float64(time.Second) }),
		newRow("events of one tenant applied, new tables", perSecond, each(m.New, func(f pipeline.Figures) float64 { return f.Applied }),
			"warmed tables", each(m.Sharded, func(f pipeline.Figures) float64 { return f.Applied }), nil),
	}
	for i := range rows {
		rows[i].Note = note
	}
	return rows, nil
}

// measureFairness has one tenant make a backlog beside quiet ones.
func measureFairness(ctx context.Context, h *harness) ([]row, error) {
	m, err := measureVirtually(ctx, h, "fairness")
	if err != nil {
		return nil, err
	}
	ns := func(d time.Duration) float64 { return float64(d) }
	return []row{
		newRow("quiet tenants beside a backlog, p99", nanoseconds, each(m.WithGroups, ns), "messages without groups", each(m.WithoutGroups, ns), nil).
			noted("%d tenants send an event a second each, another one 1,000 at once. maxConcurrency 10, batches of 10, business logic that takes 50 ms. "+
				"The queue is a model of what SQS documents of fair queues. From the queue to applied.", pipeline.QuietTenants),
	}, nil
}

// measurePause moves tenants of different sizes.
func measurePause(ctx context.Context, h *harness) ([]row, error) {
	m, err := measureVirtually(ctx, h, "pause")
	if err != nil {
		return nil, err
	}
	var rows []row
	one := func(d time.Duration) series { return series{float64(d)} }
	for i, of := range m.Moved {
		var t *target
		if i > 0 && i < 3 {
			t = ratioAtMost(1.5)
		}
		tenant := pipeline.MovedTenants[i]
		what, least := fmt.Sprintf("%d events, %d state items", tenant[0], tenant[1]), fmt.Sprintf("%d events, %d state items", pipeline.MovedTenants[0][0], pipeline.MovedTenants[0][1])
		rows = append(rows,
			newRow("pause of a move, "+what, nanoseconds, one(of.Pause), least, one(m.Moved[0].Pause), t),
			newRow("move in all, "+what, nanoseconds, one(of.Total), least, one(m.Moved[0].Total), nil))
	}
	for i := range rows {
		rows[i].Note = "From the fence to the flip, and in all without the wait for routers. The real mover in virtual time, between new tables on a model of DynamoDB: " +
			"a transaction takes 8 ms and a read 2, a key takes 1,000 write units a second. Nobody writes meanwhile: each figure is of one run, and the next has the same."
	}
	return rows, nil
}

// each is a figure of every round.
func each[T any](rounds []T, of func(T) float64) series {
	s := make(series, len(rounds))
	for i, r := range rounds {
		s[i] = of(r)
	}
	return s
}
