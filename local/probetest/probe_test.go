// Package probetest_test runs the standing probe on a local cloud: its schedule invokes it, it sends events through the deployed
// router, as its role alone, and CloudWatch has what it found.
package probetest_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

var cells = []string{"alpha", "beta", "gamma"}

// site is a deployment with the probe, and its metrics.
type site struct{ metrics *cloudwatch.Client }

// values are those of a metric of a cell since a time, a period each, the oldest first. Without a cell it is a whole round's.
func (s site) values(t *testing.T, metric, cell string, since time.Time) []float64 {
	var dimensions []types.Dimension
	if cell != "" {
		dimensions = []types.Dimension{{Name: aws.String("cell"), Value: &cell}}
	}
	out, err := s.metrics.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(since.Truncate(10 * time.Second)), EndTime: aws.Time(time.Now().Add(10 * time.Second)), ScanBy: types.ScanByTimestampAscending,
		MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("m"), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String(cloudtest.Stack.MetricsNamespace()), MetricName: &metric, Dimensions: dimensions},
			Period: aws.Int32(10), Stat: aws.String("Minimum"),
		}}},
	})
	require.NoError(t, err)
	return out.MetricDataResults[0].Values
}

// await waits until each cell's last value of probe_ok is the one that is wanted, of rounds since a time.
func (s site) await(t *testing.T, since time.Time, want map[string]float64) {
	t.Helper()
	cloudtest.Await(t, "the probe's word on each cell", func() (map[string][]float64, bool) {
		seen, done := map[string][]float64{}, true
		for cell, ok := range want {
			seen[cell] = s.values(t, "probe_ok", cell, since)
			done = done && len(seen[cell]) > 0 && seen[cell][len(seen[cell])-1] == ok
		}
		return seen, done
	})
}

func TestProbe_TellsTheCellThatDoesNotProcessFromThoseThatDo(t *testing.T) {
	cloud := cloudtest.New(t, local.Options{Schedules: true, Config: map[string]any{
		"cellular:cells": cloudtest.Cells(cells...), "cellular:probe": map[string]any{"patience": "5s"},
	}})
	outputs, _, err := cloud.Up(t.Context(), nil)
	require.NoError(t, err)
	s := site{cloudwatch.NewFromConfig(cloud.AWS)}

	well := map[string]float64{"alpha": 1, "beta": 1, "gamma": 1}
	s.await(t, time.Now(), well)
	require.ElementsMatch(t, slices.Collect(maps.Keys(well)), cells)
	for _, cell := range cells {
		require.Positive(t, cloudtest.Await(t, "how long the event took", func() ([]float64, bool) {
			values := s.values(t, "probe_ms", cell, time.Now().Add(-time.Minute))
			return values, len(values) > 0
		})[0])
	}
	cloudtest.Await(t, "a whole round", func() ([]float64, bool) {
		values := s.values(t, "probe_rounds", "", time.Now().Add(-time.Minute))
		return values, len(values) > 0
	})
	require.Empty(t, s.values(t, "probe_unsent", "", time.Now().Add(-time.Minute)))

	resume := cloudtest.Pause(t, cloud, outputs.Cells["beta"].Consumer)
	broken := time.Now()
	s.await(t, broken, map[string]float64{"beta": 0})
	s.await(t, time.Now(), map[string]float64{"alpha": 1, "beta": 0, "gamma": 1})
	for _, cell := range []string{"alpha", "gamma"} {
		for _, ok := range s.values(t, "probe_ok", cell, broken) {
			require.Equal(t, 1.0, ok, "cell %s is well, whatever beta does", cell)
		}
	}
	resume()
	s.await(t, time.Now(), well)
}

func TestMain(m *testing.M) { cloudtest.Main(m, cloudtest.Suite{}) }
