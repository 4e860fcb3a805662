package alarm

import (
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// The statistics of metrics.
const (
	Sum     = "Sum"
	Maximum = "Maximum"
	Samples = "SampleCount"
	P99     = "p99"
)

// Metric is a statistic of a metric.
type Metric struct {
	Namespace, Name string
	Dimensions      pulumi.StringMap // none for a metric without any
	Statistic       string
}

// Value is what an alarm compares to its threshold: a metric, or the last of some steps of metric math on metrics.
type Value struct {
	metrics []term
	steps   []step
}

type term struct {
	id     string
	metric Metric
}

type step struct{ id, expression string }

// Of is a metric itself.
func Of(m Metric) Value { return Value{metrics: []term{{"m", m}}} }

// Filled is a metric, and 0 where it has no data. Alarms ignore the missing data of metrics of DynamoDB, whatever they are told
// (PutMetricAlarm, TreatMissingData), and would fire until there is a request that does not fail.
func Filled(m Metric) Value {
	return Value{[]term{{"m", m}}, []step{{"filled", "FILL(m, 0)"}}}
}

// AtLeast is a metric where it has a minimum of samples, and 0 where it has fewer.
func AtLeast(samples int, m Metric) Value {
	count := m
	count.Statistic = Samples
	return Value{
		[]term{{"m", m}, {"samples", count}},
		[]step{{"sampled", fmt.Sprintf("IF(samples >= %d, m, 0)", samples)}},
	}
}

// ShareOf is the share that part has of the sum of whole, and 0 where that is less than least. The metrics count; one that had
// nothing to count has no data. AWS charges for each metric, so that part is not measured twice where it is in whole.
func ShareOf(part Metric, whole []Metric, least int) Value {
	v := Value{metrics: []term{{"part", part}}}
	ids := make([]string, len(whole))
	for i, m := range whole {
		if m.Namespace == part.Namespace && m.Name == part.Name {
			ids[i] = "part"
			continue
		}
		ids[i] = fmt.Sprintf("other%d", i)
		v.metrics = append(v.metrics, term{ids[i], m})
	}
	// SUM takes what there is, where + has no result for a period in which one side has no data.
	v.steps = []step{
		{"whole", "SUM([" + strings.Join(ids, ", ") + "])"},
		{"share", fmt.Sprintf("IF(whole >= %d, FILL(part, 0) / whole, 0)", least)},
	}
	return v
}

// ShareOfRest is what is left of part when the known ones, which are counted elsewhere and may have no data, are taken off it, as a
// share of whole; 0 where whole is less than least.
func ShareOfRest(part Metric, known []Metric, whole Metric, least int) Value {
	terms := []term{{"part", part}, {"whole", whole}}
	var ids []string
	for i, m := range known {
		ids = append(ids, fmt.Sprintf("known%d", i))
		terms = append(terms, term{ids[i], m})
	}
	return Value{
		terms,
		[]step{
			{"less", fmt.Sprintf("SUM([%s]) * -1", strings.Join(ids, ", "))},
			{"rest", "SUM([part, less])"},
			{"share", fmt.Sprintf("IF(whole >= %d, rest / whole, 0)", least)},
		},
	}
}

// complete sets what an alarm measures, per period.
func (v Value) complete(args *cloudwatch.MetricAlarmArgs, period time.Duration) {
	if len(v.steps) == 0 {
		m := v.metrics[0].metric
		args.Namespace, args.MetricName = pulumi.String(m.Namespace), pulumi.String(m.Name)
		args.Statistic, args.Period = pulumi.String(m.Statistic), seconds(period)
		if len(m.Dimensions) > 0 {
			args.Dimensions = m.Dimensions
		}
		return
	}
	var queries cloudwatch.MetricAlarmMetricQueryArray
	for i := len(v.steps) - 1; i >= 0; i-- {
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String(v.steps[i].id), Expression: pulumi.String(v.steps[i].expression), ReturnData: pulumi.Bool(i == len(v.steps)-1),
		})
	}
	for _, t := range v.metrics {
		m := cloudwatch.MetricAlarmMetricQueryMetricArgs{
			Namespace: pulumi.String(t.metric.Namespace), MetricName: pulumi.String(t.metric.Name),
			Stat: pulumi.String(t.metric.Statistic), Period: seconds(period),
		}
		if len(t.metric.Dimensions) > 0 {
			m.Dimensions = t.metric.Dimensions
		}
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{Id: pulumi.String(t.id), Metric: m, ReturnData: pulumi.Bool(false)})
	}
	args.MetricQueries = queries
}
