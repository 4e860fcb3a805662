package pipeline_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/bench/internal/pipeline"
	"cellular/internal/testkit/dynamotest"
)

// transaction is how long a transaction takes here.
const transaction = 8 * time.Millisecond

// options are a cell's. Its tables have been warmed unless they are new: they take ten times what a new table takes.
func options(processes int, isNew bool) pipeline.Options {
	tables := dynamotest.OnDemand(transaction)
	if !isNew {
		tables.TableReads *= 10
		tables.TableWrites *= 10
	}
	return pipeline.Options{
		Tables: tables, Delays: pipeline.Delays{Stream: 100 * time.Millisecond, Publish: 20 * time.Millisecond, Queue: 5 * time.Millisecond},
		Shards: 4, Records: 100, Processes: processes, Messages: 10, Groups: true,
	}
}

type apply = func(*pipeline.Cell, context.Context, app.Event) (app.Effect, error)

// flow is one tenant alone in its cell.
func flow(t *testing.T, o pipeline.Options, a apply, rate int, d time.Duration) (f pipeline.Figures) {
	synctest.Test(t, func(t *testing.T) {
		c := pipeline.Start(o, a)
		defer c.Stop()
		var err error
		f, err = c.Flow(rate, d, 2*d)
		require.NoError(t, err)
	})
	return f
}

// quiet is the wait of quiet tenants beside a noisy one.
func quiet(t *testing.T, groups bool, tenants, backlog int, d time.Duration) (p99 time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		o := options(10, false)
		o.Groups = groups
		c := pipeline.Start(o, pipeline.Slow(50*time.Millisecond))
		defer c.Stop()
		var err error
		p99, err = c.Quiet(tenants, backlog, d)
		require.NoError(t, err)
	})
	return p99
}

// moved is how long the move of a tenant with so many events and items of the business logic takes, on new tables.
func moved(t *testing.T, events, state int) (m pipeline.Moved) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		m, err = pipeline.Move(t.Context(), options(1, true).Tables, events, state)
		require.NoError(t, err)
	})
	return m
}

func TestMove_PausesATenantNoLongerForItsHistory(t *testing.T) {
	few, many := moved(t, 100, 10), moved(t, 1000, 10)
	require.Less(t, many.Pause, few.Pause*3/2)
	require.Greater(t, many.Total, few.Total)
}

// TestMeasure measures for the command bench, which has no clock of its own to give away: only a test has. It writes the
// figures of each round into the file that CELLULAR_BENCH_FIGURES names; CELLULAR_BENCH_QUICK=1 makes them mean nothing.
func TestMeasure(t *testing.T) {
	path := os.Getenv(pipeline.FiguresVariable)
	if path == "" {
		t.Skip("it measures for make bench")
	}
	rounds, d, backlog := 3, 10*time.Second, 1000
	if os.Getenv(pipeline.QuickVariable) != "" {
		rounds, d, backlog = 1, time.Second, 100
	}
	var m pipeline.Measured
	want := os.Getenv(pipeline.PartVariable)
	for range rounds {
		switch want {
		case "pause":
			if len(m.Moved) > 0 {
				continue // seeded: each round is as the first
			}
			tenants := pipeline.MovedTenants
			if os.Getenv(pipeline.QuickVariable) != "" {
				tenants = [][2]int{{100, 10}, {200, 10}}
			}
			for _, tenant := range tenants {
				m.Moved = append(m.Moved, moved(t, tenant[0], tenant[1]))
			}
		case "tenant":
			m.Sharded = append(m.Sharded, flow(t, options(50, false), pipeline.Count, pipeline.Rate, d))
			m.Single = append(m.Single, flow(t, options(50, false), pipeline.CountInOne, pipeline.Rate, d))
			m.New = append(m.New, flow(t, options(50, true), pipeline.Count, pipeline.Rate, d))
		default:
			m.WithGroups = append(m.WithGroups, quiet(t, true, pipeline.QuietTenants, backlog, 3*d))
			m.WithoutGroups = append(m.WithoutGroups, quiet(t, false, pipeline.QuietTenants, backlog, 3*d))
		}
	}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

func TestCell_AppliesEveryEventOfATenantOnce(t *testing.T) {
	f := flow(t, options(10, false), pipeline.Count, 100, time.Second)
	require.Equal(t, 100.0, f.Offered)
	require.Greater(t, f.Applied, 10.0, "the last may have met others, and waited for its next try")
	require.GreaterOrEqual(t, f.Publishes, 0.1, "no call takes more than ten")
	require.Greater(t, f.Units, 6.0, "the event, and its outcome, fence and counter, twice each")
}

// Every transaction of a tenant with one fence and one counter meets the others: such a tenant has a limit.
func TestCell_ATenantWithOneCounterHasALimit(t *testing.T) {
	f := flow(t, options(50, false), pipeline.CountInOne, 500, time.Second)
	require.Less(t, f.Applied, 250.0)
	require.Greater(t, f.Canceled, 30.0)
}

func TestCell_QuietTenantsWaitLessWhereMessagesHaveGroups(t *testing.T) {
	with, without := quiet(t, true, 5, 500, 10*time.Second), quiet(t, false, 5, 500, 10*time.Second)
	require.Less(t, 2*with, without)
}
