package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/config"
	"cellular/internal/model/manifest"
	"cellular/internal/testkit/pulumitest"
	"cellular/router"
)

const (
	apiType         = "aws:apigatewayv2/api:Api"
	authorizerType  = "aws:apigatewayv2/authorizer:Authorizer"
	functionType    = "aws:lambda/function:Function"
	integrationType = "aws:apigatewayv2/integration:Integration"
	logGroupType    = "aws:cloudwatch/logGroup:LogGroup"
	parameterType   = "aws:ssm/parameter:Parameter"
	permissionType  = "aws:lambda/permission:Permission"
	policyType      = "aws:iam/rolePolicy:RolePolicy"
	roleType        = "aws:iam/role:Role"
	routeType       = "aws:apigatewayv2/route:Route"
	stageType       = "aws:apigatewayv2/stage:Stage"

	alarmTopic = "arn:aws-us-gov:sns:us-gov-west-1:210987654321:prod-global-alarms"
	mappingARN = "arn:aws-us-gov:dynamodb:us-gov-west-1:210987654321:table/prod-global-tenant-cell-mapping"
)

func valid() *router.Args {
	return &router.Args{
		Stack:            "prod",
		MappingTableName: pulumi.String("prod-global-tenant-cell-mapping"),
		MappingTableARN:  pulumi.String(mappingARN),
		AlarmTopicARN:    pulumi.String(alarmTopic), ControlPlaneHealth: pulumi.String("prod-health-control-plane"),
		Code: "/built/router.zip",
		Settings: router.Settings{
			Auth:    router.Auth{Type: router.AuthIAM},
			SoftTTL: 30 * time.Second, HardTTL: time.Hour, NegativeTTL: 5 * time.Second, CacheSize: 10_000,
			RefreshTimeout: 500 * time.Millisecond, CellTimeout: 3 * time.Second, CounterTimeout: 50 * time.Millisecond, MinCellTimeout: 250 * time.Millisecond, MaxPayloadBytes: 393_216,
			Memory: 512, Timeout: 10 * time.Second, Throttle: router.Throttle{Rate: 100, Burst: 200},
			TenantLimit: router.TenantLimit{Rate: 50, Burst: 60}, CellLimit: router.CellLimit{InFlight: 16, Rate: 70, Burst: 80},
			Breaker: router.Breaker{Failures: 3, OpenFor: 5 * time.Second, Probes: 1},
		},
		DataTTL:      840 * time.Hour,
		Alarms:       config.Default().Alarms,
		Architecture: "arm64", LogLevel: "info", LogRetentionDays: 30, Tracing: true,
	}
}

func program(args *router.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, "aws")
		if err != nil {
			return err
		}
		_, err = router.New(ctx, "router", args, pulumi.Providers(provider))
		return err
	}
}

func run(t *testing.T, changes ...func(*router.Args)) *pulumitest.Recorder {
	t.Helper()
	args := valid()
	for _, change := range changes {
		change(args)
	}
	return pulumitest.Run(t, program(args))
}

func jwt(a *router.Args) {
	a.Settings.Auth = router.Auth{Type: router.AuthJWT, Issuer: "https://id.example.com", Audience: []string{"events"}, TenantClaim: "tid"}
}

func TestEveryChildIsUnderTheComponentAndItsProvider(t *testing.T) {
	r := run(t, jwt)
	r.AssertAllDescendFrom(t, r.Only(t, router.TypeToken))
	r.AssertNoDefaultProvider(t)
	r.AssertNoDuplicateURN(t)
}

func TestTheFunctionLearnsAllItNeedsFromItsEnvironment(t *testing.T) {
	function := run(t).Only(t, functionType)
	require.Equal(t, "prod-global-edge-router", function.Str(t, "name"))
	require.Equal(t, map[string]any{
		"MAPPING_TABLE": "prod-global-tenant-cell-mapping", "DATA_TABLE_PREFIX": "prod-app-data-cell-", "RESULTS_TABLE_PREFIX": "prod-app-results-cell-",
		"COUNTERS_TABLE_PREFIX": "prod-rate-counters-cell-",
		"CACHE_SIZE":            "10000", "CACHE_SOFT_TTL": "30s", "CACHE_HARD_TTL": "1h0m0s", "CACHE_NEGATIVE_TTL": "5s",
		"REFRESH_TIMEOUT": "500ms", "CELL_TIMEOUT": "3s", "COUNTER_TIMEOUT": "50ms", "MIN_CELL_TIMEOUT": "250ms", "DATA_TTL": "840h0m0s", "MAX_PAYLOAD_BYTES": "393216",
		"AUTH_TYPE": "iam", "METRICS_NAMESPACE": "Cellular/prod", "LOG_LEVEL": "info", "TENANT_RATE": "50", "TENANT_BURST": "60",
		"CELL_IN_FLIGHT": "16", "CELL_RATE": "70", "CELL_BURST": "80", "BREAKER_FAILURES": "3", "BREAKER_OPEN_FOR": "5s", "BREAKER_PROBES": "1",
	}, function.Value(t, "environment.variables"))
	require.Equal(t, "provided.al2023", function.Str(t, "runtime"))
	require.Equal(t, []any{"arm64"}, function.Value(t, "architectures"))
	require.EqualValues(t, 512, function.Value(t, "memorySize"))
	require.EqualValues(t, 10, function.Value(t, "timeout"))
	require.Equal(t, "Active", function.Value(t, "tracingConfig.mode"))
	require.False(t, function.Has("reservedConcurrentExecutions"))
	require.False(t, function.Has("sourceCodeHash"))
	code, ok := function.Input("code")
	require.True(t, ok)
	require.Equal(t, "/built/router.zip", code.ArchiveValue().Path)

	withTokens := run(t, jwt).Only(t, functionType)
	require.Equal(t, "jwt", withTokens.Value(t, "environment.variables.AUTH_TYPE"))
	require.Equal(t, "tid", withTokens.Value(t, "environment.variables.TENANT_CLAIM"))
	require.EqualValues(t, 7, run(t, func(a *router.Args) { a.Settings.ReservedConcurrency = 7 }).Only(t, functionType).Value(t, "reservedConcurrentExecutions"))
}

func TestTheFunctionWaitsForItsLogGroupAndItsRights(t *testing.T) {
	r := run(t)
	function := r.Only(t, functionType)
	logs := r.WithInput(t, logGroupType, "name", "/aws/lambda/prod-global-edge-router")
	require.EqualValues(t, 30, logs.Value(t, "retentionInDays"))
	require.True(t, function.DependsOn(logs))
	require.True(t, function.DependsOn(r.Only(t, policyType)))
	require.Equal(t, map[string]any{
		"logGroup": "/aws/lambda/prod-global-edge-router", "logFormat": "JSON", "applicationLogLevel": "INFO", "systemLogLevel": "WARN",
	}, function.Value(t, "loggingConfig"))
	for level, filter := range map[string]string{"debug": "DEBUG", "warn": "INFO", "error": "INFO"} {
		function := run(t, func(a *router.Args) { a.LogLevel = level }).Only(t, functionType)
		require.Equal(t, level, function.Str(t, "environment.variables.LOG_LEVEL"))
		require.Equal(t, filter, function.Str(t, "loggingConfig.applicationLogLevel"), "Lambda drops no line that has metrics alone")
	}
	require.Equal(t, "arn:aws-us-gov:iam::210987654321:role/prod-edge-cell-router-role", function.Str(t, "role"))
}

type document struct {
	Statement []struct {
		Sid              string
		Action, Resource any
	}
}

func TestI2TheRoleMayReadTheMappingAndNothingOfACell(t *testing.T) {
	r := run(t)
	var policy document
	r.Only(t, policyType).JSON(t, "policy", &policy)
	logs := "arn:aws-us-gov:logs:us-gov-west-1:210987654321:log-group:/aws/lambda/prod-global-edge-router:*"
	got := map[string][]any{}
	for _, s := range policy.Statement {
		got[s.Sid] = []any{s.Action, s.Resource}
	}
	require.Equal(t, map[string][]any{
		"ReadMapping": {"dynamodb:GetItem", mappingARN},
		"WriteLogs":   {[]any{"logs:CreateLogStream", "logs:PutLogEvents"}, logs},
		"WriteTraces": {[]any{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, "*"},
	}, got)
	require.Equal(t, "prod-edge-cell-router-role", r.Only(t, policyType).Str(t, "role"))

	untraced := run(t, func(a *router.Args) { a.Tracing = false })
	require.NotContains(t, untraced.Only(t, policyType).Str(t, "policy"), `"*"`)
	require.Equal(t, "PassThrough", untraced.Only(t, functionType).Value(t, "tracingConfig.mode"))
	require.Contains(t, untraced.Only(t, roleType).Str(t, "assumeRolePolicy"), `"Service":"lambda.amazonaws.com"`)
}

func TestRequestsReachTheFunction(t *testing.T) {
	r := run(t)
	api, function, integration := r.Only(t, apiType), r.Only(t, functionType), r.Only(t, integrationType)
	require.Equal(t, "prod-global-edge-router", api.Str(t, "name"))
	require.Equal(t, "HTTP", api.Str(t, "protocolType"))
	require.False(t, api.Has("corsConfiguration"))
	require.False(t, api.Has("disableExecuteApiEndpoint"))

	require.Equal(t, "AWS_PROXY", integration.Str(t, "integrationType"))
	require.Equal(t, "2.0", integration.Str(t, "payloadFormatVersion"))
	require.EqualValues(t, 11_000, integration.Value(t, "timeoutMilliseconds"), "the function gives up first")
	require.Contains(t, integration.Str(t, "integrationUri"), ":function:prod-global-edge-router/invocations")
	require.True(t, integration.DependsOn(function))

	var keys []string
	for _, route := range r.OfType(routeType) {
		keys = append(keys, route.Str(t, "routeKey"))
		require.True(t, strings.HasPrefix(route.Str(t, "target"), "integrations/"))
		require.Greater(t, len(route.Str(t, "target")), len("integrations/"))
		require.True(t, route.DependsOn(integration))
	}
	require.ElementsMatch(t, []string{"POST /v1/events", "GET /v1/events/{id}", "POST /v1/probes", "GET /v1/probes/{id}"}, keys)

	permission := r.Only(t, permissionType)
	require.Equal(t, "apigateway.amazonaws.com", permission.Str(t, "principal"))
	require.Equal(t, "lambda:InvokeFunction", permission.Str(t, "action"))
	require.Equal(t, "prod-global-edge-router", permission.Str(t, "function"))
	require.Regexp(t, `^arn:aws-us-gov:execute-api:us-gov-west-1:210987654321:[0-9a-f]{10}/\*$`, permission.Str(t, "sourceArn"), "this API alone may call")
	require.True(t, permission.DependsOn(api))
}

func TestTheStageThrottlesAndLogsWithoutTenantsData(t *testing.T) {
	r := run(t)
	stage := r.Only(t, stageType)
	require.Equal(t, "$default", stage.Str(t, "name"))
	require.Equal(t, true, stage.Value(t, "autoDeploy"))
	require.EqualValues(t, 100, stage.Value(t, "defaultRouteSettings.throttlingRateLimit"))
	require.EqualValues(t, 200, stage.Value(t, "defaultRouteSettings.throttlingBurstLimit"))

	require.Equal(t, "arn:aws-us-gov:logs:us-gov-west-1:210987654321:log-group:/aws/vendedlogs/prod-global-edge-router", stage.Str(t, "accessLogSettings.destinationArn"))
	var line map[string]string
	stage.JSON(t, "accessLogSettings.format", &line)
	require.Equal(t, "$context.status", line["status"])
	for _, variable := range line {
		require.NotRegexp(t, `(?i)header|querystring|authorizer|\.path\b|body`, variable)
	}
	for _, group := range r.OfType(logGroupType) {
		require.EqualValues(t, 30, group.Value(t, "retentionInDays"))
	}
}

func TestRoutesAskForTheConfiguredAuthorization(t *testing.T) {
	for kind, want := range map[router.AuthType]string{router.AuthIAM: "AWS_IAM", router.AuthNone: "NONE"} {
		r := run(t, func(a *router.Args) { a.Settings.Auth.Type = kind })
		require.Empty(t, r.OfType(authorizerType))
		for _, name := range tenantRoutes {
			route := r.Named(t, routeType, name)
			require.Equal(t, want, route.Str(t, "authorizationType"))
			require.False(t, route.Has("authorizerId"))
		}
	}

	r := run(t, jwt)
	authorizer := r.Only(t, authorizerType)
	require.Equal(t, "JWT", authorizer.Str(t, "authorizerType"))
	require.Equal(t, map[string]any{"issuer": "https://id.example.com", "audiences": []any{"events"}}, authorizer.Value(t, "jwtConfiguration"))
	require.Equal(t, []any{"$request.header.Authorization"}, authorizer.Value(t, "identitySources"))
	for _, name := range tenantRoutes {
		route := r.Named(t, routeType, name)
		require.Equal(t, "JWT", route.Str(t, "authorizationType"))
		require.NotEmpty(t, route.Str(t, "authorizerId"))
		require.True(t, route.DependsOn(authorizer))
	}
}

var (
	tenantRoutes = []string{"router-post-event", "router-get-event"}
	probeRoutes  = []string{"router-post-probe", "router-get-probe"}
)

func TestProbeRoutes_AskForAPrincipalWhateverTenantsShow(t *testing.T) {
	for _, auth := range []func(*router.Args){
		func(a *router.Args) { a.Settings.Auth.Type = router.AuthIAM },
		func(a *router.Args) { a.Settings.Auth.Type, a.Protect = router.AuthNone, false },
		jwt,
	} {
		r := run(t, auth)
		require.Len(t, r.OfType(routeType), len(tenantRoutes)+len(probeRoutes))
		for _, name := range probeRoutes {
			route := r.Named(t, routeType, name)
			require.Equal(t, "AWS_IAM", route.Str(t, "authorizationType"))
			require.False(t, route.Has("authorizerId"))
		}
	}
}

// What a role may call to probe cells is each of the routes for that, and none besides.
func TestProbeRoutes_AreWhatTheRightToProbeIsFor(t *testing.T) {
	const api = "arn:aws:execute-api:eu-west-1:123456789012:abc123"
	want := []string{}
	r := run(t)
	for _, name := range probeRoutes {
		path := strings.ReplaceAll(r.Named(t, routeType, name).Str(t, "routeKey"), " ", "")
		want = append(want, api+"/"+r.Only(t, stageType).Str(t, "name")+"/"+strings.ReplaceAll(path, "{id}", "*"))
	}
	require.Equal(t, want, router.ProbeRoutes(api))
}

func TestWhatCanBeTaggedCarriesTheLayer(t *testing.T) {
	r := run(t)
	for _, kind := range []string{apiType, functionType, logGroupType, parameterType, roleType, stageType} {
		for _, res := range r.OfType(kind) {
			require.Equal(t, map[string]any{"Layer": "Edge"}, res.Value(t, "tags"), res)
		}
	}
}

func TestTheOutputsAreWhatOthersNeed(t *testing.T) {
	var url, role, api string
	pulumitest.Run(t, func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, "aws")
		if err != nil {
			return err
		}
		c, err := router.New(ctx, "router", valid(), pulumi.Providers(provider))
		if err != nil {
			return err
		}
		// Run returns once every output has settled.
		pulumi.All(c.URL, c.RoleARN, c.ExecutionARN).ApplyT(func(values []any) error {
			url, role, api = values[0].(string), values[1].(string), values[2].(string)
			return nil
		})
		return nil
	})
	require.Regexp(t, `^https://[0-9a-f]{10}\.execute-api\.us-gov-west-1\.amazonaws\.com$`, url)
	require.Equal(t, "arn:aws-us-gov:iam::210987654321:role/prod-edge-cell-router-role", role)
	require.Regexp(t, `^arn:aws-us-gov:execute-api:us-gov-west-1:210987654321:[0-9a-f]{10}$`, api)
}

func TestTheRouterPublishesHowItIsReachedAndHowLongItRemembers(t *testing.T) {
	r := run(t, jwt)
	p := r.Only(t, parameterType)
	require.Equal(t, "/cellular/prod/router", p.Str(t, "name"))
	require.Equal(t, "String", p.Str(t, "type"))
	got, err := manifest.ParseRouter(p.Str(t, "value"))
	require.NoError(t, err)
	require.Regexp(t, `^https://[0-9a-f]{10}\.execute-api\.us-gov-west-1\.amazonaws\.com$`, got.URL)
	require.Equal(t, "arn:aws-us-gov:execute-api:us-gov-west-1:210987654321:"+got.URL[len("https://"):len("https://")+10], got.ExecutionARN)
	got.URL, got.ExecutionARN = "", ""
	require.Equal(t, manifest.Router{
		Function: "prod-global-edge-router", Role: "arn:aws-us-gov:iam::210987654321:role/prod-edge-cell-router-role", Auth: "jwt",
		SoftTTL: manifest.Duration(30 * time.Second), HardTTL: manifest.Duration(time.Hour),
		RefreshTimeout: manifest.Duration(500 * time.Millisecond), CellTimeout: manifest.Duration(3 * time.Second),
		ThrottleRate: 100,
	}, got)
	require.True(t, p.DependsOn(r.Only(t, functionType)), "nothing reads of a router that is not there")
}

func TestAPreviewOfANewStackWorks(t *testing.T) {
	r := pulumitest.Run(t, program(valid()), pulumitest.DryRun())
	require.True(t, r.Only(t, policyType).Unknown("policy"))
	require.True(t, r.Only(t, integrationType).Unknown("integrationUri"))
	require.True(t, r.Only(t, parameterType).Unknown("value"))
}

func TestWrongArgsRegisterNothing(t *testing.T) {
	for want, change := range map[string]func(*router.Args){
		`deployment: is "", want letters`:                               func(a *router.Args) { a.Stack = "" },
		"MappingTableName, MappingTableARN: one is nil":                 func(a *router.Args) { a.MappingTableARN = nil },
		`the argument Code is "", want the path of a zip file`:          func(a *router.Args) { a.Code = "" },
		`functions.architecture: is "", want one of`:                    func(a *router.Args) { a.Architecture = "" },
		`functions.logLevel: is "", want one of`:                        func(a *router.Args) { a.LogLevel = "" },
		"functions.logRetentionDays: is 8, want one of 1, 3":            func(a *router.Args) { a.LogRetentionDays = 8 },
		"router.softTTL: is 1h, want less than the hardTTL of 1h":       func(a *router.Args) { a.Settings.SoftTTL = time.Hour },
		"router.negativeTTL: is 0s, want a duration from 100ms to 5m":   func(a *router.Args) { a.Settings.NegativeTTL = 0 },
		"router.timeout: is 29s, want a duration in whole seconds from": func(a *router.Args) { a.Settings.Timeout = 29 * time.Second },
		"router.timeout: is 3s, want more than refreshTimeout and":      func(a *router.Args) { a.Settings.Timeout = 3 * time.Second },
		"router.tenantLimit.rate: is 0, want a whole number from 1":     func(a *router.Args) { a.Settings.TenantLimit.Rate = 0 },
		"router.breaker.openFor: is 0s, want a duration from 100ms":     func(a *router.Args) { a.Settings.Breaker.OpenFor = 0 },
		`router.auth.type: is "", want one of iam, jwt, none`:           func(a *router.Args) { a.Settings.Auth.Type = "" },
		"router.auth.issuer: is not set, want a value":                  func(a *router.Args) { a.Settings.Auth.Type = router.AuthJWT },
		"router.auth.issuer: is set, want none":                         func(a *router.Args) { a.Settings.Auth.Issuer = "https://x" },
		"router.auth.type: is none while protect is true":               func(a *router.Args) { a.Settings.Auth.Type, a.Protect = router.AuthNone, true },
		"IAM role name": func(a *router.Args) { a.Stack = "a-stack-with-a-name-that-is-much-too-long-for-a-role" },
	} {
		args := valid()
		change(args)
		r, err := pulumitest.RunErr(program(args))
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "router router: ")
		require.Empty(t, r.OfType(router.TypeToken))
		require.Empty(t, r.OfType(roleType))
	}
	_, err := pulumitest.RunErr(program(nil))
	require.ErrorContains(t, err, "router router: no arguments")
	require.ErrorContains(t, (&router.Args{}).Validate(), "the argument Code is \"\", want the path of a zip file\ndeployment: is")
}
