package cloudwatch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// Limits of alarms: API reference, PutMetricAlarm, PutCompositeAlarm and MetricDataQuery.
const (
	maxName          = 255
	maxDescription   = 1_024
	maxActions       = 5     // for each state
	maxAction        = 1_024 // characters of one
	maxDimensions    = 30
	maxDimension     = 1_024 // characters of its value
	maxMetricStats   = 10    // among the metrics of an alarm, and as many expressions
	maxRule          = 10_240
	maxRuleChildren  = 100
	maxSuppressor    = 1_600
	maxDayOfPeriods  = 24 * time.Hour     // all periods of an alarm together, where one is shorter than an hour
	maxWeekOfPeriods = 7 * 24 * time.Hour // and where it is not
)

// CheckMetricAlarm returns why PutMetricAlarm refuses an alarm, whatever other alarms there are.
func CheckMetricAlarm(in cloudwatch.PutMetricAlarmInput) error {
	_, err := newMetricAlarm(in)
	return err
}

// CheckCompositeAlarm returns why PutCompositeAlarm refuses an alarm, whatever other alarms there are.
func CheckCompositeAlarm(in cloudwatch.PutCompositeAlarmInput) error {
	_, err := newCompositeAlarm(in)
	return err
}

// checkAlarm checks what both kinds of alarms have.
func checkAlarm(name, description *string, actions ...[]string) error {
	n := aws.ToString(name)
	switch {
	case n == "" || len(n) > maxName:
		return fmt.Errorf("alarm name %q: want 1 to %d characters", n, maxName)
	case strings.ContainsFunc(n, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("alarm name %q: want no control character", n)
	case len(aws.ToString(description)) > maxDescription:
		return fmt.Errorf("the description has %d characters, want at most %d", len(*description), maxDescription)
	}
	for _, ofState := range actions {
		if len(ofState) > maxActions {
			return fmt.Errorf("there are %d actions for one state, want at most %d", len(ofState), maxActions)
		}
		for _, action := range ofState {
			if len(action) > maxAction || !strings.HasPrefix(action, "arn:") {
				return fmt.Errorf("action %q: want an ARN of at most %d characters", action, maxAction)
			}
		}
	}
	return nil
}

func checkMetricAlarm(in cloudwatch.PutMetricAlarmInput) error {
	if err := checkAlarm(in.AlarmName, in.AlarmDescription, in.AlarmActions, in.OKActions, in.InsufficientDataActions); err != nil {
		return err
	}
	periods, missing := aws.ToInt32(in.EvaluationPeriods), aws.ToString(in.TreatMissingData)
	switch toAlarm := in.DatapointsToAlarm; {
	case in.Threshold == nil:
		return fmt.Errorf("an alarm has no threshold")
	case periods < 1 || toAlarm != nil && (*toAlarm < 1 || *toAlarm > periods):
		return fmt.Errorf("%d of %d periods: want at least 1, and not more to alarm than are evaluated", aws.ToInt32(toAlarm), periods)
	case !slices.Contains([]string{"", treatBreaching, treatNotBreaching, treatIgnore, treatMissing}, missing):
		return fmt.Errorf("missing data is treated as %q: want breaching, notBreaching, ignore or missing", missing)
	case !slices.Contains([]string{"", "evaluate", "ignore"}, aws.ToString(in.EvaluateLowSampleCountPercentile)):
		return fmt.Errorf("low sample counts are treated as %q: want evaluate or ignore", *in.EvaluateLowSampleCountPercentile)
	case in.EvaluateLowSampleCountPercentile != nil && in.ExtendedStatistic == nil:
		return fmt.Errorf("low sample counts are treated as %q: that is for percentiles only", *in.EvaluateLowSampleCountPercentile)
	}
	if len(in.Metrics) > 0 {
		return checkMath(in)
	}
	return checkMetric(in)
}

// plainStatistics are those of the parameter Statistic; percentiles go into ExtendedStatistic.
var plainStatistics = []types.Statistic{
	types.StatisticSampleCount, types.StatisticSum, types.StatisticAverage, types.StatisticMinimum, types.StatisticMaximum,
}

// percentile is the form of the extended statistics that are served: p0.1 to p99.99, with any number of decimals.
var percentile = regexp.MustCompile(`\Ap(\d{1,2}(\.\d+)?|100)\z`)

// checkMetric checks the metric of an alarm without metric math.
func checkMetric(in cloudwatch.PutMetricAlarmInput) error {
	switch {
	case in.MetricName == nil || in.Namespace == nil:
		return fmt.Errorf("an alarm has neither a metric's name and namespace nor a list of metrics")
	case (in.Statistic == "") == (in.ExtendedStatistic == nil):
		return fmt.Errorf("statistic: want either a Statistic or an ExtendedStatistic")
	case in.Statistic != "" && !slices.Contains(plainStatistics, in.Statistic):
		return fmt.Errorf("statistic %q: want one of %v, or a percentile as ExtendedStatistic", in.Statistic, plainStatistics)
	case in.ExtendedStatistic != nil && !percentile.MatchString(*in.ExtendedStatistic):
		return fmt.Errorf("statistic %q: want a percentile such as p99 or p99.9: no other extended statistic is served", *in.ExtendedStatistic)
	}
	return checkMetricName(in.Namespace, in.MetricName, in.Dimensions)
}

func checkMetricName(namespace, name *string, dimensions []types.Dimension) error {
	space := aws.ToString(namespace)
	switch {
	case space == "" || len(space) > maxName || strings.HasPrefix(space, ":"):
		return fmt.Errorf("namespace %q: want 1 to %d characters, the first of which is no colon", space, maxName)
	case aws.ToString(name) == "" || len(*name) > maxName:
		return fmt.Errorf("metric name %q: want 1 to %d characters", aws.ToString(name), maxName)
	case len(dimensions) > maxDimensions:
		return fmt.Errorf("there are %d dimensions, want at most %d", len(dimensions), maxDimensions)
	}
	for _, d := range dimensions {
		n, v := aws.ToString(d.Name), aws.ToString(d.Value)
		if n == "" || len(n) > maxName || v == "" || len(v) > maxDimension || strings.HasPrefix(n, ":") {
			return fmt.Errorf("dimension %q=%q: want 1 to %d and 1 to %d characters", n, v, maxName, maxDimension)
		}
	}
	return nil
}

// checkMath checks the metrics of an alarm on metric math, as far as they are not checked like those of GetMetricData.
func checkMath(in cloudwatch.PutMetricAlarmInput) error {
	if in.MetricName != nil || in.Namespace != nil || len(in.Dimensions) > 0 || in.Period != nil || in.Unit != "" || in.Statistic != "" || in.ExtendedStatistic != nil {
		return fmt.Errorf("an alarm has a list of metrics, so it has no name, namespace, dimensions, period, unit or statistic of one metric")
	}
	stats, expressions := 0, 0
	for _, q := range in.Metrics {
		id := aws.ToString(q.Id)
		if q.Expression != nil {
			expressions++
			if strings.Contains(strings.ToUpper(*q.Expression), "SEARCH(") {
				return fmt.Errorf("metric %s searches, which an alarm cannot: it judges one time series", id)
			}
			continue
		}
		stats++
		if q.MetricStat != nil && q.MetricStat.Metric != nil {
			metric := q.MetricStat.Metric
			if err := checkMetricName(metric.Namespace, metric.MetricName, metric.Dimensions); err != nil {
				return fmt.Errorf("metric %s: %w", id, err)
			}
			if err := checkPeriod(seconds(q.MetricStat.Period)); err != nil {
				return fmt.Errorf("metric %s: %w", id, err)
			}
		}
	}
	if stats > maxMetricStats || expressions > maxMetricStats {
		return fmt.Errorf("there are %d metrics and %d expressions, want at most %d of each", stats, expressions, maxMetricStats)
	}
	return nil
}

// checkPeriods checks the period of an alarm, and how far back all its periods reach.
func checkPeriods(in cloudwatch.PutMetricAlarmInput, period time.Duration) error {
	if err := checkPeriod(period); err != nil {
		return err
	}
	most := maxDayOfPeriods
	if period >= time.Hour {
		most = maxWeekOfPeriods
	}
	if all := period * time.Duration(aws.ToInt32(in.EvaluationPeriods)); all > most {
		return fmt.Errorf("%d periods of %s are %s, want at most %s", *in.EvaluationPeriods, period, all, most)
	}
	return nil
}

func checkPeriod(period time.Duration) error {
	if period > 0 && period%time.Minute == 0 || slices.Contains([]time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}, period) {
		return nil
	}
	return fmt.Errorf("period %s: want 10, 20 or 30 seconds, or whole minutes", period)
}

// newCompositeAlarm checks an alarm as PutCompositeAlarm does.
func newCompositeAlarm(in cloudwatch.PutCompositeAlarmInput) (*compositeAlarm, error) {
	if err := checkAlarm(in.AlarmName, in.AlarmDescription, in.AlarmActions, in.OKActions, in.InsufficientDataActions); err != nil {
		return nil, err
	}
	text := aws.ToString(in.AlarmRule)
	if len(text) > maxRule {
		return nil, fmt.Errorf("the rule has %d characters, want at most %d", len(text), maxRule)
	}
	r, err := parseRule(text)
	if err != nil {
		return nil, err
	}
	if n := len(r.children()); n > maxRuleChildren {
		return nil, fmt.Errorf("the rule names %d alarms, want at most %d", n, maxRuleChildren)
	}
	wait, extension := in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod
	switch suppressor := in.ActionsSuppressor; {
	case suppressor == nil && (wait != nil || extension != nil):
		return nil, fmt.Errorf("a suppressor's periods without a suppressor")
	case suppressor == nil:
	case *suppressor == "" || len(*suppressor) > maxSuppressor:
		return nil, fmt.Errorf("suppressor %q: want the name or ARN of an alarm", *suppressor)
	case wait == nil || extension == nil || *wait < 0 || *extension < 0:
		return nil, fmt.Errorf("suppressor %s: want a wait period and an extension period, of 0 seconds or more", *suppressor)
	}
	return &compositeAlarm{in, r}, nil
}
