package dashboard

import (
	"fmt"
	"time"

	"cellular/alarm"
	"cellular/internal/model/config"
)

// Fleet returns the body of the dashboard of all cells, of the router above them and of the control plane. It names no cell: the
// graphs search for what every cell writes, so that a new one appears by itself.
func Fleet(d Deployment) (string, error) {
	g := &grid{}
	g.row(6, d.lookFirst(), d.globalAlarms())
	d.pipelines(g)
	d.worst(g)
	d.router(g)
	d.controlPlane(g)
	return body{Widgets: g.widgets}.write()
}

func (d Deployment) lookFirst() text {
	return text{fmt.Sprintf(`# Fleet of %[1]s
1. **Alarms** on the right: a red one is what people were told of. Runbook 12, *A page*.
2. **Letters in DLQs** above 0: events that were answered with 202 and are not applied. Runbook 4, *Poison*.
3. **Probe** at 0, **oldest message** or **accepted to applied** over the red line: a cell is sick. Runbook 5, *A sick cell*.

One line that leaves the others is one sick cell; all lines at once are something that the cells share: the router, a quota.
Runbooks: %[2]s. One cell: dashboard %[3]s. Its logs: saved queries in the folder %[1]s.
From a terminal: `+"`cellctl alarms list`, `cellctl cells list`", d.Stack, alarm.Runbooks, d.Stack.CellDashboard())}
}

func (d Deployment) globalAlarms() alarmStates {
	names := []string{d.Stack.ControlPlaneHealth(), d.Stack.RouterHealth()}
	if d.Probe.Enabled {
		names = append(names, d.Stack.ProbeHealth())
	}
	return alarmStates{"Alarms of the global plane", d.alarmARNs(names...)}
}

// pipelines is what every cell does, a line each.
func (d Deployment) pipelines(g *grid) {
	c := d.Alarms.Cell
	g.heading("## Cells: does an event come through, and how late")
	sick := []graph{
		withDLQs(d.graph("Letters in DLQs", "messages",
			d.eachQueue(d.Stack.Cell("").ConsumerDLQ(), visible),
			d.eachQueue(d.Stack.Cell("").StreamDLQ(), visible),
			d.eachQueue(d.Stack.Cell("").SubscriptionDLQ(), visible),
		), c),
		d.graph("Age of the oldest message in the queue", "seconds",
			d.eachQueue(d.Stack.Cell("").Queue(), "ApproximateAgeOfOldestMessage"),
		).over(c.OldestMessage.Threshold, time.Second, c.OldestMessage.Window),
		d.graph("Accepted to applied, 99th percentile", "milliseconds",
			d.eachCell("p99", "accepted_to_applied_ms"),
		).over(c.AcceptedToApplied.Threshold, time.Millisecond, c.AcceptedToApplied.Window),
		d.graph("Requests answered with 5xx", "requests a period", d.eachCell("Sum", "requests_5xx")),
	}
	if d.Probe.Enabled {
		p := d.everyRound()
		sick = append([]graph{p.graph("Probe: did an event come through? (1 yes, 0 no)", "yes or no", p.eachCell("Minimum", "probe_ok")).yesOrNo().below(1, c.Pipeline.Window)}, sick...)
		sick = append(sick, p.graph("Probe: accepted to seen processed", "milliseconds", p.eachCell("Maximum", "probe_ms")))
	}
	g.threes(sick...)
	g.heading("## Cells: what goes through")
	g.threes(
		d.graph("Accepted: events that the producer passed on", "events a period", d.eachCell("Sum", "published")),
		d.graph("Applied", "events a period", d.eachCell("Sum", "applied")),
		d.graph("Ejected: given up on, now letters", "events a period", d.eachCell("Sum", "ejected")),
		d.graph("Requests answered with 2xx", "requests a period", d.eachCell("Sum", "requests_2xx")),
		d.graph("Refused by limits or an open breaker", "requests a period", d.eachCell("Sum", "shed_requests")),
		d.graph("Time in the cell of a request, 99th percentile", "milliseconds", d.eachCell("p99", "dispatch_ms")),
	)
}

// everyRound is the deployment with the period of the probe's alarms.
func (d Deployment) everyRound() Deployment {
	d.Alarms.Period = config.Config{Alarms: d.Alarms, Probe: d.Probe}.ProbePeriod()
	return d
}

// worst has the cells that stand out, of more cells than a SEARCH draws.
func (d Deployment) worst(g *grid) {
	g.heading("## The ten worst cells", fmt.Sprintf("The graphs above draw the first %d cells that CloudWatch finds. These pick from 10,000 series.", maxDrawn))
	g.threes(
		d.graph("Most ejected", "events a period", d.topTen("SUM", "ejected")),
		d.graph("Longest from accepted to applied", "milliseconds", d.topTen("MAX", "accepted_to_applied_ms")),
		d.graph("Most requests answered with 5xx", "requests a period", d.topTen("SUM", "requests_5xx")),
	)
}

func (d Deployment) router(g *grid) {
	r := d.Alarms.Router
	inLambda := func(metric string) []any {
		return d.series(metric, "Sum", "AWS/Lambda", metric, "FunctionName", d.Stack.Router())
	}
	ofAPI := func(label, stat, metric string) []any {
		return d.series(label, stat, "AWS/ApiGateway", metric, "ApiId", d.APIID)
	}
	g.heading("## Router")
	g.threes(
		d.graph("Requests by answer", "requests a period", d.sum("requests_2xx"), d.sum("requests_4xx"), d.sum("requests_5xx")).stack(),
		d.graph("Latency of the API", "milliseconds", ofAPI("p50", "p50", "Latency"), ofAPI("p99", "p99", "Latency")),
		d.graph("Function: errors and throttles", "invocations a period", inLambda("Errors"), inLambda("Throttles")).
			from(r.Errors),
	)
	g.threes(
		d.graph("Failed before a cell was found, of all requests", "%",
			of("unrouted", d.sum("requests_5xx_unrouted")), of("ok", d.sum("requests_2xx")), of("bad", d.sum("requests_4xx")), of("failed", d.sum("requests_5xx")),
			expression("share of requests", "100 * FILL(unrouted, 0) / SUM([ok, bad, failed])"),
		).share(r.Failures),
		d.graph("5xx by version of the router", "requests a period", d.eachVersion("Sum", "requests_5xx")),
		d.graph("Requests by version of the router (2xx)", "requests a period", d.eachVersion("Sum", "requests_2xx")).stack(),
	)
}

func (d Deployment) controlPlane(g *grid) {
	c := d.Alarms.ControlPlane
	table := func(label, stat, metric string) []any {
		return d.series(label, stat, "AWS/DynamoDB", metric, "Operation", "GetItem", "TableName", d.Stack.MappingTable())
	}
	g.heading("## Control plane", "Runbook 14, *The router cannot read the mapping table*.")
	g.threes(
		d.graph("Lookups of tenants by the router", "lookups a period", d.sum("cache_hits"), d.sum("cache_misses"), d.sum("refresh_failures")).stack(),
		d.graph("Answered with a stale mapping, of all requests", "%",
			of("stale", d.sum("stale_answers")), of("ok", d.sum("requests_2xx")), of("bad", d.sum("requests_4xx")), of("failed", d.sum("requests_5xx")),
			expression("share of requests", "100 * FILL(stale, 0) / SUM([ok, bad, failed])"),
		).share(c.StaleAnswers),
		d.graph("Reads of the mapping table", "reads a period",
			table("reads", "SampleCount", "SuccessfulRequestLatency"), table("throttled", "Sum", "ThrottledRequests"), table("failed", "Sum", "SystemErrors")),
	)
	if !d.Probe.Enabled {
		return
	}
	p := d.everyRound()
	g.heading("## Probe")
	g.threes(
		p.graph("Rounds: none is a probe that does not watch", "rounds a period", p.sum("probe_rounds")).below(1, d.Alarms.Probe.Silent.Window),
		p.graph("Cells to which no event could be sent", "cells a period", p.sum("probe_unsent")).from(d.Alarms.Probe.Unsent),
		p.graph("Moves that nobody works on", "moves", p.own("stalled", "Maximum", "moves_stalled")).from(d.Alarms.Probe.StalledMoves),
	)
}

const visible = "ApproximateNumberOfMessagesVisible"

// withDLQs draws the threshold of letters: one line where the three DLQs have the same.
func withDLQs(g graph, c config.CellAlarms) graph {
	lines := &annotations{}
	for _, dlq := range []struct {
		name string
		config.CountAlarm
	}{{"consumer DLQ", c.ConsumerDLQ}, {"stream DLQ", c.StreamDLQ}, {"subscription DLQ", c.SubscriptionDLQ}} {
		if c.ConsumerDLQ == c.StreamDLQ && c.StreamDLQ == c.SubscriptionDLQ {
			return g.from(dlq.CountAlarm)
		}
		lines.Horizontal = append(lines.Horizontal, threshold{Label: dlq.name + ": " + fires(dlq.Window), Value: float64(dlq.Threshold + 1), Color: red})
	}
	g.Annotations = lines
	return g
}

// from draws the least number that is too many.
func (g graph) from(a config.CountAlarm) graph {
	return g.alarmAt(float64(a.Threshold+1), "%s", fires(a.Window))
}

// below draws the least number that is enough.
func (g graph) below(least float64, w config.Window) graph {
	return g.alarmAt(least, "alarm: below this in %d of %d periods", w.Datapoints, w.Periods)
}

// over draws an age or a latency in the unit of the metric.
func (g graph) over(threshold, unit time.Duration, w config.Window) graph {
	return g.alarmAt(float64(threshold)/float64(unit), "%s", fires(w))
}

// share draws a share as a percentage.
func (g graph) share(a config.ShareAlarm) graph {
	return g.alarmAt(100*a.Threshold, "%s, of %d or more", fires(a.Window), a.MinSamples)
}

func fires(w config.Window) string {
	return fmt.Sprintf("alarm: from here in %d of %d periods", w.Datapoints, w.Periods)
}
