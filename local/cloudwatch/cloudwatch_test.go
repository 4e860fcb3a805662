package cloudwatch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/local/cloudwatch"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// cell is a metric of a cell.
func cell(name, id string) cloudwatch.Metric {
	return cloudwatch.NewMetric("Cellular/test", name, cloudwatch.Dimension{Name: "cell", Value: id})
}

func stat(t *testing.T, name string) cloudwatch.Statistic {
	s, err := cloudwatch.ParseStatistic(name)
	require.NoError(t, err)
	return s
}

func TestMetrics_GiveEachStatisticOfAPeriod(t *testing.T) {
	m := cloudwatch.NewMetrics()
	for i := range 100 {
		m.Put(cell("ms", "alpha"), "Milliseconds", at(i%20), float64(i+1)) // 1 to 100, in two periods of 10 s
	}
	m.Put(cell("ms", "beta"), "", at(0), 1_000)
	for name, want := range map[string]float64{"SampleCount": 50, "Minimum": 1, "Maximum": 90, "Average": 45.5, "Sum": 2275, "p50": 45, "p99": 90, "p0": 1, "p100": 90} {
		points := m.Points(cell("ms", "alpha"), stat(t, name), 10*time.Second, at(0), at(20))
		require.Len(t, points, 2, name)
		require.Equal(t, want, points[noon.Unix()], name)
	}
	require.Equal(t, "Milliseconds", m.Unit(cell("ms", "alpha")))
	require.Empty(t, m.Points(cell("ms", "gamma"), stat(t, "Sum"), time.Minute, at(0), at(60)))
	for _, wrong := range []string{"", "sum", "p101", "p-1", "px", "tm99"} {
		_, err := cloudwatch.ParseStatistic(wrong)
		require.Error(t, err, wrong)
	}
}

func TestMetrics_ForgetWhatIsPastTheRetention(t *testing.T) {
	m := cloudwatch.NewMetrics()
	m.Put(cell("n", "alpha"), "", at(0), 1)
	m.Put(cell("n", "alpha"), "", at(1).Add(cloudwatch.Retention), 1)
	require.Empty(t, m.Points(cell("n", "alpha"), stat(t, "Sum"), time.Minute, at(0), at(60)))
}

func TestMetrics_AreBounded(t *testing.T) {
	m := cloudwatch.NewMetrics()
	for i := range cloudwatch.MaxMetrics + 10 {
		m.Put(cell("n", fmt.Sprint(i)), "", at(0), 1)
	}
	require.Len(t, m.List(), cloudwatch.MaxMetrics)
}

// data asks for queries over the minutes from noon.
func data(t *testing.T, m *cloudwatch.Metrics, minutes int, queries ...types.MetricDataQuery) []types.MetricDataResult {
	out, err := m.Data(awscloudwatch.GetMetricDataInput{StartTime: aws.Time(noon), EndTime: aws.Time(at(60 * minutes)), MetricDataQueries: queries, ScanBy: types.ScanByTimestampAscending})
	require.NoError(t, err)
	return out.MetricDataResults
}

func metricQuery(id, name, cellID, statistic string, shown bool) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, ReturnData: &shown, MetricStat: &types.MetricStat{
		Metric: &types.Metric{Namespace: aws.String("Cellular/test"), MetricName: &name, Dimensions: []types.Dimension{{Name: aws.String("cell"), Value: &cellID}}},
		Period: aws.Int32(60), Stat: &statistic,
	}}
}

func expressionQuery(id, expression string) types.MetricDataQuery {
	return types.MetricDataQuery{Id: &id, Expression: &expression}
}

func TestData_EvaluatesMetricMath(t *testing.T) {
	m := cloudwatch.NewMetrics()
	for minute, n := range []float64{10, 20, 0} {
		m.Put(cell("requests", "alpha"), "Count", at(60*minute), n)
	}
	m.Put(cell("errors", "alpha"), "Count", at(60), 5)
	parts := []types.MetricDataQuery{metricQuery("r", "requests", "alpha", "Sum", false), metricQuery("e", "errors", "alpha", "Sum", false)}
	for expression, want := range map[string][]float64{
		"r":                    {10, 20, 0},
		"e / r * 100":          {25},
		"100*FILL(e,0)/r":      {0, 25}, // nothing where it is divided by zero
		"r + FILL(e, REPEAT)":  {25, 5},
		"-r+1":                 {-9, -19, 1},
		"(r + 10) / (1 + 1)":   {10, 15, 5},
		"IF(r > 10, 1, 0)":     {0, 1, 0},
		"IF(r >= 10, e, 7)":    {5, 7},
		"SUM([r, e])":          {10, 25, 0},
		"MAX(METRICS())":       {10, 20, 0},
		"SUM(METRICS('e'))":    {5},
		"AVG([r, r])":          {10, 20, 0},
		"MIN([r, FILL(e, 3)])": {3, 5, 0},
		"r - r == 0":           {1, 1, 1},
		"FILL(e, 0)":           {0, 5, 0},
	} {
		results := data(t, m, 3, append(parts, expressionQuery("x", expression))...)
		require.Len(t, results, 1, expression)
		require.Equal(t, want, results[0].Values, expression)
	}
	for expression, want := range map[string]string{
		"y": `no query "y"`, "x": "refers to itself", "r +": "want a number", "RATE(r)": "RATE is not served", "r r": "too much", "FILL(r)": "FILL(series",
		"[r, e] + [r, e, r]": "cannot be combined", "1": "is a number", "(r": "want )", "[r": "want ,", "IF(r,1": "want ,", "SUM(r, e)": "one argument",
	} {
		_, err := m.Data(awscloudwatch.GetMetricDataInput{StartTime: aws.Time(noon), EndTime: aws.Time(at(60)), MetricDataQueries: append(parts, expressionQuery("x", expression))})
		require.ErrorContains(t, err, want, expression)
	}
}

func TestData_SearchFindsTheCellsByItself(t *testing.T) {
	m := cloudwatch.NewMetrics()
	for _, id := range []string{"alpha", "beta", "gamma"} {
		m.Put(cell("applied", id), "Count", at(0), 1)
		m.Put(cell("ejected", id), "Count", at(0), 1)
	}
	m.Put(cloudwatch.NewMetric("Cellular/test", "applied"), "Count", at(0), 3)
	m.Put(cloudwatch.NewMetric("AWS/SQS", "applied", cloudwatch.Dimension{Name: "cell", Value: "alpha"}), "Count", at(0), 3)
	for terms, want := range map[string][]string{
		`{Cellular/test,cell} MetricName="applied"`:                             {"alpha applied", "beta applied", "gamma applied"},
		`{Cellular/test,cell} MetricName="applied" NOT cell="beta"`:             {"alpha applied", "gamma applied"},
		`{Cellular/test,cell} alpha`:                                            {"alpha applied", "alpha ejected"},
		`{Cellular/test,cell} cell=("alpha" OR "beta") AND ejected`:             {"alpha ejected", "beta ejected"},
		`{Cellular/test,cell} (cell="alpha" OR cell="beta") MetricName=applied`: {"alpha applied", "beta applied"},
		`{Cellular/test} applied`:                                               {"applied"},
		`{"AWS/SQS","cell"} MetricName="applied"`:                               {"alpha applied"},
		`{Cellular/test,cell} nothing`:                                          nil,
	} {
		var found []string
		for _, r := range data(t, m, 1, expressionQuery("x", "SEARCH('"+terms+"', 'Sum', 60)")) {
			found = append(found, *r.Label)
		}
		require.Equal(t, want, found, terms)
	}
	require.Equal(t, []float64{3}, data(t, m, 1, expressionQuery("x", `SUM(SEARCH('{Cellular/test,cell} MetricName="applied"', 'Sum', 60))`))[0].Values)
	for _, wrong := range []string{`SEARCH('{Cellular/test,cell', 'Sum')`, `SEARCH('a')`, `SEARCH('(a', 'Sum')`, `SEARCH('a NOT', 'Sum')`, `SEARCH('a', 'sum')`} {
		_, err := m.Data(awscloudwatch.GetMetricDataInput{StartTime: aws.Time(noon), EndTime: aws.Time(at(60)), MetricDataQueries: []types.MetricDataQuery{expressionQuery("x", wrong)}})
		require.Error(t, err, wrong)
	}
}

// TestSearch_MatchesWordsAsTheUserGuideSays has the examples of "Search expression syntax".
func TestSearch_MatchesWordsAsTheUserGuideSays(t *testing.T) {
	for name, terms := range map[string]map[string]bool{
		"CustomCount1": {
			"count": true, "Count": true, "COUNT": true, "couNT": false, "CustomCount": true, "Count1": true, "customcount": false, "count1": false,
			`"CustomCount1"`: true, `"customcount1"`: false, `"Custom"`: false, "1": true, "customcount1": true,
		},
		"SDBFailure":        {"sdb": true, "failure": true, "sdbfailure": true, "db": false},
		"Project2-trial333": {"project": true, "2": true, "trial": true, "333": true, "project2-trial": true, "trial-2": false},
		"Network-Errors-2": {
			"network/errors": true, "network+errors": true, "network-errors": true, "Network_Errors": true,
			`"Network-Errors-2"`: true, `"Network_Errors_2"`: false,
		},
		"Europe\\France Traffic(Network)": {`"Europe\\France Traffic\(Network\)"`: true},
	} {
		m := cloudwatch.NewMetrics()
		m.Put(cloudwatch.NewMetric("N", name), "", at(0), 1)
		for term, want := range terms {
			found := data(t, m, 1, expressionQuery("x", "SEARCH('{N} "+term+"', 'Sum', 60)"))
			require.Equal(t, want, len(found) == 1, "%s for %s", term, name)
		}
	}
	_, err := cloudwatch.NewMetrics().Data(awscloudwatch.GetMetricDataInput{StartTime: aws.Time(noon), EndTime: aws.Time(at(60)), MetricDataQueries: []types.MetricDataQuery{
		expressionQuery("x", "SEARCH('"+strings.Repeat("a", 1025)+"', 'Sum', 60)"),
	}})
	require.ErrorContains(t, err, "1025 characters, want at most 1024")
}

func TestInsight_PicksTheHighestOfAllSeries(t *testing.T) {
	m := cloudwatch.NewMetrics()
	for i := range 600 { // more than a SEARCH returns
		m.Put(cell("ejected", fmt.Sprintf("c%03d", i)), "Count", at(0), float64(i))
		m.Put(cell("ejected", fmt.Sprintf("c%03d", i)), "Count", at(60), 1)
	}
	m.Put(cloudwatch.NewMetric("Cellular/test", "ejected"), "Count", at(0), 10_000)
	m.Put(cloudwatch.NewMetric("Cellular/test-2", "ejected", cloudwatch.Dimension{Name: "cell", Value: "other"}), "Count", at(0), 10_000)
	query := func(function, order string) (labels []string) {
		for _, r := range data(t, m, 2, expressionQuery("x", `SELECT `+function+`("ejected") FROM SCHEMA("Cellular/test", cell) GROUP BY cell ORDER BY `+function+`() `+order+` LIMIT 2`)) {
			labels = append(labels, *r.Label)
		}
		return labels
	}
	require.Equal(t, []string{"c599", "c598"}, query("SUM", "DESC"))
	require.Equal(t, []string{"c000", "c001"}, query("SUM", "ASC"))
	require.Equal(t, []string{"c599", "c598"}, query("AVG", "DESC"))
	require.Equal(t, []string{"c000", "c001"}, query("COUNT", "DESC"), "all have two values")
	for _, wrong := range []string{
		`SELECT SUM("a") FROM SCHEMA("n", cell)`,
		`SELECT SUM("a") FROM SCHEMA("n", cell) GROUP BY version ORDER BY SUM() DESC LIMIT 10`,
		`SELECT SUM("a") FROM SCHEMA("n", cell) GROUP BY cell ORDER BY MAX() DESC LIMIT 10`,
		`SELECT SUM("a") FROM SCHEMA("n", cell) GROUP BY cell ORDER BY SUM() DESC LIMIT 501`,
	} {
		_, err := m.Data(awscloudwatch.GetMetricDataInput{StartTime: aws.Time(noon), EndTime: aws.Time(at(60)), MetricDataQueries: []types.MetricDataQuery{expressionQuery("x", wrong)}})
		require.Error(t, err, wrong)
	}
}

func TestLabels_NameTheDimensionsOfWhatASearchFinds(t *testing.T) {
	m := cloudwatch.NewMetrics()
	m.Put(cell("applied", "alpha"), "Count", at(0), 1)
	m.Put(cell("applied", "beta"), "Count", at(0), 1)
	labels := func(label string) (all []string) {
		q := expressionQuery("x", `SEARCH('{"Cellular/test",cell} MetricName="applied"', 'Sum', 60)`)
		q.Label = &label
		for _, r := range data(t, m, 1, q) {
			all = append(all, *r.Label)
		}
		return all
	}
	require.Equal(t, []string{"alpha", "beta"}, labels("${PROP('Dim.cell')}"))
	require.Equal(t, []string{"applied of alpha", "applied of beta"}, labels("${PROP('MetricName')} of ${PROP('Dim.cell')}"))
	require.Equal(t, []string{"all: alpha applied", "all: beta applied"}, labels("all: ${LABEL}"))
	require.Equal(t, []string{"all alpha applied", "all beta applied"}, labels("all"))
	wrong := expressionQuery("x", "1")
	wrong.Label = aws.String("${MEDIAN}")
	_, err := m.Data(awscloudwatch.GetMetricDataInput{StartTime: aws.Time(noon), EndTime: aws.Time(at(60)), MetricDataQueries: []types.MetricDataQuery{wrong}})
	require.ErrorContains(t, err, "${MEDIAN} is not served")
}

// watch is a set of alarms with what they did.
type watch struct {
	*cloudwatch.Alarms
	metrics *cloudwatch.Metrics
	acts    []string
}

func newWatch() *watch {
	w := &watch{metrics: cloudwatch.NewMetrics()}
	w.Alarms = cloudwatch.NewAlarms(w.metrics, "eu-west-1", "1", func(n cloudwatch.Notice) {
		if len(n.Actions) > 0 && n.ActionsOn && n.SuppressedBy == "" {
			w.acts = append(w.acts, fmt.Sprintf("%s %s", n.Alarm, n.To))
		}
	})
	return w
}

func (w *watch) metric(t *testing.T, name, cellID string) {
	require.NoError(t, w.PutMetric(awscloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("Cellular/test"), MetricName: aws.String("depth"), Statistic: types.StatisticMaximum, Period: aws.Int32(10),
		Dimensions: []types.Dimension{{Name: aws.String("cell"), Value: &cellID}}, EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching"),
	}, noon))
}

func (w *watch) composite(t *testing.T, name, rule, suppressor string) {
	in := awscloudwatch.PutCompositeAlarmInput{AlarmName: &name, AlarmRule: &rule, AlarmActions: []string{"arn:topic"}, OKActions: []string{"arn:topic"}}
	if suppressor != "" {
		in.ActionsSuppressor, in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod = &suppressor, aws.Int32(20), aws.Int32(30)
	}
	require.NoError(t, w.PutComposite(in, noon))
}

func (w *watch) state(t *testing.T, name string) cloudwatch.State {
	s, ok := w.StateOf(name)
	require.True(t, ok, name)
	return s
}

// Somebody who is paged reads the alarm's description, which names the runbook.
func TestNotice_PublishesWhatCloudWatchDoes(t *testing.T) {
	metrics := cloudwatch.NewMetrics()
	var published []string
	alarms := cloudwatch.NewAlarms(metrics, "eu-west-1", "1", func(n cloudwatch.Notice) {
		message, err := n.Message("eu-west-1", "1")
		require.NoError(t, err)
		published = append(published, string(message))
	})
	w := &watch{Alarms: alarms, metrics: metrics}
	for _, name := range []string{"depth", "age"} {
		require.NoError(t, alarms.PutMetric(awscloudwatch.PutMetricAlarmInput{
			AlarmName: &name, AlarmDescription: aws.String("Too much."), Namespace: aws.String("n"), MetricName: &name, Statistic: types.StatisticMaximum,
			Period: aws.Int32(10), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		}, noon))
	}
	require.NoError(t, alarms.PutComposite(awscloudwatch.PutCompositeAlarmInput{
		AlarmName: aws.String("health"), AlarmRule: aws.String(`ALARM("depth") OR ALARM("age")`), AlarmDescription: aws.String("Sick. Runbook: docs/x.md#y"),
	}, noon))
	w.SetState("depth", cloudwatch.InAlarm, "a trial", at(1))
	require.Len(t, published, 2)
	require.JSONEq(t, `{
		"AlarmName": "depth", "AlarmDescription": "Too much.", "AWSAccountId": "1", "NewStateValue": "ALARM", "NewStateReason": "a trial",
		"StateChangeTime": "2026-01-02T12:00:01.000+0000", "Region": "eu-west-1", "AlarmArn": "arn:aws:cloudwatch:eu-west-1:1:alarm:depth",
		"OldStateValue": "INSUFFICIENT_DATA"
	}`, published[0])
	require.JSONEq(t, `{
		"AlarmName": "health", "AlarmDescription": "Sick. Runbook: docs/x.md#y", "AWSAccountId": "1", "NewStateValue": "ALARM", "NewStateReason": "in ALARM: depth",
		"StateChangeTime": "2026-01-02T12:00:01.000+0000", "Region": "eu-west-1", "AlarmArn": "arn:aws:cloudwatch:eu-west-1:1:alarm:health",
		"OldStateValue": "INSUFFICIENT_DATA", "AlarmRule": "ALARM(\"depth\") OR ALARM(\"age\")",
		"TriggeringChildren": [{"Arn": "arn:aws:cloudwatch:eu-west-1:1:alarm:depth", "State": {"Value": "ALARM", "Timestamp": "2026-01-02T12:00:01.000+0000"}}]
	}`, published[1])

	w.SetState("health", cloudwatch.OK, "trial over", at(2))
	require.Contains(t, published[2], `"TriggeringChildren":[]`, "it was set by hand")
}

func TestAlarms_FireInTheirCellAndGoBack(t *testing.T) {
	w := newWatch()
	w.metric(t, "alpha-depth", "alpha")
	w.metric(t, "beta-depth", "beta")
	w.composite(t, "alpha", "ALARM(alpha-depth)", "")
	w.composite(t, "beta", "ALARM(beta-depth)", "")
	w.Evaluate(at(5))
	require.Equal(t, cloudwatch.OK, w.state(t, "alpha"))
	w.acts = nil // both came from INSUFFICIENT_DATA

	w.metrics.Put(cell("depth", "beta"), "Count", at(12), 3)
	w.Evaluate(at(15))
	require.Equal(t, cloudwatch.OK, w.state(t, "beta-depth"), "the period is not over")
	w.Evaluate(at(20))
	require.Equal(t, cloudwatch.InAlarm, w.state(t, "beta-depth"))
	require.Equal(t, cloudwatch.InAlarm, w.state(t, "beta"))
	require.Equal(t, cloudwatch.OK, w.state(t, "alpha"))

	w.metrics.Put(cell("depth", "beta"), "Count", at(22), 0)
	w.Evaluate(at(30))
	require.Equal(t, cloudwatch.OK, w.state(t, "beta"))
	require.Equal(t, []string{"beta ALARM", "beta OK"}, w.acts)
}

func TestAlarms_ACompositeThatAnotherAlarmSuppressesPagesNobody(t *testing.T) {
	w := newWatch()
	w.metric(t, "router-depth", "router")
	w.metric(t, "alpha-depth", "alpha")
	w.composite(t, "router", "ALARM(router-depth)", "")
	w.composite(t, "alpha", "ALARM(alpha-depth)", "router")
	w.Evaluate(at(0))
	w.Evaluate(at(40))
	w.acts = nil

	// The router's fault shows in the cell first, and in the router within the wait period.
	w.metrics.Put(cell("depth", "alpha"), "Count", at(45), 1)
	w.Evaluate(at(50))
	require.Equal(t, cloudwatch.InAlarm, w.state(t, "alpha"))
	w.metrics.Put(cell("depth", "alpha"), "Count", at(55), 1)
	w.metrics.Put(cell("depth", "router"), "Count", at(55), 1)
	w.Evaluate(at(60))
	for i := 6; i < 12; i++ {
		w.metrics.Put(cell("depth", "alpha"), "Count", at(10*i+5), 1)
		w.metrics.Put(cell("depth", "router"), "Count", at(10*i+5), 1)
		w.Evaluate(at(10*i + 10))
	}
	require.Equal(t, []string{"router ALARM"}, w.acts, "one fault, one page")

	// Where the cell stays in ALARM when the router is well again, the page comes after the extension period.
	for i := 12; i < 18; i++ {
		w.metrics.Put(cell("depth", "alpha"), "Count", at(10*i+5), 1)
		w.Evaluate(at(10*i + 10))
	}
	require.Equal(t, []string{"router ALARM", "router OK", "alpha ALARM"}, w.acts)
}

func TestAlarms_RefuseWhatAWSRefuses(t *testing.T) {
	w := newWatch()
	w.metric(t, "depth", "alpha")
	w.composite(t, "all", "ALARM(depth)", "")
	require.ErrorContains(t, w.Delete("depth"), `composite alarm "all"`)
	require.ErrorContains(t, w.PutComposite(awscloudwatch.PutCompositeAlarmInput{AlarmName: aws.String("x"), AlarmRule: aws.String("ALARM(gone)")}, noon), `"gone"`)
	require.ErrorContains(t, w.PutComposite(awscloudwatch.PutCompositeAlarmInput{AlarmName: aws.String("depth"), AlarmRule: aws.String("TRUE")}, noon), "other kind")
	require.ErrorContains(t, w.PutComposite(awscloudwatch.PutCompositeAlarmInput{
		AlarmName: aws.String("x"), AlarmRule: aws.String("ALARM(depth)"), ActionsSuppressor: aws.String("gone"),
		ActionsSuppressorWaitPeriod: aws.Int32(60), ActionsSuppressorExtensionPeriod: aws.Int32(60),
	}, noon), `suppressor is "gone"`)
	require.NoError(t, w.Delete("all", "depth", "never-there"))
	require.Empty(t, w.described(t, awscloudwatch.DescribeAlarmsInput{}))
}

// described are the names of the alarms that DescribeAlarms finds, page by page.
func (w *watch) described(t require.TestingT, in awscloudwatch.DescribeAlarmsInput) (names []string) {
	for {
		out, err := w.Described(in)
		require.NoError(t, err)
		for _, a := range out.MetricAlarms {
			names = append(names, *a.AlarmName)
		}
		for _, a := range out.CompositeAlarms {
			names = append(names, *a.AlarmName)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return names
		}
	}
}

func TestAlarms_AreDescribedAsTheCallerAsks(t *testing.T) {
	w := newWatch()
	for _, name := range []string{"dev-alarm-depth", "dev-alarm-age", "dev-alarms-depth", "prod-alarm-depth"} {
		w.metric(t, name, "alpha")
	}
	w.composite(t, "dev-health-alpha", "ALARM(dev-alarm-depth)", "")
	w.Evaluate(at(0))
	require.True(t, w.SetState("dev-alarm-depth", cloudwatch.InAlarm, "tried", at(0)))
	both := []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}
	for name, c := range map[string]struct {
		in   awscloudwatch.DescribeAlarmsInput
		want []string
	}{
		"metric alarms only, by default": {awscloudwatch.DescribeAlarmsInput{}, []string{"dev-alarm-age", "dev-alarm-depth", "dev-alarms-depth", "prod-alarm-depth"}},
		"composites only":                {awscloudwatch.DescribeAlarmsInput{AlarmTypes: both[1:]}, []string{"dev-health-alpha"}},
		"by a prefix":                    {awscloudwatch.DescribeAlarmsInput{AlarmNamePrefix: aws.String("dev-alarm-"), AlarmTypes: both}, []string{"dev-alarm-age", "dev-alarm-depth"}},
		"by names":                       {awscloudwatch.DescribeAlarmsInput{AlarmNames: []string{"dev-health-alpha", "gone", "dev-alarm-age"}, AlarmTypes: both}, []string{"dev-alarm-age", "dev-health-alpha"}},
		"by state":                       {awscloudwatch.DescribeAlarmsInput{StateValue: types.StateValueAlarm, AlarmTypes: both}, []string{"dev-alarm-depth", "dev-health-alpha"}},
		"by action":                      {awscloudwatch.DescribeAlarmsInput{ActionPrefix: aws.String("arn:top"), AlarmTypes: both}, []string{"dev-health-alpha"}},
		"in pages":                       {awscloudwatch.DescribeAlarmsInput{MaxRecords: aws.Int32(2)}, []string{"dev-alarm-age", "dev-alarm-depth", "dev-alarms-depth", "prod-alarm-depth"}},
	} {
		require.ElementsMatch(t, c.want, w.described(t, c.in), name)
	}
	for want, in := range map[string]awscloudwatch.DescribeAlarmsInput{
		"none of an earlier page": {NextToken: aws.String("!")},
		"want 1 to 100":           {MaxRecords: aws.Int32(101)},
		"want at most 100":        {AlarmNames: make([]string, 101)},
		"either names or":         {AlarmNames: []string{"a"}, AlarmNamePrefix: aws.String("a")},
		"are not served":          {ChildrenOfAlarmName: aws.String("a")},
	} {
		_, err := w.Described(in)
		require.ErrorContains(t, err, want)
	}
}

// Whatever the size of the pages, and whatever else comes and goes between two of them, they have each alarm once.
func TestAlarms_PagesHaveEachAlarmOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWatch()
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-d]{1,4}`), 1, 20, func(s string) string { return s }).Draw(rt, "names")
		for i, name := range names {
			if i%3 == 0 {
				w.composite(t, name, "TRUE", "")
			} else {
				w.metric(t, name, "alpha")
			}
		}
		slices.Sort(names)
		limit := rapid.Int32Range(1, 5).Draw(rt, "page")
		in := awscloudwatch.DescribeAlarmsInput{MaxRecords: &limit, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}}
		var found []string
		for {
			out, err := w.Described(in)
			require.NoError(rt, err)
			n := len(out.MetricAlarms) + len(out.CompositeAlarms)
			require.LessOrEqual(rt, n, int(limit))
			for _, a := range out.MetricAlarms {
				found = append(found, *a.AlarmName)
			}
			for _, a := range out.CompositeAlarms {
				found = append(found, *a.AlarmName)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
			require.Equal(rt, int(limit), n, "a page before the last one is full")
			require.NoError(rt, w.Delete(found[rapid.IntRange(0, len(found)-1).Draw(rt, "deleted")]))
		}
		slices.Sort(found)
		require.Equal(rt, names, found)
	})
}

func TestAlarms_SetByHandTakeTheirActionsAndGoBack(t *testing.T) {
	w := newWatch()
	w.metric(t, "depth", "alpha")
	w.metric(t, "age", "alpha")
	w.composite(t, "alpha", "ALARM(depth) OR ALARM(age)", "")
	w.composite(t, "all", "ALARM(alpha)", "")
	w.Evaluate(at(0))
	w.acts = nil
	require.False(t, w.SetState("gone", cloudwatch.InAlarm, "tried", at(1)))

	require.True(t, w.SetState("depth", cloudwatch.InAlarm, "tried", at(1)))
	require.Equal(t, []string{"alpha ALARM", "all ALARM"}, w.acts, "what rests on it fires with it")
	w.Evaluate(at(2))
	require.Equal(t, []string{"alpha ALARM", "all ALARM", "alpha OK", "all OK"}, w.acts, "the next evaluation brings it back")

	w.acts = nil
	require.True(t, w.SetState("alpha", cloudwatch.InAlarm, "tried", at(3)))
	w.Evaluate(at(4))
	require.Equal(t, cloudwatch.InAlarm, w.state(t, "alpha"), "no alarm of its rule has changed")
	require.True(t, w.SetState("alpha", cloudwatch.InAlarm, "tried", at(5)))
	require.Equal(t, []string{"alpha ALARM", "all ALARM"}, w.acts, "nothing changes twice")
	require.True(t, w.SetState("age", cloudwatch.InAlarm, "tried", at(6)))
	w.Evaluate(at(7))
	require.Equal(t, cloudwatch.OK, w.state(t, "alpha"))
	require.Equal(t, []string{"alpha ALARM", "all ALARM", "alpha OK", "all OK"}, w.acts)

	require.True(t, w.SetState("alpha", cloudwatch.InsufficientData, "tried", at(8)))
	w.Evaluate(at(9))
	require.Equal(t, cloudwatch.InsufficientData, w.state(t, "alpha"))
	w.composite(t, "alpha", "ALARM(depth) OR ALARM(age)", "")
	w.Evaluate(at(10))
	require.Equal(t, cloudwatch.OK, w.state(t, "alpha"), "it is judged again once it is put again")
	require.Equal(t, "tried", w.History()[len(w.History())-2].Reason)
}

func TestCheckMetricAlarm_RefusesWhatAWSRefuses(t *testing.T) {
	type input = awscloudwatch.PutMetricAlarmInput
	plain := func() input {
		return input{
			AlarmName: aws.String("x"), Namespace: aws.String("n"), MetricName: aws.String("m"), Statistic: types.StatisticSum, Period: aws.Int32(60),
			EvaluationPeriods: aws.Int32(3), Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		}
	}
	math := func(metrics ...types.MetricDataQuery) func(*input) {
		return func(in *input) {
			in.Namespace, in.MetricName, in.Statistic, in.Period, in.Metrics = nil, nil, "", nil, metrics
		}
	}
	hidden := func(id string) types.MetricDataQuery { return metricQuery(id, "requests", "alpha", "Sum", false) }
	shown := expressionQuery("shown", "a0")
	numbered := func(n int, query func(id string) types.MetricDataQuery) (all []types.MetricDataQuery) {
		for i := range n {
			all = append(all, query(fmt.Sprintf("a%d", i)))
		}
		return append(all, shown)
	}
	ofSeconds := func(n int32) types.MetricDataQuery {
		q := hidden("a0")
		q.MetricStat.Period = &n
		return q
	}
	for want, change := range map[string]func(*input){
		`alarm name ""`:           func(in *input) { in.AlarmName = nil },
		"1 to 255":                func(in *input) { in.AlarmName = aws.String(strings.Repeat("x", 256)) },
		"control character":       func(in *input) { in.AlarmName = aws.String("a\nb") },
		"description has 1025":    func(in *input) { in.AlarmDescription = aws.String(strings.Repeat("x", 1025)) },
		"6 actions":               func(in *input) { in.AlarmActions = []string{"arn:1", "arn:2", "arn:3", "arn:4", "arn:5", "arn:6"} },
		`action "topic"`:          func(in *input) { in.OKActions = []string{"topic"} },
		"no threshold":            func(in *input) { in.Threshold = nil },
		"0 of 0 periods":          func(in *input) { in.EvaluationPeriods = nil },
		"4 of 3 periods":          func(in *input) { in.DatapointsToAlarm = aws.Int32(4) },
		"0 of 3 periods":          func(in *input) { in.DatapointsToAlarm = aws.Int32(0) },
		"period 0s":               func(in *input) { in.Period = nil },
		"period 45s":              func(in *input) { in.Period = aws.Int32(45) },
		"1500 periods of 1m0s":    func(in *input) { in.EvaluationPeriods = aws.Int32(1500) },
		"169 periods of 1h0m0s":   func(in *input) { in.EvaluationPeriods, in.Period = aws.Int32(169), aws.Int32(3600) },
		`treated as "fine"`:       func(in *input) { in.TreatMissingData = aws.String("fine") },
		"percentiles only":        func(in *input) { in.EvaluateLowSampleCountPercentile = aws.String("ignore") },
		"want evaluate or ignore": func(in *input) { in.EvaluateLowSampleCountPercentile = aws.String("skip") },
		"comparison operator":     func(in *input) { in.ComparisonOperator = "Equal" },
		"either a Statistic":      func(in *input) { in.Statistic = "" },
		"either a Statistic or":   func(in *input) { in.ExtendedStatistic = aws.String("p99") },
		`statistic "p99": want`:   func(in *input) { in.Statistic = "p99" },
		`statistic "99"`:          func(in *input) { in.Statistic, in.ExtendedStatistic = "", aws.String("99") },
		`statistic "p101"`:        func(in *input) { in.Statistic, in.ExtendedStatistic = "", aws.String("p101") },
		"neither a metric's name": func(in *input) { in.MetricName = nil },
		`namespace ":n"`:          func(in *input) { in.Namespace = aws.String(":n") },
		`dimension "cell"=""`: func(in *input) {
			in.Dimensions = []types.Dimension{{Name: aws.String("cell"), Value: aws.String("")}}
		},
		"31 dimensions":     func(in *input) { in.Dimensions = make([]types.Dimension, 31) },
		"so it has no name": func(in *input) { in.Metrics = []types.MetricDataQuery{hidden("a0"), shown} },
		"no metric returns": math(hidden("a0")),
		"both return data":  math(hidden("a0"), shown, expressionQuery("again", "a0")),
		"searches":          math(hidden("a0"), expressionQuery("b", "SUM(SEARCH('{n,cell} m', 'Sum', 60))")),
		"11 metrics":        math(numbered(11, hidden)...),
		"and 11 expressions": math(numbered(10, func(id string) types.MetricDataQuery {
			q := expressionQuery(id, "1 * shown")
			q.ReturnData = aws.Bool(false)
			return q
		})...),
		"a0: period 5s":       math(ofSeconds(5), shown),
		"query a0: statistic": math(metricQuery("a0", "requests", "alpha", "99", false), shown),
	} {
		in := plain()
		change(&in)
		require.ErrorContains(t, cloudwatch.CheckMetricAlarm(in), want)
	}
	for name, change := range map[string]func(*input){
		"plain":            func(*input) {},
		"ten seconds":      func(in *input) { in.Period = aws.Int32(10) },
		"a day of minutes": func(in *input) { in.EvaluationPeriods = aws.Int32(1440) },
		"a week of hours":  func(in *input) { in.EvaluationPeriods, in.Period = aws.Int32(168), aws.Int32(3600) },
		"percentile": func(in *input) {
			in.Statistic, in.ExtendedStatistic, in.EvaluateLowSampleCountPercentile = "", aws.String("p99.9"), aws.String("ignore")
		},
		"math":                      math(numbered(10, hidden)...),
		"a metric in a list alone":  math(metricQuery("a0", "requests", "alpha", "Sum", true)),
		"a threshold of zero":       func(in *input) { in.Threshold = aws.Float64(0) },
		"two of three":              func(in *input) { in.DatapointsToAlarm = aws.Int32(2) },
		"a name of AWS's own":       func(in *input) { in.AlarmName = aws.String("a/b (c) é") },
		"an action of another kind": func(in *input) { in.AlarmActions = []string{"arn:aws:lambda:eu-west-1:123456789012:function:f"} },
	} {
		in := plain()
		change(&in)
		require.NoError(t, cloudwatch.CheckMetricAlarm(in), name)
	}
}

func TestCheckCompositeAlarm_RefusesWhatAWSRefuses(t *testing.T) {
	type input = awscloudwatch.PutCompositeAlarmInput
	var long []string
	for i := range 101 {
		long = append(long, fmt.Sprintf("ALARM(a%d)", i))
	}
	for want, in := range map[string]input{
		`alarm name ""`:                {AlarmRule: aws.String("TRUE")},
		"want":                         {AlarmName: aws.String("x"), AlarmRule: aws.String("ALARM(")},
		"names 101 alarms":             {AlarmName: aws.String("x"), AlarmRule: aws.String(strings.Join(long, " OR "))},
		"the rule has 10241":           {AlarmName: aws.String("x"), AlarmRule: aws.String("TRUE" + strings.Repeat(" ", 10_237))},
		"without a suppressor":         {AlarmName: aws.String("x"), AlarmRule: aws.String("TRUE"), ActionsSuppressorWaitPeriod: aws.Int32(1)},
		"want a wait period":           {AlarmName: aws.String("x"), AlarmRule: aws.String("TRUE"), ActionsSuppressor: aws.String("s"), ActionsSuppressorWaitPeriod: aws.Int32(1)},
		`suppressor "": want the name`: {AlarmName: aws.String("x"), AlarmRule: aws.String("TRUE"), ActionsSuppressor: aws.String("")},
	} {
		require.ErrorContains(t, cloudwatch.CheckCompositeAlarm(in), want)
	}
	require.NoError(t, cloudwatch.CheckCompositeAlarm(input{
		AlarmName: aws.String("x"), AlarmRule: aws.String(strings.Join(long[:100], " OR ")), ActionsSuppressor: aws.String("s"),
		ActionsSuppressorWaitPeriod: aws.Int32(60), ActionsSuppressorExtensionPeriod: aws.Int32(120),
	}))
}

// "Percentile-based alarms and low data samples": p90 needs 10/(1-0.9) = 100 samples in the periods that are evaluated.
func TestAlarms_OfPercentilesIgnoreFewSamplesWhereTheySaySo(t *testing.T) {
	w := newWatch()
	for _, treat := range []string{"ignore", "evaluate"} {
		require.NoError(t, w.PutMetric(awscloudwatch.PutMetricAlarmInput{
			AlarmName: &treat, Namespace: aws.String("Cellular/test"), MetricName: aws.String("latency"), ExtendedStatistic: aws.String("p90"), Period: aws.Int32(60),
			Dimensions: []types.Dimension{{Name: aws.String("cell"), Value: aws.String("alpha")}}, EvaluationPeriods: aws.Int32(2), DatapointsToAlarm: aws.Int32(1), Threshold: aws.Float64(5),
			ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching"), EvaluateLowSampleCountPercentile: &treat,
		}, noon))
	}
	slow := func(second, n int) {
		for range n {
			w.metrics.Put(cell("latency", "alpha"), "Milliseconds", at(second), 9)
		}
	}
	slow(1, 99)
	w.Evaluate(at(60))
	require.Equal(t, cloudwatch.InAlarm, w.state(t, "evaluate"))
	require.Equal(t, cloudwatch.InsufficientData, w.state(t, "ignore"), "99 samples change nothing")
	slow(61, 1)
	w.Evaluate(at(120))
	require.Equal(t, cloudwatch.InAlarm, w.state(t, "ignore"), "100 samples in the two periods do")
	w.metrics.Put(cell("latency", "alpha"), "Milliseconds", at(601), 1)
	w.Evaluate(at(660))
	require.Equal(t, cloudwatch.InAlarm, w.state(t, "ignore"), "one sample changes nothing, though it is fast")
	require.Equal(t, cloudwatch.OK, w.state(t, "evaluate"))
	w.Evaluate(at(1200))
	require.Equal(t, cloudwatch.OK, w.state(t, "ignore"), "none at all is missing data")
}

func TestAlarms_OfMetricMathJudgeTheOneThatReturnsData(t *testing.T) {
	w := newWatch()
	r, e := metricQuery("r", "requests", "alpha", "Sum", false), metricQuery("e", "errors", "alpha", "Sum", false)
	share := expressionQuery("share", "100 * FILL(e, 0) / r")
	put := func(metrics ...types.MetricDataQuery) error {
		return w.PutMetric(awscloudwatch.PutMetricAlarmInput{
			AlarmName: aws.String("share"), Metrics: metrics, EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5),
			ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching"),
		}, noon)
	}
	require.ErrorContains(t, put(r, e), "no metric returns data")
	require.ErrorContains(t, put(r, e, share, expressionQuery("again", "r")), "both return data")
	require.NoError(t, put(r, e, share))
	w.metrics.Put(cell("requests", "alpha"), "Count", at(1), 100)
	w.Evaluate(at(60))
	require.Equal(t, cloudwatch.OK, w.state(t, "share"))
	w.metrics.Put(cell("requests", "alpha"), "Count", at(61), 100)
	w.metrics.Put(cell("errors", "alpha"), "Count", at(61), 6)
	w.Evaluate(at(120))
	require.Equal(t, cloudwatch.InAlarm, w.state(t, "share"))
}
