package cell_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cell"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
)

func distinctAlarms(a *cell.Args) {
	a.Alarms, a.Probe.Enabled, a.Probe.Interval = configtest.DistinctAlarms(), true, 3*time.Minute
}

func TestAlarms_WatchEachPartOfTheCell(t *testing.T) {
	const (
		visible  = "Maximum of AWS/SQS ApproximateNumberOfMessagesVisible QueueName=test-processing-queue-"
		producer = " FunctionName=test-producer-cell-alpha"
		consumer = " FunctionName=test-consumer-cell-alpha"
		own      = " of Cellular/test "
	)
	want := map[string]string{
		"stream-dlq":       visible + "stream-dlq-cell-alpha > 100 in 1 of 2 of 120s, missing notBreaching",
		"subscription-dlq": visible + "sub-dlq-cell-alpha > 101 in 2 of 3 of 120s, missing breaching",
		"consumer-dlq":     visible + "dlq-cell-alpha > 102 in 3 of 4 of 120s, missing ignore",
		// seconds
		"oldest-message": "Maximum of AWS/SQS ApproximateAgeOfOldestMessage QueueName=test-processing-queue-cell-alpha > 103 in 4 of 5 of 120s, missing missing",
		// milliseconds
		"iterator-age": "Maximum of AWS/Lambda IteratorAge" + producer + " > 104000 in 5 of 6 of 120s, missing notBreaching",
		"dropped-events": "Sum of AWS/Lambda DroppedEventCount EventSourceMappingUUID=" + pulumitest.MappingID("cell-alpha-producer-mapping") +
			" > 105 in 6 of 7 of 120s, missing breaching",
		"producer-errors":    "Sum of AWS/Lambda Errors" + producer + " > 106 in 7 of 8 of 120s, missing ignore",
		"consumer-errors":    "Sum of AWS/Lambda Errors" + consumer + " > 107 in 8 of 9 of 120s, missing missing",
		"producer-throttles": "Sum of AWS/Lambda Throttles" + producer + " > 108 in 9 of 10 of 120s, missing notBreaching",
		"consumer-throttles": "Sum of AWS/Lambda Throttles" + consumer + " > 109 in 10 of 11 of 120s, missing breaching",
		"accepted-to-applied": "m = p99" + own + "accepted_to_applied_ms cell=alpha; samples = SampleCount" + own + "accepted_to_applied_ms cell=alpha; " +
			"sampled = IF(samples >= 210, m, 0) > 110000 in 11 of 12 of 120s, missing ignore",
		"edge-failures": "other0 = Sum" + own + "requests_2xx cell=alpha; other1 = Sum" + own + "requests_4xx cell=alpha; part = Sum" + own + "requests_5xx cell=alpha; " +
			"whole = SUM([other0, other1, part]); share = IF(whole >= 211, FILL(part, 0) / whole, 0)" +
			" > 0.12 in 12 of 13 of 120s, missing missing",
		"breaker-opens": "Sum" + own + "breaker_opens cell=alpha > 112 in 13 of 14 of 120s, missing notBreaching",
		"pipeline":      "Maximum" + own + "probe_ok cell=alpha < 1 in 24 of 25 of 180s, missing missing",
	}
	r := deploy(t, []string{"alpha"}, distinctAlarms)
	got := map[string]string{}
	for _, a := range r.OfType(alarmType) {
		name, ok := naming.Stack(pulumitest.Stack).ParseAlarm(a.Str(t, "name"))
		require.True(t, ok, a)
		require.Equal(t, naming.Alarm{Owner: naming.OwnerCell, Cell: "alpha", Part: strings.TrimPrefix(a.Name, "cell-alpha-alarm-")}, name)
		require.True(t, strings.HasPrefix(a.Str(t, "alarmDescription"), "Cell alpha "), a)
		require.False(t, a.Has("alarmActions") || a.Has("okActions") || a.Has("insufficientDataActions"), "%s pages", a)
		got[name.Part] = a.AlarmText(t)
	}
	require.Equal(t, want, got)
	for _, part := range naming.CellAlarms() {
		require.Contains(t, got, part)
	}
}

func TestCompositeAlarm_IsTheCellsHealthAndTellsTheTopic(t *testing.T) {
	r := deploy(t, []string{"alpha"}, distinctAlarms)
	health := r.Only(t, compositeType)
	require.Equal(t, "cell-alpha-health", health.Name)
	require.Equal(t, "test-health-cell-alpha", health.Str(t, "alarmName"))
	for _, key := range []string{"alarmActions", "okActions"} {
		require.Equal(t, []any{alarmTopic}, health.Value(t, key), key)
	}
	require.Equal(t, map[string]any{"alarm": "test-health-router", "waitPeriod": 120.0, "extensionPeriod": 240.0}, health.Value(t, "actionsSuppressor"))
	alarms := r.OfType(alarmType)
	terms := strings.Split(health.Str(t, "alarmRule"), " OR ")
	require.Len(t, terms, len(alarms))
	for _, a := range alarms {
		require.Contains(t, terms, `ALARM("`+a.Str(t, "name")+`")`)
		require.True(t, health.DependsOn(a), "CloudWatch refuses a rule that names an alarm that is not there: %s", a)
	}
}

func TestAlarms_HaveNoneOfAProbeThatThereIsNot(t *testing.T) {
	with := deploy(t, []string{"alpha"}, distinctAlarms)
	without := deploy(t, []string{"alpha"}, func(a *cell.Args) {
		distinctAlarms(a)
		a.Probe.Enabled = false
	})
	require.Len(t, without.OfType(alarmType), len(with.OfType(alarmType))-1)
	require.NotContains(t, without.Only(t, compositeType).Str(t, "alarmRule"), naming.AlarmPipeline)
}
