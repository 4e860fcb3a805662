package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/local/cloudwatch"
	"cellular/local/cloudwatch/api"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// serve returns the SDK's own client of a CloudWatch, and what is behind it.
func serve(t *testing.T) (*awscloudwatch.Client, api.CloudWatch) {
	metrics := cloudwatch.NewMetrics()
	served := api.CloudWatch{
		Metrics: metrics, Dashboards: cloudwatch.NewDashboards("123456789012"), Now: func() time.Time { return noon },
		Alarms: cloudwatch.NewAlarms(metrics, "eu-west-1", "123456789012", func(cloudwatch.Notice) {}),
	}
	server := httptest.NewServer(served.Handler())
	t.Cleanup(server.Close)
	return awscloudwatch.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}), served
}

func codeOf(t *testing.T, err error) string {
	var refused smithy.APIError
	require.ErrorAs(t, err, &refused)
	return refused.ErrorCode()
}

var dimensions = []types.Dimension{{Name: aws.String("cell"), Value: aws.String("alpha")}}

func TestMetricsGoInAndComeOut(t *testing.T) {
	client, _ := serve(t)
	ctx := t.Context()
	_, err := client.PutMetricData(ctx, &awscloudwatch.PutMetricDataInput{Namespace: aws.String("Cellular/test"), MetricData: []types.MetricDatum{
		{MetricName: aws.String("applied"), Dimensions: dimensions, Value: aws.Float64(2.5), Timestamp: aws.Time(noon), Unit: types.StandardUnitCount},
		{MetricName: aws.String("applied"), Dimensions: dimensions, Values: []float64{1, 2}, Counts: []float64{1, 2}},
	}})
	require.NoError(t, err)
	data, err := client.GetMetricData(ctx, &awscloudwatch.GetMetricDataInput{
		StartTime: aws.Time(noon.Add(-time.Minute)), EndTime: aws.Time(noon.Add(time.Minute)), ScanBy: types.ScanByTimestampDescending,
		MetricDataQueries: []types.MetricDataQuery{
			{Id: aws.String("a"), MetricStat: &types.MetricStat{Metric: &types.Metric{Namespace: aws.String("Cellular/test"), MetricName: aws.String("applied"), Dimensions: dimensions}, Period: aws.Int32(60), Stat: aws.String("Sum")}},
			{Id: aws.String("b"), Expression: aws.String("a * 2"), Label: aws.String("twice")},
		},
	})
	require.NoError(t, err)
	require.Len(t, data.MetricDataResults, 2)
	require.Equal(t, []float64{7.5}, data.MetricDataResults[0].Values)
	require.Equal(t, noon, data.MetricDataResults[0].Timestamps[0].UTC())
	require.Equal(t, "twice", *data.MetricDataResults[1].Label)

	listed, err := client.ListMetrics(ctx, &awscloudwatch.ListMetricsInput{Namespace: aws.String("Cellular/test")})
	require.NoError(t, err)
	require.Len(t, listed.Metrics, 1)
	require.Equal(t, "alpha", *listed.Metrics[0].Dimensions[0].Value)

	statistics, err := client.GetMetricStatistics(ctx, &awscloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("Cellular/test"), MetricName: aws.String("applied"), Dimensions: dimensions, Period: aws.Int32(60),
		StartTime: aws.Time(noon), EndTime: aws.Time(noon.Add(time.Minute)), Statistics: []types.Statistic{types.StatisticMaximum}, ExtendedStatistics: []string{"p50"},
	})
	require.NoError(t, err)
	require.Equal(t, 2.5, *statistics.Datapoints[0].Maximum)
	require.Equal(t, 2.0, statistics.Datapoints[0].ExtendedStatistics["p50"])
	require.Equal(t, types.StandardUnitCount, statistics.Datapoints[0].Unit)
}

func TestAlarmsAreDescribedAsTheyWerePut(t *testing.T) {
	client, served := serve(t)
	ctx := t.Context()
	_, err := client.PutMetricAlarm(ctx, &awscloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("alpha-depth"), Namespace: aws.String("Cellular/test"), MetricName: aws.String("depth"), Dimensions: dimensions, Statistic: types.StatisticMaximum,
		Period: aws.Int32(10), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		TreatMissingData: aws.String("notBreaching"), AlarmDescription: aws.String("runbook 3"), Tags: []types.Tag{{Key: aws.String("Cell"), Value: aws.String("alpha")}},
	})
	require.NoError(t, err)
	_, err = client.PutCompositeAlarm(ctx, &awscloudwatch.PutCompositeAlarmInput{AlarmName: aws.String("alpha"), AlarmRule: aws.String(`ALARM("alpha-depth")`), AlarmActions: []string{"arn:topic"}})
	require.NoError(t, err)
	served.Metrics.Put(cloudwatch.NewMetric("Cellular/test", "depth", cloudwatch.Dimension{Name: "cell", Value: "alpha"}), "", noon, 1)
	served.Alarms.Evaluate(noon.Add(10 * time.Second))

	out, err := client.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}, StateValue: types.StateValueAlarm})
	require.NoError(t, err)
	require.Len(t, out.MetricAlarms, 1)
	require.Len(t, out.CompositeAlarms, 1)
	require.Equal(t, "runbook 3", *out.MetricAlarms[0].AlarmDescription)
	require.Equal(t, 0.0, *out.MetricAlarms[0].Threshold)
	require.Equal(t, noon.Add(10*time.Second), out.MetricAlarms[0].StateUpdatedTimestamp.UTC())
	require.Equal(t, "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:alpha", *out.CompositeAlarms[0].AlarmArn)

	history, err := client.DescribeAlarmHistory(ctx, &awscloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("alpha")})
	require.NoError(t, err)
	require.Equal(t, "Alarm updated from INSUFFICIENT_DATA to ALARM", *history.AlarmHistoryItems[0].HistorySummary)

	_, err = client.SetAlarmState(ctx, &awscloudwatch.SetAlarmStateInput{AlarmName: aws.String("alpha-depth"), StateValue: types.StateValueOk, StateReason: aws.String("tried")})
	require.NoError(t, err)
	state, _ := served.Alarms.StateOf("alpha")
	require.Equal(t, cloudwatch.OK, state)
	for code, in := range map[string]awscloudwatch.SetAlarmStateInput{
		"ResourceNotFound":               {AlarmName: aws.String("gone"), StateValue: types.StateValueOk, StateReason: aws.String("tried")},
		"InvalidParameterValueException": {AlarmName: aws.String("alpha"), StateValue: "FINE", StateReason: aws.String("tried")},
	} {
		_, err := client.SetAlarmState(ctx, &in)
		require.Equal(t, code, codeOf(t, err))
	}
	pages := awscloudwatch.NewDescribeAlarmsPaginator(client, &awscloudwatch.DescribeAlarmsInput{
		AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}, MaxRecords: aws.Int32(1),
	})
	n := 0
	for ; pages.HasMorePages(); n++ {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, len(page.MetricAlarms)+len(page.CompositeAlarms))
	}
	require.Equal(t, 2, n)
	_, err = client.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{NextToken: aws.String("!")})
	require.Equal(t, "InvalidNextToken", codeOf(t, err))

	arn := out.MetricAlarms[0].AlarmArn
	_, err = client.TagResource(ctx, &awscloudwatch.TagResourceInput{ResourceARN: arn, Tags: []types.Tag{{Key: aws.String("Layer"), Value: aws.String("DataPlane")}}})
	require.NoError(t, err)
	_, err = client.UntagResource(ctx, &awscloudwatch.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"Cell"}})
	require.NoError(t, err)
	tags, err := client.ListTagsForResource(ctx, &awscloudwatch.ListTagsForResourceInput{ResourceARN: arn})
	require.NoError(t, err)
	require.Equal(t, []types.Tag{{Key: aws.String("Layer"), Value: aws.String("DataPlane")}}, tags.Tags)

	_, err = client.DeleteAlarms(ctx, &awscloudwatch.DeleteAlarmsInput{AlarmNames: []string{"alpha-depth"}})
	require.ErrorContains(t, err, "composite alarm")
	_, err = client.DeleteAlarms(ctx, &awscloudwatch.DeleteAlarmsInput{AlarmNames: []string{"alpha", "alpha-depth"}})
	require.NoError(t, err)
	_, err = client.ListTagsForResource(ctx, &awscloudwatch.ListTagsForResourceInput{ResourceARN: arn})
	require.Equal(t, "ResourceNotFoundException", codeOf(t, err))
}

func TestDashboardsAreKept(t *testing.T) {
	client, _ := serve(t)
	ctx := t.Context()
	_, err := client.PutDashboard(ctx, &awscloudwatch.PutDashboardInput{DashboardName: aws.String("fleet"), DashboardBody: aws.String(`{"widgets":[]}`)})
	require.NoError(t, err)
	_, err = client.PutDashboard(ctx, &awscloudwatch.PutDashboardInput{DashboardName: aws.String("fleet"), DashboardBody: aws.String(`widgets`)})
	require.Error(t, err)
	got, err := client.GetDashboard(ctx, &awscloudwatch.GetDashboardInput{DashboardName: aws.String("fleet")})
	require.NoError(t, err)
	require.Equal(t, `{"widgets":[]}`, *got.DashboardBody)
	require.Equal(t, "arn:aws:cloudwatch::123456789012:dashboard/fleet", *got.DashboardArn)
	listed, err := client.ListDashboards(ctx, &awscloudwatch.ListDashboardsInput{})
	require.NoError(t, err)
	require.Len(t, listed.DashboardEntries, 1)
	_, err = client.DeleteDashboards(ctx, &awscloudwatch.DeleteDashboardsInput{DashboardNames: []string{"fleet"}})
	require.NoError(t, err)
	_, err = client.GetDashboard(ctx, &awscloudwatch.GetDashboardInput{DashboardName: aws.String("fleet")})
	require.Error(t, err)
}

func TestWhatIsNotServedIsRefusedWithWhatIs(t *testing.T) {
	client, _ := serve(t)
	_, err := client.ListMetricStreams(t.Context(), &awscloudwatch.ListMetricStreamsInput{})
	require.ErrorContains(t, err, "DescribeAlarms")
	_, err = client.GetMetricData(t.Context(), &awscloudwatch.GetMetricDataInput{StartTime: aws.Time(noon), EndTime: aws.Time(noon), MetricDataQueries: []types.MetricDataQuery{}})
	require.Equal(t, "InvalidParameterValueException", codeOf(t, err))
}

func TestTheCLIsProtocolHasTimesAsNumbers(t *testing.T) {
	_, served := serve(t)
	call := func(operation, body string) (int, string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "GraniteServiceVersion20100801."+operation)
		w := httptest.NewRecorder()
		served.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	status, answer := call("PutMetricData", `{"Namespace":"n","MetricData":[{"MetricName":"m","Value":1.5,"Timestamp":1767355200.5}]}`)
	require.Equal(t, 200, status, answer)
	status, answer = call("GetMetricData", `{"StartTime":1767355200,"EndTime":1767355260,"MetricDataQueries":[{"Id":"a","MetricStat":{"Metric":{"Namespace":"n","MetricName":"m"},"Period":60,"Stat":"Sum"}}]}`)
	require.Equal(t, 200, status, answer)
	require.JSONEq(t, `{"Messages":[],"MetricDataResults":[{"Id":"a","Label":"m","StatusCode":"Complete","Timestamps":[1767355200],"Values":[1.5]}],"ResultMetadata":{}}`, answer)
	status, answer = call("PutMetricAlarm", `{"AlarmName":"a"}`)
	require.Equal(t, 400, status)
	require.Contains(t, answer, "InvalidParameterValueException")
	status, answer = call("DescribeAlarms", ``)
	require.Equal(t, 200, status, answer)
}
