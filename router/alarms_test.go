package router_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/naming"
	"cellular/internal/testkit/configtest"
	"cellular/router"
)

const (
	alarmType     = "aws:cloudwatch/metricAlarm:MetricAlarm"
	compositeType = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
)

func distinctAlarms(a *router.Args) { a.Alarms = configtest.DistinctAlarms() }

func TestAlarms_WatchTheRouterAndNoCell(t *testing.T) {
	r := run(t, distinctAlarms)
	const (
		function = " FunctionName=prod-global-edge-router"
		own      = " = Sum of Cellular/prod "
	)
	apiID := r.Named(t, stageType, "router-stage").Str(t, "apiId")
	want := map[string]string{
		"failures": "other0" + own + "requests_2xx; other1" + own + "requests_4xx; other2" + own + "requests_5xx; part" + own + "requests_5xx_unrouted; " +
			"whole = SUM([other0, other1, other2]); share = IF(whole >= 213, FILL(part, 0) / whole, 0) > 0.14 in 14 of 15 of 120s, missing breaching",
		"errors":    "Sum of AWS/Lambda Errors" + function + " > 114 in 15 of 16 of 120s, missing ignore",
		"throttles": "Sum of AWS/Lambda Throttles" + function + " > 115 in 16 of 17 of 120s, missing missing",
		"integration-failures": "known0" + own + "requests_5xx; known1" + own + "probe_requests_5xx; part = Sum of AWS/ApiGateway 5xx ApiId=" + apiID + "; whole = Sum of AWS/ApiGateway Count ApiId=" + apiID + "; " +
			"less = SUM([known0, known1]) * -1; rest = SUM([part, less]); share = IF(whole >= 216, rest / whole, 0) > 0.17 in 17 of 18 of 120s, missing notBreaching",
	}
	got := map[string]string{}
	for _, a := range r.OfType(alarmType) {
		name, ok := naming.Stack("prod").ParseAlarm(a.Str(t, "name"))
		require.True(t, ok, a)
		require.Equal(t, naming.Alarm{Owner: naming.OwnerRouter, Part: strings.TrimPrefix(a.Name, "router-alarm-")}, name)
		require.False(t, a.Has("alarmActions") || a.Has("okActions") || a.Has("insufficientDataActions"), "%s pages", a)
		got[name.Part] = a.AlarmText(t)
	}
	require.Equal(t, want, got)
	for _, part := range naming.RouterAlarms() {
		require.Contains(t, got, part)
	}
}

func TestCompositeAlarm_IsTheRoutersHealthAndIsSuppressedByTheControlPlanes(t *testing.T) {
	r := run(t, distinctAlarms)
	health := r.Only(t, compositeType)
	require.Equal(t, "prod-health-router", health.Str(t, "alarmName"))
	for _, key := range []string{"alarmActions", "okActions"} {
		require.Equal(t, []any{alarmTopic}, health.Value(t, key), key)
	}
	require.Equal(t, map[string]any{"alarm": "prod-health-control-plane", "waitPeriod": 120.0, "extensionPeriod": 240.0}, health.Value(t, "actionsSuppressor"))
	terms := strings.Split(health.Str(t, "alarmRule"), " OR ")
	require.Len(t, terms, len(naming.RouterAlarms()))
	for _, a := range r.OfType(alarmType) {
		require.Contains(t, terms, `ALARM("`+a.Str(t, "name")+`")`)
		require.True(t, health.DependsOn(a), a)
	}
}
