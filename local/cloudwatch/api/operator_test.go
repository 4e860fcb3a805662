package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/naming"
	"cellular/internal/operator/alarm"
	"cellular/local/cloudwatch"
)

// What cellctl reads of alarms it reads here as on AWS: more than a page of them, states, reasons, and what suppresses them.
func TestTheOperatorsReaderReadsTheLocalAlarms(t *testing.T) {
	client, served := serve(t)
	ctx, stack := t.Context(), naming.Stack("dev")
	put := func(health, suppressor string, names []string) {
		var rule []string
		for _, name := range names {
			rule = append(rule, fmt.Sprintf("ALARM(%q)", name))
			_, err := client.PutMetricAlarm(ctx, &awscloudwatch.PutMetricAlarmInput{
				AlarmName: &name, Namespace: aws.String("Cellular/dev"), MetricName: &name, Statistic: types.StatisticMaximum, Period: aws.Int32(10), EvaluationPeriods: aws.Int32(1),
				Threshold: aws.Float64(0), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching"),
				AlarmDescription: aws.String("It has events in its DLQ. Runbook: docs/operations.md#4-poison"),
			})
			require.NoError(t, err)
		}
		in := &awscloudwatch.PutCompositeAlarmInput{AlarmName: &health, AlarmRule: aws.String(strings.Join(rule, " OR ")), AlarmActions: []string{"arn:aws:sns:eu-west-1:123456789012:t"}}
		if suppressor != "" {
			in.ActionsSuppressor, in.ActionsSuppressorWaitPeriod, in.ActionsSuppressorExtensionPeriod = &suppressor, aws.Int32(10), aws.Int32(20)
		}
		_, err := client.PutCompositeAlarm(ctx, in)
		require.NoError(t, err)
	}
	put(stack.RouterHealth(), "", []string{stack.RouterAlarm(naming.AlarmFailures)})
	for i := range 10 {
		cell := stack.Cell(fmt.Sprintf("c%d", i))
		var names []string
		for _, part := range naming.CellAlarms() {
			names = append(names, cell.Alarm(part))
		}
		put(cell.Health(), stack.RouterHealth(), names)
	}
	fires := stack.Cell("c3").Alarm(naming.AlarmConsumerDLQ)
	for _, name := range []string{fires, stack.RouterAlarm(naming.AlarmFailures)} {
		served.Metrics.Put(cloudwatch.NewMetric("Cellular/dev", name), "", noon, 3)
	}
	served.Alarms.Evaluate(noon.Add(10 * time.Second))

	r, c3 := alarm.NewReader(client, stack), alarm.Cell("c3")
	all, err := r.All(ctx)
	require.NoError(t, err)
	require.Len(t, all, 2+10*(1+len(naming.CellAlarms())))
	current, err := r.Current(ctx, alarm.Firing)
	require.NoError(t, err)
	require.Len(t, current, 11+2)
	require.Equal(t, []string{naming.AlarmConsumerDLQ}, alarm.FiringParts(current)[c3])
	require.Equal(t, []string{naming.AlarmFailures}, alarm.FiringParts(current)[alarm.Router])
	require.Equal(t, []string{}, alarm.FiringParts(current)[alarm.Cell("c4")])
	of, err := r.Of(ctx, c3)
	require.NoError(t, err)
	require.Len(t, of, 1+len(naming.CellAlarms()))
	health := of[0]
	require.True(t, health.ActionsOn)
	require.Equal(t, alarm.Firing, health.State)
	require.Equal(t, stack.RouterHealth(), health.Suppressor)
	require.Equal(t, stack.RouterHealth(), health.SuppressedBy)
	require.Len(t, health.Children, len(naming.CellAlarms()))
	for _, a := range of {
		if a.Name == fires {
			require.Equal(t, noon.Add(10*time.Second), a.Since.UTC())
			require.Equal(t, "docs/operations.md#4-poison", a.Runbook)
			t.Log(a.Reason)
		}
	}
}
