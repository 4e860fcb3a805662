package stack_test

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/cell"
	"cellular/controlplane"
	"cellular/internal/model/config"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
	"cellular/probe"
	"cellular/router"
	"cellular/stack"
)

// componentArgs are what a Go program that uses the components by themselves passes for the configuration.
func componentArgs(c config.Config) (*cell.Args, *router.Args, *controlplane.Args, *probe.Args) {
	one := c.Cells[0]
	return &cell.Args{
			ID: one.ID, Wave: one.Wave, Tier: one.Tier, MaxTenants: one.MaxTenants,
			Stack: c.Deployment, Protect: c.Protect, RouterRoleARN: pulumi.String("arn"), AlarmTopicARN: pulumi.String("arn"), RouterHealth: pulumi.String("h"),
			Code: cell.Code{Producer: "p.zip", Consumer: "c.zip"}, Functions: c.Functions, Pipeline: c.Pipeline, Probe: c.Probe, Alarms: c.Alarms,
		}, &router.Args{
			Stack: c.Deployment, MappingTableName: pulumi.String("t"), MappingTableARN: pulumi.String("arn"), AlarmTopicARN: pulumi.String("arn"), ControlPlaneHealth: pulumi.String("h"), Protect: c.Protect,
			Code: "r.zip", Settings: c.Router, DataTTL: c.Pipeline.DataTTL, Architecture: c.Functions.Architecture, LogLevel: c.Functions.LogLevel,
			LogRetentionDays: c.Functions.LogRetentionDays, Tracing: c.Functions.Tracing, Alarms: c.Alarms,
		}, &controlplane.Args{Stack: c.Deployment, Protect: c.Protect, Alarms: c.Alarms}, &probe.Args{
			Stack: c.Deployment, Protect: c.Protect, MappingTableARN: pulumi.String("arn"), MoveTableARN: pulumi.String("arn"), RouterURL: pulumi.String("u"),
			RouterExecutionARN: pulumi.String("arn"), AlarmTopicARN: pulumi.String("arn"), RouterHealth: pulumi.String("h"), Code: "p.zip",
			Settings: c.Probe, Router: c.Router, Pipeline: c.Pipeline, Functions: c.Functions, Alarms: c.Alarms,
		}
}

// places are what an error is about, without the forms of a path that a list or a namespace adds.
func places(err error) []string {
	if err == nil {
		return nil
	}
	short := strings.NewReplacer("cellular:", "", "cells[0].", "")
	var all []string
	for _, path := range configtest.Paths(err) {
		path, _, _ = strings.Cut(short.Replace(path), " (cell ")
		if !strings.Contains(path, " ") { // else the line goes on with the names of one that came before
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestI6TheComponentsAcceptExactlyWhatTheConfigurationAccepts(t *testing.T) {
	var accepted, refused int
	rapid.Check(t, func(t *rapid.T) {
		c := configtest.Any().Draw(t, "config")
		parsed, err := stack.Parse("dev", configtest.Raw(c))
		cellArgs, routerArgs, controlArgs, probeArgs := componentArgs(c)
		components := errors.Join(cellArgs.Validate(), routerArgs.Validate(), controlArgs.Validate(), probeArgs.Validate())
		require.Equal(t, err == nil, components == nil, "the configuration says %v\nthe components say %v", err, components)
		require.Equal(t, places(err), places(components), "the configuration says %v\nthe components say %v", err, components)
		if err != nil {
			refused++
			return
		}
		accepted++
		if len(c.Router.Auth.Audience) == 0 {
			c.Router.Auth.Audience = nil
		}
		require.Equal(t, c, parsed, "a value was lost on its way")
	})
	require.NotZero(t, accepted)
	require.NotZero(t, refused)
}

// The bounds that once stood twice, and differed: a direct cell.New could forget an event before its last delivery.
func TestI6ACellRefusesWhatWouldForgetAnEventTooEarly(t *testing.T) {
	c := config.Default()
	c.Deployment, c.Cells = "dev", []config.Cell{{ID: "alpha", Tier: "standard", MaxTenants: 1}}
	c.Pipeline.DataTTL = c.Pipeline.Queue.Retention + c.Pipeline.Queue.DLQRetention + time.Second
	args, _, _, _ := componentArgs(c)
	require.ErrorContains(t, args.Validate(), "pipeline.dataTTL: is 432h0m1s, want more than the 774h")
	c.Pipeline = config.Default().Pipeline
	c.Pipeline.Consumer.ResultTTL = c.Pipeline.DataTTL
	args, _, _, _ = componentArgs(c)
	require.ErrorContains(t, args.Validate(), "pipeline.consumer.resultTTL: is 840h, want more than the dataTTL of 840h")

	c.Pipeline = config.Default().Pipeline
	c.Pipeline.Queue.Retention = 41 * time.Minute // 5 receives of 180 s and 5 min each take 40 min
	args, _, _, _ = componentArgs(c)
	require.NoError(t, args.Validate())
	c.Pipeline.Queue.Retention = 40 * time.Minute
	args, _, _, _ = componentArgs(c)
	require.ErrorContains(t, args.Validate(), "pipeline.queue.retention: is 40m, want more than the 40m")
}

// Only the claim's name can be of any length; config measures it. The rest must fit whatever the names are.
func TestTheEnvironmentOfEveryFunctionFits(t *testing.T) {
	long := strings.Repeat("d", 24) // with a cell's id of 20 characters, as long as IAM takes the roles' names
	claim := strings.Repeat("c", 3000)
	r := deploy(t, named("abcdefghijklmnopqrst"), "cellular:deployment", long, "cellular:router",
		`{"auth":{"type":"jwt","issuer":"https://id.example.com","audience":["a"],"tenantClaim":"`+claim+`"}}`)
	_, err := stack.Parse(long+"d", configtest.Minimal("cellular:cells", `[{"id":"abcdefghijklmnopqrst"}]`))
	require.ErrorContains(t, err, "AWS allows 64", "the name is not the longest")
	requireFits(t, r)
	all := r.OfType("aws:lambda/function:Function")
	require.Len(t, all, 4)
	for _, function := range all {
		variables := map[string]string{}
		for name, value := range function.Value(t, "environment.variables").(map[string]any) {
			variables[name] = value.(string)
		}
		size := config.EnvironmentSize(variables)
		if function.Name == "router-function" {
			c, err := stack.Parse("dev", configtest.Minimal("cellular:deployment", long, "cellular:router",
				`{"auth":{"type":"jwt","issuer":"https://id.example.com","audience":["a"],"tenantClaim":"`+claim+`"}}`))
			require.NoError(t, err)
			require.Equal(t, config.EnvironmentSize(c.RouterEnvironment()), size, "config measures another environment than is deployed")
			continue
		}
		require.Less(t, size, 2048, "%s: half of what Lambda takes is left for what comes", function.Name)
	}
}

// requireFits checks the texts that the program makes of names against what AWS takes. None of these quotas can be raised.
func requireFits(t *testing.T, r *pulumitest.Recorder) {
	for _, text := range []struct {
		typ, path string
		most      int
		count     int
	}{
		{"aws:ssm/parameter:Parameter", "value", 4096, 3},      // of the standard tier
		{"aws:iam/rolePolicy:RolePolicy", "policy", 10_240, 5}, // all inline policies of a role, of which ours have one each
		{"aws:dynamodb/resourcePolicy:ResourcePolicy", "policy", 20_480, 3},
		{"aws:apigatewayv2/stage:Stage", "accessLogSettings.format", 3072, 1},
	} {
		all := r.OfType(text.typ)
		require.Len(t, all, text.count, text.typ)
		for _, res := range all {
			require.LessOrEqual(t, len(res.Str(t, text.path)), text.most, res.Name)
		}
	}
}

func TestTheConfigurationImportsNoPulumi(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", "cellular/internal/model/config").CombinedOutput()
	require.NoError(t, err, "%s", output)
	packages := strings.Fields(string(output))
	require.Contains(t, packages, "cellular/internal/model/config")
	for _, name := range packages {
		require.NotContains(t, name, "pulumi")
	}
}
