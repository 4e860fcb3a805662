package dashboard

import (
	"fmt"
	"strings"
)

// Dynamic labels of series: user guide, "Using dynamic labels".
const (
	byCell    = "${PROP('Dim.cell')}"
	byQueue   = "${PROP('Dim.QueueName')}"
	byVersion = "version ${PROP('Dim.version')}"
)

// rendering is the last element of a metric's array: how it is drawn, or the expression that takes its place.
type rendering struct {
	Expression string `json:"expression,omitempty"`
	Label      string `json:"label,omitempty"`
	ID         string `json:"id,omitempty"`
	Stat       string `json:"stat,omitempty"`
	Visible    *bool  `json:"visible,omitempty"`
}

// series is one element of a graph's metrics.
func (d Deployment) series(label, stat, namespace, metric string, dimensions ...string) []any {
	one := []any{namespace, metric}
	for _, word := range dimensions {
		one = append(one, word)
	}
	return append(one, rendering{Label: label, Stat: stat})
}

// own is a metric that the functions write.
func (d Deployment) own(label, stat, metric string, dimensions ...string) []any {
	return d.series(label, stat, d.Stack.MetricsNamespace(), metric, dimensions...)
}

// sum is the sum of a metric that the functions write, whose label is its name.
func (d Deployment) sum(metric string, dimensions ...string) []any {
	return d.own(metric, "Sum", metric, dimensions...)
}

// of gives a series the id by which an expression of the graph refers to it, and hides it.
func of(id string, series []any) []any {
	r := series[len(series)-1].(rendering)
	hidden := false
	r.ID, r.Visible = id, &hidden
	return append(series[:len(series)-1:len(series)-1], r)
}

func expression(label, format string, args ...any) []any {
	return []any{rendering{Expression: fmt.Sprintf(format, args...), Label: label}}
}

// eachCell finds a metric of every cell: those with the dimension cell and no other.
func (d Deployment) eachCell(stat, metric string) []any {
	return expression(byCell, `SEARCH('{"%s",cell} MetricName="%s"', '%s', %d)`, d.Stack.MetricsNamespace(), metric, stat, seconds(d.Alarms.Period))
}

// eachVersion finds a metric of each version of the router.
func (d Deployment) eachVersion(stat, metric string) []any {
	return expression(byVersion, `SEARCH('{"%s",version} MetricName="%s"', '%s', %d)`, d.Stack.MetricsNamespace(), metric, stat, seconds(d.Alarms.Period))
}

// eachQueue finds the maximum of a metric of the queues of all cells whose names have a stem. A stem has no quotes: what is in quotes is a whole
// name. Without them CloudWatch looks for the stem's words in this order and nothing between them, which no queue of a deployment
// whose name begins alike has; one whose name ends in -STACK has (user guide, "Search expression syntax", partial matches).
func (d Deployment) eachQueue(stem, metric string) []any {
	return expression(byQueue, `SEARCH('{AWS/SQS,QueueName} QueueName=%s MetricName="%s"', 'Maximum', %d)`, strings.TrimSuffix(stem, "-"), metric, seconds(d.Alarms.Period))
}

// graph draws series over time. The unit is that of the axis.
func (d Deployment) graph(title, unit string, series ...[]any) graph {
	return graph{
		Title: title, View: "timeSeries", Region: d.Region, Period: seconds(d.Alarms.Period), Metrics: series,
		YAxis: yAxis{axis{Label: unit}}, Legend: legend{"bottom"},
	}
}
