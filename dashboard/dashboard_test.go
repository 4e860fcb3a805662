package dashboard_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/dashboard"
	"cellular/internal/model/config"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
	"cellular/local/cloudwatch"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func deployment(alarms config.Alarms) dashboard.Deployment {
	return dashboard.Deployment{Stack: "prod", Alarms: alarms, Probe: config.Default().Probe, APIID: "a1b2c3", Partition: "aws", Region: "eu-west-1", Account: "123456789012"}
}

func fleet(t *testing.T, alarms config.Alarms) string {
	t.Helper()
	body, err := dashboard.Fleet(deployment(alarms))
	require.NoError(t, err)
	return body
}

func oneCell(t *testing.T, alarms config.Alarms) string {
	t.Helper()
	body, err := dashboard.Cell(deployment(alarms))
	require.NoError(t, err)
	return body
}

func read(t *testing.T, body string) *cloudwatch.Board {
	t.Helper()
	b, err := cloudwatch.ReadBoard(body)
	require.NoError(t, err)
	return b
}

// measured are metrics of everything that the dashboards of a deployment with two cells draw.
func measured(m *cloudwatch.Metrics, stack naming.Stack, cells ...string) {
	put := func(namespace, name string, dimensions ...string) {
		metric := cloudwatch.Metric{Namespace: namespace, Name: name}
		for i := 0; i < len(dimensions); i += 2 {
			metric.Dimensions = append(metric.Dimensions, cloudwatch.Dimension{Name: dimensions[i], Value: dimensions[i+1]})
		}
		m.Put(cloudwatch.NewMetric(namespace, name, metric.Dimensions...), "Count", noon, 1)
	}
	for _, id := range cells {
		for metric := range written() {
			put(stack.MetricsNamespace(), metric, "cell", id)
		}
		c := stack.Cell(id)
		for _, queue := range []string{c.Queue(), c.ConsumerDLQ(), c.StreamDLQ(), c.SubscriptionDLQ()} {
			for _, metric := range []string{"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"} {
				put("AWS/SQS", metric, "QueueName", queue)
			}
		}
	}
}

// written are the metrics that docs/telemetry.md lists. A test of the functions holds that page to them.
func written() map[string]bool {
	page, err := os.ReadFile("../docs/telemetry.md")
	if err != nil {
		panic(err)
	}
	all := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (?:Count|Milliseconds|None) \\|").FindAllStringSubmatch(string(page), -1) {
		all[row[1]] = true
	}
	for _, metric := range []string{"probe_ok", "probe_ms", "probe_rounds", "probe_unsent", "moves_stalled"} {
		all[metric] = true
	}
	return all
}

func TestDashboards_PassTheRulesOfCloudWatch(t *testing.T) {
	for name, body := range map[string]string{"fleet": fleet(t, config.Default().Alarms), "cell": oneCell(t, config.Default().Alarms)} {
		taken := map[[2]float64]int{}
		for i, w := range read(t, body).Widgets {
			for x := *w.X; x < *w.X+*w.Width; x++ {
				for y := *w.Y; y < *w.Y+*w.Height; y++ {
					other, ok := taken[[2]float64{x, y}]
					require.False(t, ok, "%s: widgets %d and %d overlap", name, other, i)
					taken[[2]float64{x, y}] = i
				}
			}
			if w.Graph != nil {
				require.NotEmpty(t, w.Graph.Title)
				require.NotEmpty(t, w.Graph.YAxis.Left.Label, "the axis of %q has no unit", w.Graph.Title)
				require.Equal(t, "eu-west-1", w.Graph.Region)
			}
		}
	}
}

func TestDashboards_DrawMetricsThatSomethingWrites(t *testing.T) {
	own := written()
	require.Greater(t, len(own), 25)
	for name, body := range map[string]string{"fleet": fleet(t, config.Default().Alarms), "cell": oneCell(t, config.Default().Alarms)} {
		drawn := 0
		for _, w := range read(t, body).Widgets {
			if w.Graph == nil {
				continue
			}
			for _, m := range w.Graph.Metrics {
				if m[0] == "Cellular/prod" {
					require.True(t, own[m[1].(string)], "%s draws %s", name, m[1])
					drawn++
				}
				if how, ok := m[0].(map[string]any); ok && strings.Contains(how["expression"].(string), "Cellular/prod") {
					metric := regexp.MustCompile(`MetricName="([a-z0-9_]+)"|^SELECT [A-Z]+\("([a-z0-9_]+)"\)`).FindStringSubmatch(how["expression"].(string))
					require.NotNil(t, metric, how["expression"])
					require.True(t, own[metric[1]+metric[2]], "%s draws %s", name, metric[0])
					drawn++
				}
			}
		}
		require.Greater(t, drawn, 10, name)
	}
}

func TestFleet_FindsEachCellOfItsDeploymentAndNoOther(t *testing.T) {
	m := cloudwatch.NewMetrics()
	measured(m, "prod", "alpha", "beta")
	for _, other := range []naming.Stack{"prod-2", "prod2", "production", "prod-processing", "preprod", "Prod2", "staging"} {
		measured(m, other, "theirs")
	}
	drawings, err := read(t, fleet(t, config.Default().Alarms)).Draw(m, cloudwatch.NewAlarms(m, "eu-west-1", "123456789012", nil), noon, noon.Add(time.Minute))
	require.NoError(t, err)
	perCell := 0
	for _, d := range drawings {
		if d.Widget.Graph == nil || !strings.Contains(string(d.Widget.Properties), "SEARCH('{") && !strings.Contains(string(d.Widget.Properties), "SELECT ") {
			continue
		}
		if strings.Contains(string(d.Widget.Properties), ",version}") {
			continue
		}
		perCell++
		var ids []string
		for _, s := range d.Series {
			require.NotContains(t, s.Label, "theirs", d.Widget.Graph.Title)
			ids = append(ids, s.Label[strings.LastIndex(s.Label, "-")+1:])
		}
		slices.Sort(ids)
		require.Equal(t, []string{"alpha", "beta"}, slices.Compact(ids), d.Widget.Graph.Title)
	}
	require.Greater(t, perCell, 8)
}

// TestFleet_ShowsQueuesOfADeploymentWhoseNameEndsAlike holds docs/telemetry.md to what a SEARCH can do.
func TestFleet_ShowsQueuesOfADeploymentWhoseNameEndsAlike(t *testing.T) {
	m := cloudwatch.NewMetrics()
	measured(m, "my-prod", "theirs")
	drawings, err := read(t, fleet(t, config.Default().Alarms)).Draw(m, cloudwatch.NewAlarms(m, "eu-west-1", "123456789012", nil), noon, noon.Add(time.Minute))
	require.NoError(t, err)
	var shown []string
	for _, d := range drawings {
		for _, s := range d.Series {
			require.Contains(t, s.Label, "my-prod-", "the legend tells them apart")
			shown = append(shown, d.Widget.Graph.Title)
		}
	}
	require.Equal(t, []string{"Age of the oldest message in the queue", "Letters in DLQs"}, slices.Compact(slices.Sorted(slices.Values(shown))))
}

func TestFleet_TellsTheMainQueueFromItsDLQs(t *testing.T) {
	m := cloudwatch.NewMetrics()
	measured(m, "prod", "alpha")
	drawings, err := read(t, fleet(t, config.Default().Alarms)).Draw(m, cloudwatch.NewAlarms(m, "eu-west-1", "123456789012", nil), noon, noon.Add(time.Minute))
	require.NoError(t, err)
	labels := map[string][]string{}
	for _, d := range drawings {
		for _, s := range d.Series {
			labels[d.Widget.Graph.Title] = append(labels[d.Widget.Graph.Title], s.Label)
		}
	}
	require.Equal(t, []string{"prod-processing-queue-cell-alpha"}, labels["Age of the oldest message in the queue"])
	require.Equal(t, []string{"prod-processing-queue-dlq-cell-alpha", "prod-processing-queue-stream-dlq-cell-alpha", "prod-processing-queue-sub-dlq-cell-alpha"}, labels["Letters in DLQs"])
}

func TestCell_DrawsTheCellThatIsPicked(t *testing.T) {
	m := cloudwatch.NewMetrics()
	measured(m, "prod", "alpha", "beta")
	measured(m, "prod-2", "theirs")
	body := oneCell(t, config.Default().Alarms)
	variable := read(t, body).Variables[0]
	choices, err := variable.Choices(m)
	require.NoError(t, err)
	require.Equal(t, []string{"alpha", "beta"}, choices)
	body, err = variable.Pick(body, "beta")
	require.NoError(t, err)
	require.NotContains(t, body[strings.Index(body, `"widgets"`):], "CELL_ID")

	cell, names := naming.Stack("prod").Cell("beta"), map[string]bool{"beta": true, "a1b2c3": true}
	for _, name := range []string{cell.Queue(), cell.ConsumerDLQ(), cell.StreamDLQ(), cell.SubscriptionDLQ(), cell.Producer(), cell.Consumer()} {
		names[name] = true
	}
	var alarms []string
	for _, w := range read(t, body).Widgets {
		if w.Alarms != nil {
			alarms = append(alarms, w.Alarms.Alarms...)
		}
		if w.Graph == nil {
			continue
		}
		for _, metric := range w.Graph.Metrics {
			for i := 3; i < len(metric); i += 2 {
				require.True(t, names[metric[i].(string)], "%s of %q", metric[i], w.Graph.Title)
			}
		}
	}
	require.Len(t, alarms, len(naming.CellAlarms())+1)
	for _, part := range naming.CellAlarms() {
		require.Contains(t, alarms, "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"+cell.Alarm(part))
	}
}

// A widget of alarms says of one that is not there that it is in trouble.
func TestDashboards_ShowNoAlarmOfAProbeThatIsNotThere(t *testing.T) {
	d := deployment(config.Default().Alarms)
	d.Probe.Enabled = false
	for name, of := range map[string]func(dashboard.Deployment) (string, error){"fleet": dashboard.Fleet, "cell": dashboard.Cell} {
		body, err := of(d)
		require.NoError(t, err)
		shown := 0
		for _, w := range read(t, body).Widgets {
			if w.Alarms == nil {
				continue
			}
			for _, alarm := range w.Alarms.Alarms {
				shown++
				require.NotRegexp(t, "pipeline|probe", alarm, name)
			}
		}
		require.NotZero(t, shown, name)
		require.NotContains(t, strings.ReplaceAll(body, `OR \"probe_ok\"`, ""), "probe_", name)
	}
}

func TestDashboards_DrawTheThresholdsOfTheAlarms(t *testing.T) {
	thresholds := func(body string) map[string]string {
		all := map[string]string{}
		for _, w := range read(t, body).Widgets {
			if w.Graph == nil {
				continue
			}
			for _, a := range w.Graph.Annotations.Horizontal {
				all[w.Graph.Title] += fmt.Sprintf("%v %s; ", a.Value, a.Label)
			}
		}
		return all
	}
	defaults := thresholds(fleet(t, config.Default().Alarms))
	require.Equal(t, "1 alarm: from here in 1 of 6 periods; ", defaults["Letters in DLQs"])
	require.Equal(t, "300 alarm: from here in 3 of 3 periods; ", defaults["Age of the oldest message in the queue"], "5 min in seconds")
	require.Equal(t, "60000 alarm: from here in 3 of 3 periods; ", defaults["Accepted to applied, 99th percentile"], "1 min in milliseconds")
	require.Equal(t, "5 alarm: from here in 2 of 3 periods, of 20 or more; ", defaults["Answered with a stale mapping, of all requests"], "5 % as a percentage")

	distinct := configtest.DistinctAlarms()
	letters := thresholds(fleet(t, distinct))["Letters in DLQs"]
	for _, a := range []config.CountAlarm{distinct.Cell.ConsumerDLQ, distinct.Cell.StreamDLQ, distinct.Cell.SubscriptionDLQ} {
		require.Contains(t, letters, fmt.Sprintf("%d ", a.Threshold+1), "each DLQ has its own line")
	}
	require.Len(t, strings.Split(letters, ";"), 4)
	require.Equal(t, thresholds(oneCell(t, distinct))["Letters in DLQs"], letters)
}

func TestDashboards_SumOverThePeriodOfTheAlarms(t *testing.T) {
	alarms := config.Default().Alarms
	alarms.Period = 2 * time.Minute
	for _, body := range []string{fleet(t, alarms), oneCell(t, alarms)} {
		var b struct{ PeriodOverride string }
		require.NoError(t, json.Unmarshal([]byte(body), &b))
		require.Equal(t, "inherit", b.PeriodOverride)
		for _, w := range read(t, body).Widgets {
			if w.Graph != nil {
				require.Equal(t, 120, w.Graph.Period, w.Graph.Title)
			}
		}
		require.NotContains(t, body, ", 60)")
	}
}

func TestDashboards_AreNamedAfterTheDeploymentAndKnowItsPlace(t *testing.T) {
	args := &dashboard.Args{
		Stack: "prod", Alarms: config.Default().Alarms, Probe: config.Default().Probe, APIID: pulumi.String("a1b2c3"),
		MappingTableARN: pulumi.String("arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/prod-global-tenant-cell-mapping"),
	}
	r := pulumitest.Run(t, func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, "aws")
		if err != nil {
			return err
		}
		_, err = dashboard.New(ctx, "dashboards", args, pulumi.Providers(provider))
		return err
	})
	r.AssertAllDescendFrom(t, r.Only(t, dashboard.TypeToken))
	r.AssertNoDefaultProvider(t)
	for _, name := range []string{"prod-fleet", "prod-cell"} {
		body := r.WithInput(t, "aws:cloudwatch/dashboard:Dashboard", "dashboardName", name).Str(t, "dashboardBody")
		require.NoError(t, cloudwatch.CheckDashboard(body))
		require.Contains(t, body, `"region":"us-gov-west-1"`)
		require.Contains(t, body, "arn:aws-us-gov:cloudwatch:us-gov-west-1:210987654321:alarm:prod-")
	}
}

func TestArgs_AreCheckedBeforeAnythingIsRegistered(t *testing.T) {
	var none *dashboard.Args
	require.ErrorContains(t, none.Validate(), "args are required")
	err := (&dashboard.Args{Stack: "a b", Alarms: config.Default().Alarms}).Validate()
	for _, want := range []string{"API's id", "mapping table's ARN", "deployment: is "} {
		require.ErrorContains(t, err, want)
	}
}
