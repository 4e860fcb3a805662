package cloudwatch

import (
	"cmp"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// How an alarm treats periods without data.
const (
	treatBreaching    = "breaching"
	treatNotBreaching = "notBreaching"
	treatIgnore       = "ignore"
	treatMissing      = "missing"
)

// extraPeriods is by how many periods the evaluation range of an alarm exceeds its evaluation periods. The user guide
// shows a range of five for three periods and gives no number.
const extraPeriods = 2

// breach returns how an alarm compares a value to its threshold.
func breach(operator types.ComparisonOperator, threshold float64) (func(float64) bool, error) {
	switch operator {
	case types.ComparisonOperatorGreaterThanOrEqualToThreshold:
		return func(v float64) bool { return v >= threshold }, nil
	case types.ComparisonOperatorGreaterThanThreshold:
		return func(v float64) bool { return v > threshold }, nil
	case types.ComparisonOperatorLessThanThreshold:
		return func(v float64) bool { return v < threshold }, nil
	case types.ComparisonOperatorLessThanOrEqualToThreshold:
		return func(v float64) bool { return v <= threshold }, nil
	}
	return nil, fmt.Errorf("comparison operator %q is not served: bands of anomaly detection are not", operator)
}

// evaluation is how a metric alarm judges its datapoints.
type evaluation struct {
	periods, toAlarm int
	missing          string
	breaching        func(float64) bool
}

// datapoint is a period of an evaluation range; known is false where it has no data.
type datapoint struct {
	value float64
	known bool
}

// judged returns the datapoints of a range by which an alarm is judged: the latest that there are, as many as it has periods.
func (e evaluation) judged(points []datapoint) []datapoint {
	var known []datapoint
	for _, p := range points {
		if p.known {
			known = append(known, p)
		}
	}
	return known[max(0, len(known)-e.periods):]
}

// judge returns the state that follows from an evaluation range, oldest period first, where the alarm is in a state now. The
// rules are those of "Configuring how CloudWatch alarms treat missing data" in the user guide.
func (e evaluation) judge(points []datapoint, now State) State {
	oldestBreach, allBreach := 0, true // how many periods ago the oldest breaching one began; 1 is the latest
	for i, p := range points {
		if !p.known {
			continue
		}
		if !e.breaching(p.value) {
			allBreach = false
		} else if oldestBreach == 0 {
			oldestBreach = len(points) - i
		}
	}
	known := e.judged(points)
	missing := e.periods - len(known)
	breaches := 0
	for _, p := range known {
		if e.breaching(p.value) {
			breaches++
		}
	}
	switch {
	case breaches >= e.toAlarm:
		return InAlarm
	case missing == 0:
		return OK
	}
	switch e.missing {
	case treatBreaching:
		if breaches+missing >= e.toAlarm {
			return InAlarm
		}
		return OK
	case treatNotBreaching:
		return OK
	case treatIgnore:
		if len(known) == 0 || allBreach {
			return now
		}
		return OK
	}
	switch {
	case len(known) == 0:
		return InsufficientData
	case !allBreach:
		return OK
	case oldestBreach >= e.toAlarm: // and all that came since is missing or breaches, too
		return InAlarm
	}
	return now
}

// metricAlarm is a metric alarm that was put.
type metricAlarm struct {
	in      cloudwatch.PutMetricAlarmInput
	queries []query // the one that is judged is first
	judge   evaluation
	period  time.Duration
	samples int // with fewer than these in all its periods, a percentile changes no state; 0: with any number it does
}

// newMetricAlarm checks an alarm as PutMetricAlarm does.
func newMetricAlarm(in cloudwatch.PutMetricAlarmInput) (*metricAlarm, error) {
	if err := checkMetricAlarm(in); err != nil {
		return nil, err
	}
	breaching, err := breach(in.ComparisonOperator, aws.ToFloat64(in.Threshold))
	if err != nil {
		return nil, err
	}
	a := &metricAlarm{in: in, period: seconds(in.Period)}
	if a.queries, err = alarmQueries(in); err != nil {
		return nil, err
	}
	for _, q := range a.queries {
		a.period = max(a.period, q.period)
	}
	if err := checkPeriods(in, a.period); err != nil {
		return nil, err
	}
	if aws.ToString(in.EvaluateLowSampleCountPercentile) == "ignore" {
		a.samples = a.queries[0].stat.significant()
	}
	missing := cmp.Or(aws.ToString(in.TreatMissingData), treatMissing)
	for _, q := range a.queries {
		if q.metric.Namespace == "AWS/DynamoDB" {
			missing = treatIgnore // whatever the alarm says: API reference, PutMetricAlarm
		}
	}
	periods := int(aws.ToInt32(in.EvaluationPeriods))
	a.judge = evaluation{periods: periods, toAlarm: periods, missing: missing, breaching: breaching}
	if in.DatapointsToAlarm != nil {
		a.judge.toAlarm = int(*in.DatapointsToAlarm)
	}
	return a, nil
}

// alarmQueries are the queries of an alarm, the one that it judges first.
func alarmQueries(in cloudwatch.PutMetricAlarmInput) ([]query, error) {
	if len(in.Metrics) > 0 {
		queries, err := newQueries(in.Metrics)
		if err != nil {
			return nil, err
		}
		judged, err := judgedQuery(queries)
		if err != nil {
			return nil, err
		}
		queries[0], queries[judged] = queries[judged], queries[0]
		return queries, nil
	}
	s, err := ParseStatistic(cmp.Or(aws.ToString(in.ExtendedStatistic), string(in.Statistic)))
	if err != nil {
		return nil, err
	}
	return []query{{
		id: "m", returned: true, stat: s, period: seconds(in.Period),
		metric: NewMetric(aws.ToString(in.Namespace), aws.ToString(in.MetricName), dimensionsFrom(in.Dimensions)...),
	}}, nil
}

// judgedQuery returns the index of the only query that returns data.
func judgedQuery(queries []query) (int, error) {
	judged := -1
	for i, q := range queries {
		if !q.returned {
			continue
		}
		if judged >= 0 {
			return 0, fmt.Errorf("metrics %s and %s both return data: an alarm judges one", queries[judged].id, q.id)
		}
		judged = i
	}
	if judged < 0 {
		return 0, fmt.Errorf("no metric returns data: an alarm judges one")
	}
	return judged, nil
}

// evaluate returns the alarm's next state, and why.
func (a *metricAlarm) evaluate(m *Metrics, now time.Time, state State) (State, string, error) {
	width := int64(a.period / time.Second)
	end := now.Unix() - modulo(now.Unix(), width) // the period that is under way says nothing yet
	count := a.judge.periods + extraPeriods
	start := end - int64(count)*width
	// Few samples are ignored; none at all are missing data, for which the alarm has a rule of its own.
	if n := m.count(a.queries[0].metric, end-int64(a.judge.periods)*width, end); n > 0 && n < a.samples {
		return state, fmt.Sprintf("Unchanged: %d samples are too few for %s, which needs %d", n, *a.in.ExtendedStatistic, a.samples), nil
	}
	found, err := evaluateQueries(m, a.queries, time.Unix(start, 0), time.Unix(end, 0))
	if err != nil {
		return state, "", err
	}
	points := make([]datapoint, count)
	values := Points{}
	if series := found[a.queries[0].id].series; len(series) > 0 {
		values = series[0].points
	}
	for i := range points {
		value, known := values[start+int64(i)*width]
		points[i] = datapoint{value, known}
	}
	next := a.judge.judge(points, state)
	return next, reason(points, a.judge, aws.ToFloat64(a.in.Threshold), a.in.ComparisonOperator), nil
}

// reason says in AWS's words on what a state rests.
func reason(points []datapoint, e evaluation, threshold float64, operator types.ComparisonOperator) string {
	breaches, latest := 0, ""
	known := e.judged(points)
	for _, p := range known {
		latest = fmt.Sprintf(", the latest is %g", p.value)
		if e.breaching(p.value) {
			breaches++
		}
	}
	return fmt.Sprintf("Threshold Crossed: %d out of the last %d datapoints were %s %g (%d missing, treated as %s; %d to alarm%s)",
		breaches, e.periods, operator, threshold, e.periods-len(known), e.missing, e.toAlarm, latest)
}

func seconds(n *int32) time.Duration { return time.Duration(aws.ToInt32(n)) * time.Second }

func dimensionsFrom(given []types.Dimension) []Dimension {
	dimensions := make([]Dimension, len(given))
	for i, d := range given {
		dimensions[i] = Dimension{aws.ToString(d.Name), aws.ToString(d.Value)}
	}
	return dimensions
}
