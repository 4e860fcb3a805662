package alarm_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/alarm"
	"cellular/internal/model/config"
	"cellular/internal/testkit/pulumitest"
	"cellular/local/cloudwatch"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// scene is an alarm on a value, in the local cloud's CloudWatch.
type scene struct {
	alarms  *cloudwatch.Alarms
	metrics *cloudwatch.Metrics
	minute  int
}

// newScene has an alarm that one minute is enough for.
func newScene(t *testing.T, v alarm.Value, above float64) *scene {
	t.Helper()
	return newSceneOf(t, v, alarm.Share(config.ShareAlarm{Threshold: above, Window: oneMinute}))
}

var oneMinute = config.Window{Datapoints: 1, Periods: 1, Missing: config.MissingNotBreaching}

func newSceneOf(t *testing.T, v alarm.Value, when alarm.Condition) *scene {
	t.Helper()
	registered := pulumitest.Run(t, func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, "aws")
		if err != nil {
			return err
		}
		_, err = alarm.Register(ctx, alarm.Group{
			About: "It", Name: func(part string) string { return part }, Child: func(part string) string { return part }, Health: "health",
			Alarms: []alarm.Alarm{{Part: "watched", Wrong: "is wrong", Runbook: "2-b", Value: v, Condition: when}},
			Period: time.Minute, Topic: pulumi.String("topic"),
			Options: func(extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
				return append([]pulumi.ResourceOption{pulumi.Provider(provider)}, extra...)
			},
		})
		return err
	}).Only(t, "aws:cloudwatch/metricAlarm:MetricAlarm")

	s := &scene{metrics: cloudwatch.NewMetrics()}
	s.alarms = cloudwatch.NewAlarms(s.metrics, "eu-west-1", "123456789012", func(cloudwatch.Notice) {})
	require.NoError(t, s.alarms.PutMetric(input(t, registered), noon))
	return s
}

// input is what the provider makes of a registered alarm.
func input(t *testing.T, a *pulumitest.Resource) awscloudwatch.PutMetricAlarmInput {
	in := awscloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(a.Str(t, "name")), ComparisonOperator: types.ComparisonOperator(a.Str(t, "comparisonOperator")),
		Threshold: aws.Float64(a.Value(t, "threshold").(float64)), EvaluationPeriods: aws.Int32(1), DatapointsToAlarm: aws.Int32(1),
		TreatMissingData: aws.String(a.Str(t, "treatMissingData")),
	}
	if m, plain := a.Measures(t)[""]; plain {
		in.Namespace, in.MetricName, in.Statistic, in.Period = &m.Namespace, &m.Name, types.Statistic(m.Statistic), aws.Int32(60)
		in.Dimensions = dimensions(m)
		return in
	}
	for _, q := range a.Value(t, "metricQueries").([]any) {
		q := q.(map[string]any)
		id := q["id"].(string)
		query := types.MetricDataQuery{Id: &id, ReturnData: aws.Bool(q["returnData"].(bool))}
		if expression, ok := q["expression"].(string); ok {
			query.Expression = &expression
		} else {
			m := a.Measures(t)[id]
			query.MetricStat = &types.MetricStat{
				Metric: &types.Metric{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: dimensions(m)}, Stat: &m.Statistic, Period: aws.Int32(60),
			}
		}
		in.Metrics = append(in.Metrics, query)
	}
	return in
}

func dimensions(m pulumitest.Measured) []types.Dimension {
	var all []types.Dimension
	for name, value := range m.Dimensions {
		all = append(all, types.Dimension{Name: &name, Value: aws.String(value.(string))})
	}
	return all
}

// after puts the values of a minute and returns the alarm's state at its end. A metric that has none is not reported.
func (s *scene) after(t *testing.T, values map[string][]float64) cloudwatch.State {
	t.Helper()
	for name, all := range values {
		namespace := "Cellular/test"
		if name == "ThrottledRequests" {
			namespace = "AWS/DynamoDB"
		}
		s.metrics.Put(cloudwatch.NewMetric(namespace, name), "", noon.Add(time.Duration(s.minute)*time.Minute), all...)
	}
	s.minute++
	s.alarms.Evaluate(noon.Add(time.Duration(s.minute) * time.Minute))
	state, ok := s.alarms.StateOf("watched")
	require.True(t, ok)
	return state
}

// idle passes some minutes without any value: while a period has no data, CloudWatch looks at some of those before it.
func (s *scene) idle(t *testing.T) cloudwatch.State {
	t.Helper()
	for range 4 {
		s.after(t, nil)
	}
	return s.after(t, nil)
}

func sum(name string) alarm.Metric {
	return alarm.Metric{Namespace: "Cellular/test", Name: name, Statistic: alarm.Sum}
}

type minute map[string][]float64

func n(values ...float64) []float64 { return values }

func TestShareOf_IsJudgedFromAMinimumOn(t *testing.T) {
	s := newScene(t, alarm.ShareOf(sum("bad"), []alarm.Metric{sum("good"), sum("bad")}, 20), 0.05)
	for _, step := range []struct {
		about  string
		values minute
		want   cloudwatch.State
	}{
		{"nothing was ever counted", nil, cloudwatch.OK},
		{"too few, all of them bad, and none was ever good", minute{"bad": n(19)}, cloudwatch.OK},
		{"enough, all of them bad", minute{"bad": n(20)}, cloudwatch.InAlarm},
		{"nothing is counted any more", nil, cloudwatch.OK},
		{"the threshold itself", minute{"bad": n(5), "good": n(95)}, cloudwatch.OK},
		{"more than the threshold", minute{"bad": n(6), "good": n(94)}, cloudwatch.InAlarm},
		{"none is bad", minute{"good": n(1000)}, cloudwatch.OK},
		{"one of very few", minute{"bad": n(1)}, cloudwatch.OK},
	} {
		if step.values == nil {
			require.Equal(t, step.want, s.idle(t), step.about)
			continue
		}
		require.Equal(t, step.want, s.after(t, step.values), step.about)
	}
}

func TestShareOfRest_LeavesOutWhatIsKnown(t *testing.T) {
	s := newScene(t, alarm.ShareOfRest(sum("5xx"), []alarm.Metric{sum("own"), sum("probes")}, sum("count"), 20), 0.05)
	for _, step := range []struct {
		about  string
		values minute
		want   cloudwatch.State
	}{
		{"the function never failed one by itself", minute{"count": n(20), "5xx": n(20)}, cloudwatch.InAlarm},
		{"the function failed all of them", minute{"count": n(20), "5xx": n(20), "own": n(20)}, cloudwatch.OK},
		{"the function failed most of them", minute{"count": n(100), "5xx": n(26), "own": n(20)}, cloudwatch.InAlarm},
		{"the function failed some of both kinds", minute{"count": n(100), "5xx": n(20), "own": n(15), "probes": n(5)}, cloudwatch.OK},
		{"the function failed probes alone", minute{"count": n(20), "5xx": n(20), "probes": n(20)}, cloudwatch.OK},
		{"too few", minute{"count": n(19), "5xx": n(19)}, cloudwatch.OK},
		{"a failure is counted a minute early by the function", minute{"count": n(100), "5xx": n(0), "own": n(6)}, cloudwatch.OK},
	} {
		require.Equal(t, step.want, s.after(t, step.values), step.about)
	}
}

func TestAtLeast_IgnoresPercentilesOfFewSamples(t *testing.T) {
	m := sum("ms")
	m.Statistic = alarm.P99
	s := newScene(t, alarm.AtLeast(3, m), 1000)
	require.Equal(t, cloudwatch.OK, s.after(t, minute{"ms": n(5000, 5000)}))
	require.Equal(t, cloudwatch.InAlarm, s.after(t, minute{"ms": n(5000, 1, 1)}))
	require.Equal(t, cloudwatch.OK, s.after(t, minute{"ms": n(1000, 1000, 1000)}))
	require.Equal(t, cloudwatch.OK, s.idle(t))
}

// Without FILL, an alarm on a metric of DynamoDB would stay until a request is throttled no more, and be OK never: DynamoDB reports
// throttled requests alone.
func TestFilled_EndsWhenDynamoDBReportsNothing(t *testing.T) {
	m := alarm.Metric{Namespace: "AWS/DynamoDB", Name: "ThrottledRequests", Statistic: alarm.Sum}
	for _, kind := range []struct {
		value alarm.Value
		want  cloudwatch.State
	}{{alarm.Filled(m), cloudwatch.OK}, {alarm.Of(m), cloudwatch.InAlarm}} {
		s := newScene(t, kind.value, 0)
		require.Equal(t, cloudwatch.InAlarm, s.after(t, minute{"ThrottledRequests": n(1)}))
		require.Equal(t, kind.want, s.idle(t))
	}
}

// What the probe reports of a cell is 1 or 0, and nothing in a round in which it could not send.
func TestAbsence_FiresForZeroAndNotForNothing(t *testing.T) {
	m := sum("ok")
	m.Statistic = alarm.Maximum
	s := newSceneOf(t, alarm.Of(m), alarm.Absence(config.AbsenceAlarm{Window: oneMinute}))
	require.Equal(t, cloudwatch.OK, s.after(t, minute{"ok": n(1)}))
	require.Equal(t, cloudwatch.InAlarm, s.after(t, minute{"ok": n(0)}))
	require.Equal(t, cloudwatch.OK, s.after(t, minute{"ok": n(0, 1)}), "two rounds in one period")
	require.Equal(t, cloudwatch.InAlarm, s.after(t, minute{"ok": n(0, 0)}))
	require.Equal(t, cloudwatch.OK, s.idle(t))

	silent := oneMinute
	silent.Missing = config.MissingBreaching
	s = newSceneOf(t, alarm.Of(m), alarm.Absence(config.AbsenceAlarm{Window: silent}))
	require.Equal(t, cloudwatch.OK, s.after(t, minute{"ok": n(1)}))
	require.Equal(t, cloudwatch.InAlarm, s.idle(t))
}
