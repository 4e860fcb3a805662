package demo

import (
	"context"
	"time"

	"cellular/internal/model/naming"
	"cellular/local"
	"cellular/local/cloudwatch"
)

// probed waits until the standing probe has seen an event of its own come through each cell, poisoned or not.
func (d *demo) probed(ctx context.Context, _ *tally) error {
	d.out.begin("probe", "the cells")
	slowest := 0.0
	if err := until(ctx, "an event of the standing probe came through each cell", func() (lacking []string, _ error) {
		for _, id := range d.allCells() {
			if d.highest("probe_ok", id) < 1 {
				lacking = append(lacking, "cell "+id+": none has")
			}
			slowest = max(slowest, d.highest("probe_ms", id))
		}
		return lacking, nil
	}); err != nil {
		return err
	}
	d.out.end("the standing probe's events come through all %d cells, in %.1f s at most", len(d.allCells()), slowest/1000)
	return nil
}

// highest is the highest value that a metric of a cell had in the last minutes; 0 if it has none.
func (d *demo) highest(name, cell string) float64 {
	metric := cloudwatch.NewMetric(naming.Stack(local.StackName).MetricsNamespace(), name, cloudwatch.Dimension{Name: "cell", Value: cell})
	maximum, err := cloudwatch.ParseStatistic("Maximum")
	if err != nil {
		panic(err)
	}
	highest := 0.0
	for _, v := range d.cloud.CloudWatch().Metrics.Points(metric, maximum, time.Minute, time.Now().Add(-5*time.Minute), time.Now().Add(time.Minute)) {
		highest = max(highest, v)
	}
	return highest
}
