package controlplane_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/controlplane"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
)

const (
	alarmType     = "aws:cloudwatch/metricAlarm:MetricAlarm"
	compositeType = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
	told          = "arn:aws-us-gov:sns:us-gov-west-1:210987654321:prod-global-alarms"
)

func deployAlarms(t *testing.T) *pulumitest.Recorder {
	t.Helper()
	args := valid("prod", true)
	args.Alarms = configtest.DistinctAlarms()
	return pulumitest.Run(t, func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, "aws")
		if err != nil {
			return err
		}
		_, err = controlplane.NewAlarms(ctx, "control", args, pulumi.String(told), pulumi.Providers(provider))
		return err
	})
}

func TestAlarms_WatchTheMappingTableFromBothSides(t *testing.T) {
	const (
		reads = " Operation=GetItem TableName=prod-global-tenant-cell-mapping; filled = FILL(m, 0)"
		own   = " = Sum of Cellular/prod "
	)
	want := map[string]string{
		"mapping-throttles": "m = Sum of AWS/DynamoDB ThrottledRequests" + reads + " > 117 in 18 of 19 of 120s, missing breaching",
		"mapping-errors":    "m = Sum of AWS/DynamoDB SystemErrors" + reads + " > 118 in 19 of 20 of 120s, missing ignore",
		"stale-answers": "other0" + own + "requests_2xx; other1" + own + "requests_4xx; other2" + own + "requests_5xx; part" + own + "stale_answers; " +
			"whole = SUM([other0, other1, other2]); share = IF(whole >= 219, FILL(part, 0) / whole, 0) > 0.2 in 20 of 21 of 120s, missing missing",
		"refresh-failures": "other0" + own + "cache_misses; part" + own + "refresh_failures; " +
			"whole = SUM([other0, part]); share = IF(whole >= 220, FILL(part, 0) / whole, 0) > 0.21 in 21 of 22 of 120s, missing notBreaching",
	}
	r := deployAlarms(t)
	r.AssertAllDescendFrom(t, r.Only(t, controlplane.AlarmsType))
	r.AssertNoDefaultProvider(t)
	got := map[string]string{}
	for _, a := range r.OfType(alarmType) {
		name, ok := naming.Stack("prod").ParseAlarm(a.Str(t, "name"))
		require.True(t, ok, a)
		require.Equal(t, naming.Alarm{Owner: naming.OwnerControlPlane, Part: strings.TrimPrefix(a.Name, "control-alarm-")}, name)
		require.Equal(t, map[string]any{"Layer": "ControlPlane"}, a.Value(t, "tags"))
		require.False(t, a.Has("alarmActions") || a.Has("okActions") || a.Has("insufficientDataActions"), "%s pages", a)
		got[name.Part] = a.AlarmText(t)
	}
	require.Equal(t, want, got)
	for _, part := range naming.ControlPlaneAlarms() {
		require.Contains(t, got, part)
	}
}

func TestCompositeAlarm_IsTheControlPlanesHealthAndNothingSuppressesIt(t *testing.T) {
	r := deployAlarms(t)
	health := r.Only(t, compositeType)
	require.Equal(t, "prod-health-control-plane", health.Str(t, "alarmName"))
	for _, key := range []string{"alarmActions", "okActions"} {
		require.Equal(t, []any{told}, health.Value(t, key), key)
	}
	require.False(t, health.Has("actionsSuppressor"))
	terms := strings.Split(health.Str(t, "alarmRule"), " OR ")
	require.Len(t, terms, len(naming.ControlPlaneAlarms()))
	for _, a := range r.OfType(alarmType) {
		require.Contains(t, terms, `ALARM("`+a.Str(t, "name")+`")`)
		require.True(t, health.DependsOn(a), a)
	}
}
