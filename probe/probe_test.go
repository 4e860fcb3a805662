package probe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/config"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
	"cellular/probe"
)

const (
	alarmType     = "aws:cloudwatch/metricAlarm:MetricAlarm"
	compositeType = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
	functionType  = "aws:lambda/function:Function"
	policyType    = "aws:iam/rolePolicy:RolePolicy"
	roleType      = "aws:iam/role:Role"
	scheduleType  = "aws:scheduler/schedule:Schedule"

	mappings = "arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/prod-global-tenant-cell-mapping"
	moves    = "arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/prod-global-tenant-moves"
	api      = "arn:aws-us-gov:execute-api:us-gov-west-1:210987654321:0123456789"
	function = "arn:aws-us-gov:lambda:us-gov-west-1:210987654321:function:prod-global-probe"
	topic    = "arn:aws-us-gov:sns:us-gov-west-1:210987654321:prod-global-alarms"
)

func valid() *probe.Args {
	c := config.Default()
	return &probe.Args{
		Stack: "prod", Protect: true,
		MappingTableARN: pulumi.String(mappings), MoveTableARN: pulumi.String(moves),
		RouterURL: pulumi.String("https://api.example.com"), RouterExecutionARN: pulumi.String(api),
		AlarmTopicARN: pulumi.String(topic), RouterHealth: pulumi.String("prod-health-router"), Code: "/built/probe.zip",
		Settings: c.Probe, Router: c.Router, Pipeline: c.Pipeline, Functions: c.Functions, Alarms: c.Alarms,
	}
}

func program(args *probe.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, "aws")
		if err != nil {
			return err
		}
		_, err = probe.New(ctx, "probe", args, pulumi.Providers(provider))
		return err
	}
}

func run(t *testing.T, changes ...func(*probe.Args)) *pulumitest.Recorder {
	t.Helper()
	args := valid()
	for _, change := range changes {
		change(args)
	}
	return pulumitest.Run(t, program(args))
}

func TestProbe_IsOneComponent(t *testing.T) {
	r := run(t)
	r.AssertAllDescendFrom(t, r.Only(t, probe.TypeToken))
	r.AssertNoDefaultProvider(t)
	r.AssertNoDuplicateURN(t)
	for _, res := range r.Resources() {
		if _, ok := res.Input("tags"); ok {
			require.Equal(t, map[string]any{"Layer": "ControlPlane"}, res.Value(t, "tags"), res)
		}
	}
}

type statement struct {
	Sid, Effect string
	Principal   map[string]string
	Action      any
	Resource    any
	Condition   map[string]map[string]string
}

func statements(t *testing.T, res *pulumitest.Resource, path string) []statement {
	t.Helper()
	var document struct {
		Version   string
		Statement []statement
	}
	res.JSON(t, path, &document)
	return document.Statement
}

// The role may enter no cell, and may write no mapping but those of probe tenants.
func TestProbe_HasTheLeastRights(t *testing.T) {
	const parameters = "arn:aws-us-gov:ssm:us-gov-west-1:210987654321:parameter/cellular/prod/cells"
	r := run(t)
	require.Equal(t, []statement{
		{Sid: "ListCells", Effect: "Allow", Action: "ssm:GetParametersByPath", Resource: []any{parameters, parameters + "/*"}},
		{
			Sid: "PlaceProbeTenants", Effect: "Allow", Action: "dynamodb:PutItem", Resource: mappings,
			Condition: map[string]map[string]string{"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "cellctl-probe.*"}},
		},
		{Sid: "FindOpenMoves", Effect: "Allow", Action: "dynamodb:Query", Resource: moves + "/index/open"},
		{Sid: "Probe", Effect: "Allow", Action: "execute-api:Invoke", Resource: []any{api + "/$default/POST/v1/probes", api + "/$default/GET/v1/probes/*"}},
		{
			Sid: "WriteLogs", Effect: "Allow", Action: []any{"logs:CreateLogStream", "logs:PutLogEvents"},
			Resource: "arn:aws-us-gov:logs:us-gov-west-1:210987654321:log-group:/aws/lambda/prod-global-probe:*",
		},
		{Sid: "WriteTraces", Effect: "Allow", Action: []any{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, Resource: "*"},
	}, statements(t, r.Named(t, policyType, "probe-policy"), "policy"))
	require.Len(t, r.OfType(policyType), 2)
}

func TestProbe_IsConfiguredByTheStack(t *testing.T) {
	r := run(t, func(a *probe.Args) {
		a.Settings.Interval, a.Settings.Patience, a.Settings.Memory = 5*time.Minute, 90*time.Second, 512
	})
	f := r.Only(t, functionType)
	require.Equal(t, "prod-global-probe", f.Str(t, "name"))
	require.Equal(t, map[string]any{
		"API_URL": "https://api.example.com", "CELL_PARAMETERS": "/cellular/prod/cells", "MAPPING_TABLE": "prod-global-tenant-cell-mapping",
		"MOVE_TABLE": "prod-global-tenant-moves", "CACHE_HARD_TTL": "1h0m0s", "PROBE_INTERVAL": "5m0s", "PROBE_PATIENCE": "1m30s",
		"METRICS_NAMESPACE": "Cellular/prod", "LOG_LEVEL": "info",
	}, f.Value(t, "environment.variables"))
	require.EqualValues(t, 300, f.Value(t, "timeout"))
	require.EqualValues(t, 512, f.Value(t, "memorySize"))
	require.True(t, f.DependsOn(r.Named(t, "aws:cloudwatch/logGroup:LogGroup", "probe-logs")))
	require.True(t, f.DependsOn(r.Named(t, policyType, "probe-policy")))
	require.Equal(t, "rate(5 minutes)", r.Only(t, scheduleType).Str(t, "scheduleExpression"))
}

// A round that failed is not run again, neither by the scheduler nor by Lambda.
func TestProbe_RunsEachRoundOnce(t *testing.T) {
	r := run(t)
	s := r.Only(t, scheduleType)
	require.Equal(t, "prod-global-probe", s.Str(t, "name"))
	require.Equal(t, "rate(1 minute)", s.Str(t, "scheduleExpression"))
	require.Equal(t, map[string]any{"mode": "OFF"}, s.Value(t, "flexibleTimeWindow"))
	require.Equal(t, map[string]any{
		"arn": function, "roleArn": "arn:aws-us-gov:iam::210987654321:role/prod-global-probe-schedule-role", "input": "{}",
		"retryPolicy": map[string]any{"maximumRetryAttempts": 0.0, "maximumEventAgeInSeconds": 60.0},
	}, s.Value(t, "target"))
	queue := r.Only(t, "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
	require.Equal(t, "prod-global-probe", queue.Str(t, "functionName"))
	require.EqualValues(t, 0, queue.Value(t, "maximumRetryAttempts"))
	require.EqualValues(t, 60, queue.Value(t, "maximumEventAgeInSeconds"))
}

func TestSchedule_MayRunTheProbeAlone(t *testing.T) {
	r := run(t)
	policy := r.Named(t, policyType, "probe-schedule-policy")
	require.Equal(t, []statement{{Sid: "RunProbe", Effect: "Allow", Action: "lambda:InvokeFunction", Resource: function}}, statements(t, policy, "policy"))
	role := r.Named(t, roleType, "probe-schedule-role")
	require.Equal(t, []statement{{
		Sid: "AdmitScheduler", Effect: "Allow", Principal: map[string]string{"Service": "scheduler.amazonaws.com"}, Action: "sts:AssumeRole",
		Condition: map[string]map[string]string{
			"ArnEquals":    {"aws:SourceArn": "arn:aws-us-gov:scheduler:us-gov-west-1:210987654321:schedule-group/default"},
			"StringEquals": {"aws:SourceAccount": "210987654321"},
		},
	}}, statements(t, role, "assumeRolePolicy"))
	require.True(t, r.Only(t, scheduleType).DependsOn(policy), "a schedule without rights would fail its first round")
}

func TestAlarms_WatchTheProbeAndNoCell(t *testing.T) {
	const own = "Maximum of Cellular/prod "
	r := run(t, func(a *probe.Args) { a.Alarms, a.Settings.Interval = configtest.DistinctAlarms(), 3*time.Minute })
	want := map[string]string{
		"silent":        own + "probe_rounds < 1 in 25 of 26 of 180s, missing notBreaching",
		"unsent":        own + "probe_unsent > 121 in 22 of 23 of 180s, missing breaching",
		"stalled-moves": own + "moves_stalled > 122 in 23 of 24 of 180s, missing ignore",
	}
	got := map[string]string{}
	for _, a := range r.OfType(alarmType) {
		name, ok := naming.Stack("prod").ParseAlarm(a.Str(t, "name"))
		require.True(t, ok, a)
		require.Equal(t, naming.Alarm{Owner: naming.OwnerProbe, Part: strings.TrimPrefix(a.Name, "probe-alarm-")}, name)
		require.False(t, a.Has("alarmActions") || a.Has("okActions") || a.Has("insufficientDataActions"), "%s pages", a)
		require.True(t, a.DependsOn(r.Only(t, scheduleType)), "an alarm of no rounds fires until something makes them")
		got[name.Part] = a.AlarmText(t)
	}
	require.Equal(t, want, got)
	for _, part := range naming.ProbeAlarms() {
		require.Contains(t, got, part)
	}
}

func TestCompositeAlarm_IsTheProbesHealthAndIsSuppressedByTheRouters(t *testing.T) {
	r := run(t, func(a *probe.Args) { a.Alarms.Period = 2 * time.Minute })
	health := r.Only(t, compositeType)
	require.Equal(t, "prod-health-probe", health.Str(t, "alarmName"))
	for _, key := range []string{"alarmActions", "okActions"} {
		require.Equal(t, []any{topic}, health.Value(t, key), key)
	}
	require.Equal(t, map[string]any{"alarm": "prod-health-router", "waitPeriod": 360.0, "extensionPeriod": 480.0}, health.Value(t, "actionsSuppressor"))
	rarely := run(t, func(a *probe.Args) { a.Settings.Interval = 15 * time.Minute }).Only(t, compositeType)
	require.EqualValues(t, (15+2)*60, rarely.Value(t, "actionsSuppressor.waitPeriod"), "the router's alarm has periods of a minute, and the first round comes in 15")
	terms := strings.Split(health.Str(t, "alarmRule"), " OR ")
	require.Len(t, terms, len(naming.ProbeAlarms()))
	for _, a := range r.OfType(alarmType) {
		require.Contains(t, terms, `ALARM("`+a.Str(t, "name")+`")`)
		require.True(t, health.DependsOn(a), a)
	}
}

func TestProbe_CanBePreviewed(t *testing.T) {
	r := pulumitest.Run(t, program(valid()), pulumitest.DryRun())
	require.Len(t, r.Resources(), len(run(t).Resources()))
}

func TestWrongArgs_RegisterNothing(t *testing.T) {
	for want, change := range map[string]func(*probe.Args){
		`deployment: is "", want letters`:                      func(a *probe.Args) { a.Stack = "" },
		"MoveTableARN: is nil":                                 func(a *probe.Args) { a.MoveTableARN = nil },
		"RouterURL: is nil":                                    func(a *probe.Args) { a.RouterURL = nil },
		`the argument Code is "", want the path of a zip file`: func(a *probe.Args) { a.Code = "" },
		"probe.interval: is 1m30s, want whole minutes":         func(a *probe.Args) { a.Settings.Interval = 90 * time.Second },
		"probe.patience: is 30s, want less than half":          func(a *probe.Args) { a.Settings.Patience = 30 * time.Second },
		"probe.patience: is 20s, want more than the router's":  func(a *probe.Args) { a.Router.CellTimeout, a.Router.Timeout = 20*time.Second, 28*time.Second },
		"alarms.probe.unsent.threshold: is -1":                 func(a *probe.Args) { a.Alarms.Probe.Unsent.Threshold = -1 },
		"alarms.period: is 10s while protect is true":          func(a *probe.Args) { a.Alarms.Period = 10 * time.Second },
		"functions.logRetentionDays: is 8, want one of 1, 3":   func(a *probe.Args) { a.Functions.LogRetentionDays = 8 },
		"IAM role name": func(a *probe.Args) { a.Stack = "a-stack-with-a-name-that-is-much-too-long-for-a-role" },
	} {
		args := valid()
		change(args)
		r, err := pulumitest.RunErr(program(args))
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "probe probe: ")
		require.Empty(t, r.OfType(probe.TypeToken))
		require.Empty(t, r.OfType(roleType))
	}
	_, err := pulumitest.RunErr(program(nil))
	require.ErrorContains(t, err, "probe probe: no arguments")
}
