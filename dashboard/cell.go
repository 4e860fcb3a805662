package dashboard

import (
	"fmt"
	"strings"
	"time"

	"cellular/alarm"
	"cellular/internal/model/naming"
)

// picked is what the widgets have where the id of the cell is to be, which the dashboard's variable replaces.
const picked = "CELL_ID"

// Cell returns the body of the dashboard of one cell. Its reader picks the cell from those that have metrics.
func Cell(d Deployment) (string, error) {
	g := &grid{}
	g.row(9, d.aboutCell(), d.cellAlarms()) // fourteen alarms, two in a row
	if d.Probe.Enabled {
		d.cellProbe(g)
	}
	d.cellEdge(g)
	d.cellPipeline(g)
	d.cellFunctions(g)
	return body{
		Variables: []variable{{
			Type: "pattern", Pattern: picked, InputType: "select", ID: "cell", Label: "Cell", DefaultValue: "__FIRST", Visible: true,
			Search: fmt.Sprintf(`{"%s",cell} MetricName=("requests_2xx" OR "probe_ok")`, d.Stack.MetricsNamespace()), PopulateFrom: "cell",
		}},
		Widgets: g.widgets,
	}.write()
}

func (d Deployment) aboutCell() text {
	return text{fmt.Sprintf(`# Cell %[1]s of %[2]s
1. **Alarms** on the right say what is wrong; the description of each names its runbook.
2. **Letters in DLQs**: `+"`cellctl dlq list --cell %[1]s`"+`. Runbook 4, *Poison*.
3. **Accepted** above **applied** for minutes, with a rising age: the consumer does not get on. Runbook 5, *A sick cell*.
4. **Errors and throttles** of a function: runbook 13, *A function crashes or is throttled*.

Runbooks: %[3]s. Why an event failed: the saved query %[4]s on the log group %[5]s.
All cells: dashboard %[6]s`, picked, d.Stack, alarm.Runbooks, d.Stack.Query("failures"), naming.LogGroup(d.Stack.Cell(picked).Consumer()), d.Stack.FleetDashboard())}
}

func (d Deployment) cellAlarms() alarmStates {
	cell := d.Stack.Cell(picked)
	names := []string{cell.Health()}
	for _, part := range naming.CellAlarms() {
		if part != naming.AlarmPipeline || d.Probe.Enabled {
			names = append(names, cell.Alarm(part))
		}
	}
	return alarmStates{"Alarms of cell " + picked, d.alarmARNs(names...)}
}

// ofCell is a sum of a metric of the cell, whose label is its name.
func (d Deployment) ofCell(metric string) []any { return d.sum(metric, "cell", picked) }

func (d Deployment) cellProbe(g *grid) {
	p := d.everyRound()
	g.heading("## Does an event come through")
	g.threes(
		p.graph("Probe: did an event come through? (1 yes, 0 no)", "yes or no", p.own("came through", "Minimum", "probe_ok", "cell", picked)).yesOrNo().below(1, d.Alarms.Cell.Pipeline.Window),
		p.graph("Probe: accepted to seen processed", "milliseconds", p.own("took", "Maximum", "probe_ms", "cell", picked)),
	)
}

// cellEdge is what the router sees of the cell.
func (d Deployment) cellEdge(g *grid) {
	c := d.Alarms.Cell
	g.heading("## What the router sees")
	g.threes(
		d.graph("Requests by answer", "requests a period", d.ofCell("requests_2xx"), d.ofCell("requests_4xx"), d.ofCell("requests_5xx")).stack(),
		d.graph("Answered with 5xx, of all requests", "%",
			of("ok", d.ofCell("requests_2xx")), of("bad", d.ofCell("requests_4xx")), of("failed", d.ofCell("requests_5xx")),
			expression("share of requests", "100 * FILL(failed, 0) / SUM([ok, bad, failed])"),
		).share(c.EdgeFailures),
		d.graph("Time in the cell of a request", "milliseconds",
			d.own("p50", "p50", "dispatch_ms", "cell", picked), d.own("p99", "p99", "dispatch_ms", "cell", picked)),
	)
	g.threes(
		d.graph("Times that a process of the router stopped calling the cell", "times a period", d.ofCell("breaker_opens")).from(c.BreakerOpens),
		d.graph("Refused by limits or an open breaker", "requests a period", d.ofCell("shed_requests")),
		d.graph("Lookups that were answered by a stale mapping", "lookups a period", d.ofCell("stale_answers")),
	)
}

func (d Deployment) cellPipeline(g *grid) {
	c, cell := d.Alarms.Cell, d.Stack.Cell(picked)
	queue := func(label, name, metric string) []any {
		return d.series(label, "Maximum", "AWS/SQS", metric, "QueueName", name)
	}
	latency := func(stat, metric string) []any {
		return d.own(strings.TrimSuffix(metric, "_ms")+" "+stat, stat, metric, "cell", picked)
	}
	g.heading("## Pipeline")
	g.threes(
		d.graph("Events", "events a period",
			d.own("accepted (published)", "Sum", "published", "cell", picked), d.ofCell("applied"), d.ofCell("duplicates"), d.ofCell("retried"), d.ofCell("ejected")),
		withDLQs(d.graph("Letters in DLQs", "messages",
			queue("consumer DLQ", cell.ConsumerDLQ(), visible), queue("stream DLQ", cell.StreamDLQ(), visible), queue("subscription DLQ", cell.SubscriptionDLQ(), visible)), c),
		d.graph("Ejected, by reason", "events a period",
			d.ofCell("ejected_rejected"), d.ofCell("ejected_error"), d.ofCell("ejected_panic"), d.ofCell("ejected_deadline"),
			d.ofCell("ejected_malformed"), d.ofCell("ejected_refused"), d.ofCell("ejected_expired")).stack(),
	)
	g.threes(
		d.graph("How long an event takes", "milliseconds",
			latency("p50", "accepted_to_applied_ms"), latency("p99", "accepted_to_applied_ms"), latency("p99", "published_to_applied_ms"), latency("p99", "apply_ms"),
		).over(c.AcceptedToApplied.Threshold, time.Millisecond, c.AcceptedToApplied.Window),
		d.graph("Age of the oldest message in the queue", "seconds",
			queue("age", cell.Queue(), "ApproximateAgeOfOldestMessage"),
		).over(c.OldestMessage.Threshold, time.Second, c.OldestMessage.Window),
		d.graph("Messages in the queue", "messages",
			queue("waiting", cell.Queue(), visible), queue("being handled", cell.Queue(), "ApproximateNumberOfMessagesNotVisible")),
	)
}

func (d Deployment) cellFunctions(g *grid) {
	c, cell := d.Alarms.Cell, d.Stack.Cell(picked)
	of := func(label, stat, metric, function string) []any {
		return d.series(label, stat, "AWS/Lambda", metric, "FunctionName", function)
	}
	g.heading("## Functions and tables")
	g.threes(
		d.graph("Producer: errors and throttles", "invocations a period",
			of("Errors", "Sum", "Errors", cell.Producer()), of("Throttles", "Sum", "Throttles", cell.Producer())).from(c.ProducerErrors),
		d.graph("Consumer: errors and throttles", "invocations a period",
			of("Errors", "Sum", "Errors", cell.Consumer()), of("Throttles", "Sum", "Throttles", cell.Consumer())).from(c.ConsumerErrors),
		d.graph("Age of a record when the producer gets it", "milliseconds",
			of("iterator age", "Maximum", "IteratorAge", cell.Producer())).over(c.IteratorAge.Threshold, time.Millisecond, c.IteratorAge.Window),
	)
	g.threes(
		d.graph("Invocations", "invocations a period",
			of("producer", "Sum", "Invocations", cell.Producer()), of("consumer", "Sum", "Invocations", cell.Consumer())),
		d.graph("Duration, 99th percentile", "milliseconds",
			of("producer", "p99", "Duration", cell.Producer()), of("consumer", "p99", "Duration", cell.Consumer())),
		d.graph("Requests to the tables that DynamoDB throttled", "requests a period",
			d.eachOperation(cell.DataTable(), "data table"), d.eachOperation(cell.ResultsTable(), "results table"), d.eachOperation(cell.CountersTable(), "counters")),
	)
}

// eachOperation finds the throttled requests to a table, by operation. The name is in quotes: it is a whole one.
func (d Deployment) eachOperation(table, label string) []any {
	return expression(label+" ${PROP('Dim.Operation')}", `SEARCH('{AWS/DynamoDB,Operation,TableName} TableName="%s" MetricName="ThrottledRequests"', 'Sum', %d)`, table, seconds(d.Alarms.Period))
}
