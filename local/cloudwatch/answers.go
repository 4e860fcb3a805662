package cloudwatch

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// maxQueries is how many queries one GetMetricData may have: API reference.
const maxQueries = 500

// Data answers GetMetricData. All datapoints come at once: there is no next page.
func (m *Metrics) Data(in cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	if in.StartTime == nil || in.EndTime == nil || !in.StartTime.Before(*in.EndTime) {
		return nil, fmt.Errorf("want a StartTime before an EndTime")
	}
	if len(in.MetricDataQueries) > maxQueries {
		return nil, fmt.Errorf("%d queries, want at most %d", len(in.MetricDataQueries), maxQueries)
	}
	queries, err := newQueries(in.MetricDataQueries)
	if err != nil {
		return nil, err
	}
	found, err := evaluateQueries(m, queries, *in.StartTime, *in.EndTime)
	if err != nil {
		return nil, err
	}
	out := &cloudwatch.GetMetricDataOutput{Messages: []types.MessageData{}, MetricDataResults: []types.MetricDataResult{}}
	for _, q := range queries {
		if !q.returned {
			continue
		}
		v := found[q.id]
		if v.scalar != nil {
			return nil, fmt.Errorf("query %s is a number, want time series", q.id)
		}
		for _, l := range v.series {
			out.MetricDataResults = append(out.MetricDataResults, result(q.id, l, in.ScanBy))
		}
	}
	return out, nil
}

func result(id string, l line, order types.ScanBy) types.MetricDataResult {
	at := l.points.Times()
	if order != types.ScanByTimestampAscending {
		slices.Reverse(at)
	}
	r := types.MetricDataResult{Id: &id, Label: &l.label, StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
	for _, t := range at {
		r.Timestamps = append(r.Timestamps, time.Unix(t, 0).UTC())
		r.Values = append(r.Values, l.points[t])
	}
	return r
}

// Statistics answers GetMetricStatistics.
func (m *Metrics) Statistics(in cloudwatch.GetMetricStatisticsInput) (*cloudwatch.GetMetricStatisticsOutput, error) {
	period := seconds(in.Period)
	if in.StartTime == nil || in.EndTime == nil || period < time.Second || len(in.Statistics)+len(in.ExtendedStatistics) == 0 {
		return nil, fmt.Errorf("want StartTime, EndTime, a Period of at least 1 s, and Statistics or ExtendedStatistics")
	}
	metric := NewMetric(aws.ToString(in.Namespace), aws.ToString(in.MetricName), dimensionsFrom(in.Dimensions)...)
	points := map[int64]*types.Datapoint{}
	collect := func(name string, set func(d *types.Datapoint, v float64)) error {
		stat, err := ParseStatistic(name)
		if err != nil {
			return err
		}
		for at, v := range m.Points(metric, stat, period, *in.StartTime, *in.EndTime) {
			if points[at] == nil {
				points[at] = &types.Datapoint{Timestamp: aws.Time(time.Unix(at, 0).UTC()), Unit: types.StandardUnit(m.Unit(metric))}
			}
			set(points[at], v)
		}
		return nil
	}
	for _, s := range in.Statistics {
		err := collect(string(s), func(d *types.Datapoint, v float64) {
			*map[types.Statistic]**float64{
				types.StatisticSum: &d.Sum, types.StatisticAverage: &d.Average, types.StatisticMinimum: &d.Minimum,
				types.StatisticMaximum: &d.Maximum, types.StatisticSampleCount: &d.SampleCount,
			}[s] = &v
		})
		if err != nil {
			return nil, err
		}
	}
	for _, s := range in.ExtendedStatistics {
		err := collect(s, func(d *types.Datapoint, v float64) {
			if d.ExtendedStatistics == nil {
				d.ExtendedStatistics = map[string]float64{}
			}
			d.ExtendedStatistics[s] = v
		})
		if err != nil {
			return nil, err
		}
	}
	out := &cloudwatch.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	for _, at := range slices.Sorted(maps.Keys(points)) {
		out.Datapoints = append(out.Datapoints, *points[at])
	}
	return out, nil
}

// Listed answers ListMetrics. All come at once.
func (m *Metrics) Listed(in cloudwatch.ListMetricsInput) *cloudwatch.ListMetricsOutput {
	out := &cloudwatch.ListMetricsOutput{Metrics: []types.Metric{}}
	for _, metric := range m.List() {
		if in.Namespace != nil && *in.Namespace != metric.Namespace || in.MetricName != nil && *in.MetricName != metric.Name {
			continue
		}
		if slices.ContainsFunc(in.Dimensions, func(f types.DimensionFilter) bool {
			v, ok := metric.Dimension(aws.ToString(f.Name))
			return !ok || f.Value != nil && *f.Value != v
		}) {
			continue
		}
		listed := types.Metric{Namespace: &metric.Namespace, MetricName: &metric.Name, Dimensions: []types.Dimension{}}
		for _, d := range metric.Dimensions {
			listed.Dimensions = append(listed.Dimensions, types.Dimension{Name: &d.Name, Value: &d.Value})
		}
		out.Metrics = append(out.Metrics, listed)
	}
	return out
}

// PutData answers PutMetricData.
func (m *Metrics) PutData(in cloudwatch.PutMetricDataInput, now time.Time) error {
	for _, d := range in.MetricData {
		var values []float64
		if d.Value != nil {
			values = append(values, *d.Value)
		}
		if len(d.Counts) > 0 && len(d.Counts) != len(d.Values) {
			return fmt.Errorf("metric %s has %d values and %d counts", aws.ToString(d.MetricName), len(d.Values), len(d.Counts))
		}
		for i, v := range d.Values {
			count := 1.0
			if len(d.Counts) > 0 {
				count = min(d.Counts[i], 1_000)
			}
			for range int(count) {
				values = append(values, v)
			}
		}
		if len(values) == 0 {
			return fmt.Errorf("metric %s has no value: statistic sets are not served", aws.ToString(d.MetricName))
		}
		at := now
		if d.Timestamp != nil {
			at = *d.Timestamp
		}
		m.Put(NewMetric(aws.ToString(in.Namespace), aws.ToString(d.MetricName), dimensionsFrom(d.Dimensions)...), string(d.Unit), at, values...)
	}
	return nil
}

// maxRecords is how many alarms a page of DescribeAlarms has at most: API reference. It has as many if the caller does not say.
const maxRecords = 100

// ErrToken says that a NextToken is none that an earlier page gave.
var ErrToken = errors.New("the next token is none of an earlier page")

// Described answers DescribeAlarms. Without AlarmTypes it has metric alarms only, as on AWS. The token of the next page is the name
// of the last alarm before it, so that alarms that come and go between two pages shift nothing.
func (a *Alarms) Described(in cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	wanted := in.AlarmTypes
	if len(wanted) == 0 {
		wanted = []types.AlarmType{types.AlarmTypeMetricAlarm}
	}
	limit := maxRecords
	if in.MaxRecords != nil {
		limit = int(*in.MaxRecords)
	}
	after, err := afterToken(in.NextToken)
	switch {
	case err != nil:
		return nil, err
	case limit < 1 || limit > maxRecords:
		return nil, fmt.Errorf("MaxRecords is %d, want 1 to %d", limit, maxRecords)
	case len(in.AlarmNames) > maxRecords:
		return nil, fmt.Errorf("there are %d names, want at most %d", len(in.AlarmNames), maxRecords)
	case len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil:
		return nil, fmt.Errorf("want either names or a prefix of names")
	case in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil:
		return nil, fmt.Errorf("ChildrenOfAlarmName and ParentsOfAlarmName are not served")
	}
	out := &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []types.MetricAlarm{}, CompositeAlarms: []types.CompositeAlarm{}}
	a.mu.Lock()
	defer a.mu.Unlock()
	last, n := "", 0
	for _, name := range slices.Sorted(maps.Keys(a.alarms)) {
		al := a.alarms[name]
		if name <= after || !al.wanted(in, wanted) {
			continue
		}
		if n == limit {
			out.NextToken = aws.String(base64.RawURLEncoding.EncodeToString([]byte(last)))
			break
		}
		if al.metric != nil {
			out.MetricAlarms = append(out.MetricAlarms, a.describeMetric(al))
		} else {
			out.CompositeAlarms = append(out.CompositeAlarms, a.describeComposite(al))
		}
		last, n = name, n+1
	}
	return out, nil
}

// afterToken is the name of the alarm after which a page begins, or "".
func afterToken(token *string) (string, error) {
	if token == nil {
		return "", nil
	}
	name, err := base64.RawURLEncoding.DecodeString(*token)
	if err != nil || len(name) == 0 {
		return "", fmt.Errorf("%w: %q", ErrToken, *token)
	}
	return string(name), nil
}

// wanted reports whether DescribeAlarms asks for the alarm.
func (al *alarm) wanted(in cloudwatch.DescribeAlarmsInput, kinds []types.AlarmType) bool {
	kind := types.AlarmTypeMetricAlarm
	if al.composite != nil {
		kind = types.AlarmTypeCompositeAlarm
	}
	return slices.Contains(kinds, kind) && (len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, al.name)) &&
		strings.HasPrefix(al.name, aws.ToString(in.AlarmNamePrefix)) && (in.StateValue == "" || string(in.StateValue) == string(al.state)) &&
		(in.ActionPrefix == nil || al.acts(*in.ActionPrefix))
}

// acts reports whether an action of the alarm begins with a prefix.
func (al *alarm) acts(prefix string) bool {
	for _, actions := range al.actions {
		if slices.ContainsFunc(actions, func(action string) bool { return strings.HasPrefix(action, prefix) }) {
			return true
		}
	}
	return false
}

func (a *Alarms) describeMetric(al *alarm) types.MetricAlarm {
	in := al.metric.in
	return types.MetricAlarm{
		AlarmName: &al.name, AlarmArn: aws.String(a.ARN(al.name)), AlarmDescription: in.AlarmDescription, ActionsEnabled: aws.Bool(al.actionsOn),
		AlarmActions: in.AlarmActions, OKActions: in.OKActions, InsufficientDataActions: in.InsufficientDataActions,
		ComparisonOperator: in.ComparisonOperator, Threshold: in.Threshold, EvaluationPeriods: in.EvaluationPeriods, DatapointsToAlarm: in.DatapointsToAlarm,
		Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions, Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic,
		Period: in.Period, Unit: in.Unit, TreatMissingData: in.TreatMissingData, Metrics: in.Metrics, EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile,
		StateValue: types.StateValue(al.state), StateReason: aws.String(al.reason), StateUpdatedTimestamp: aws.Time(al.since), StateTransitionedTimestamp: aws.Time(al.since),
		AlarmConfigurationUpdatedTimestamp: aws.Time(al.configured),
	}
}

func (a *Alarms) describeComposite(al *alarm) types.CompositeAlarm {
	in := al.composite.in
	described := types.CompositeAlarm{
		AlarmName: &al.name, AlarmArn: aws.String(a.ARN(al.name)), AlarmDescription: in.AlarmDescription, ActionsEnabled: aws.Bool(al.actionsOn),
		AlarmActions: in.AlarmActions, OKActions: in.OKActions, InsufficientDataActions: in.InsufficientDataActions, AlarmRule: in.AlarmRule,
		ActionsSuppressor: in.ActionsSuppressor, ActionsSuppressorWaitPeriod: in.ActionsSuppressorWaitPeriod, ActionsSuppressorExtensionPeriod: in.ActionsSuppressorExtensionPeriod,
		StateValue: types.StateValue(al.state), StateReason: aws.String(al.reason), StateUpdatedTimestamp: aws.Time(al.since), StateTransitionedTimestamp: aws.Time(al.since),
		AlarmConfigurationUpdatedTimestamp: aws.Time(al.configured),
	}
	if al.waits != nil {
		described.ActionsSuppressedBy, described.ActionsSuppressedReason = types.ActionsSuppressedByWaitPeriod, aws.String("the wait period is not over")
		if s := a.alarms[a.suppressor(al)]; s != nil && s.state == InAlarm {
			described.ActionsSuppressedBy, described.ActionsSuppressedReason = types.ActionsSuppressedByAlarm, aws.String(s.name+" is in ALARM")
		}
	}
	return described
}

// Tags returns the tags of an alarm, by its ARN; false if there is none.
func (a *Alarms) Tags(arn string) (map[string]string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	al := a.alarms[strings.TrimPrefix(arn, a.prefix)]
	if al == nil {
		return nil, false
	}
	return maps.Clone(al.tags), true
}

// SetTags adds tags to an alarm and takes others away; false if there is none.
func (a *Alarms) SetTags(arn string, add []types.Tag, remove []string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	al := a.alarms[strings.TrimPrefix(arn, a.prefix)]
	if al == nil {
		return false
	}
	maps.Copy(al.tags, tagsFrom(add))
	for _, key := range remove {
		delete(al.tags, key)
	}
	return true
}
