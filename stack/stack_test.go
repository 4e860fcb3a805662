package stack_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/controlplane"
	"cellular/functions"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
	"cellular/router"
	"cellular/stack"
)

const (
	providerType  = "pulumi:providers:aws"
	dashboardType = "aws:cloudwatch/dashboard:Dashboard"

	// How many resources each part registers, its component included. A cell's count is what an account's quotas and the
	// length of an update are reckoned with.
	perCell   = 47
	perGlobal = 66 // the provider too
)

func TestTheIdentityOfEveryResourceIsKept(t *testing.T) {
	deploy(t, named("alpha")).AssertGolden(t, "testdata/one-cell.golden")
	deploy(t, named("alpha", "beta", "gamma"), "cellular:protect", "false", "cellular:router",
		`{"auth":{"type":"jwt","issuer":"https://id.example.com","audience":["a"],"tenantClaim":"t"}}`).AssertGolden(t, "testdata/three-cells-jwt.golden")
}

func TestAHundredCellsAreAHundredStamps(t *testing.T) {
	for _, n := range []int{3, 100} {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("c%02d", i))
		}
		r := deploy(t, named(ids...))
		perID := map[string]int{}
		for _, id := range owners(r) {
			perID[id]++
		}
		require.Len(t, perID, n)
		for id, count := range perID {
			require.Equal(t, perCell, count, "cell %s of %d", id, n)
		}
		require.Len(t, r.Resources(), perGlobal+n*perCell)
		require.Len(t, r.OfType(providerType), 1, "a provider is a process: one for all cells")
	}
}

func TestEverythingUsesTheOneProviderWithItsTags(t *testing.T) {
	for _, plane := range []string{"all", "global", "cells"} {
		r := deploy(t, named("alpha", "beta"), "cellular:plane", plane, "aws:profile", "ops")
		r.AssertNoDefaultProvider(t)
		r.AssertNoDuplicateURN(t)
		provider := r.Only(t, providerType)
		require.Equal(t, "eu-west-1", provider.Str(t, "region"))
		require.Equal(t, "ops", provider.Str(t, "profile"))
		require.Equal(t, map[string]any{"tags": map[string]any{"Project": "cellular", "Stack": "test", "ManagedBy": "pulumi"}}, provider.Value(t, "defaultTags"))
		for _, res := range r.Resources() {
			if res.Custom && res.Type != providerType {
				require.Equal(t, "aws", res.Provider, res)
			}
		}
	}
}

func TestAPreviewOfANewStackWorks(t *testing.T) {
	for _, plane := range []string{"all", "global", "cells"} {
		cells := named("alpha", "beta")
		preview := pulumitest.Run(t, program(), pulumitest.DryRun(), pulumitest.WithConfig(configtest.Minimal("cellular:cells", configtest.CellsJSON(cells), "cellular:plane", plane)))
		require.Len(t, preview.Resources(), len(deploy(t, cells, "cellular:plane", plane).Resources()), "plane %s", plane)
	}
}

func TestAPlaneHoldsItsPartAlone(t *testing.T) {
	global := deploy(t, nil, "cellular:plane", "global")
	require.Len(t, global.Resources(), perGlobal)
	require.Empty(t, owners(global))
	require.Empty(t, global.Calls())

	cells := deploy(t, named("alpha"), "cellular:plane", "cells")
	require.Empty(t, cells.OfType(router.TypeToken))
	require.Empty(t, cells.OfType(controlplane.MappingTableType))
	require.Empty(t, cells.OfType(controlplane.ControlTablesType))
	require.Len(t, cells.Resources(), perCell+1)

	require.Empty(t, deploy(t, named("alpha")).Calls(), "a whole deployment knows the router's role without asking")
}

func TestTheGlobalPlaneHasTheDashboards(t *testing.T) {
	for plane, want := range map[string]int{"all": 2, "global": 2, "cells": 0} {
		require.Len(t, deploy(t, named("alpha"), "cellular:plane", plane).OfType(dashboardType), want, plane)
	}
	r := deploy(t, nil, "cellular:plane", "global", "cellular:alarms", `{"cell":{"oldestMessage":{"threshold":"77s"}}}`, "cellular:probe", `{"enabled":false}`)
	api := r.Named(t, "aws:apigatewayv2/stage:Stage", "router-stage").Str(t, "apiId")
	require.NotEmpty(t, api)
	for _, name := range []string{"test-fleet", "test-cell"} {
		body := r.WithInput(t, dashboardType, "dashboardName", name).Str(t, "dashboardBody")
		require.Contains(t, body, `"value":77,`)
		require.NotContains(t, body, "probe_ms", "there is no probe")
		require.Equal(t, name == "test-fleet", strings.Contains(body, `"ApiId","`+api+`"`))
	}
}

func TestPhysicalNamesStartWithTheDeployment(t *testing.T) {
	r := deploy(t, named("alpha"), "cellular:plane", "cells", "cellular:deployment", "prod")
	r.WithInput(t, "aws:dynamodb/table:Table", "name", "prod-app-data-cell-alpha")
	for _, policy := range r.OfType("aws:dynamodb/resourcePolicy:ResourcePolicy") {
		require.Contains(t, policy.Str(t, "policy"), `"arn:aws-us-gov:iam::210987654321:role/prod-edge-cell-router-role"`)
	}
}

func TestTheFunctionsAreBuiltForTheConfiguredArchitecture(t *testing.T) {
	r := deploy(t, named("alpha"), "cellular:functions", `{"architecture":"x86_64"}`)
	all := r.OfType("aws:lambda/function:Function")
	require.Len(t, all, 4)
	for _, function := range all {
		code, ok := function.Input("code")
		require.True(t, ok)
		require.Contains(t, code.ArchiveValue().Path, "/built/x86_64/")
		require.Equal(t, []any{"x86_64"}, function.Value(t, "architectures"))
	}
}

func TestConfigurationReachesTheParts(t *testing.T) {
	r := deploy(t, named("alpha"), "cellular:protect", "false",
		"cellular:router", `{"auth":{"type":"none"},"softTTL":"7s"}`,
		"cellular:functions", `{"logRetentionDays":7,"tracing":false}`,
		"cellular:pipeline", `{"queue":{"maxConcurrency":9}}`)
	for _, res := range r.Resources() {
		require.False(t, res.Protect, res)
	}
	require.Equal(t, "7s", r.Named(t, "aws:lambda/function:Function", "router-function").Str(t, "environment.variables.CACHE_SOFT_TTL"))
	require.Contains(t, r.Named(t, "aws:ssm/parameter:Parameter", "router-facts").Str(t, "value"), `"auth":"none","soft_ttl":"7s"`)
	require.Contains(t, r.Named(t, "aws:ssm/parameter:Parameter", "cell-alpha-facts").Str(t, "value"), `"queue_max_concurrency":9,`)
	require.EqualValues(t, 9, r.Named(t, "aws:lambda/eventSourceMapping:EventSourceMapping", "cell-alpha-consumer-mapping").Value(t, "scalingConfig.maximumConcurrency"))
	for _, group := range r.OfType("aws:cloudwatch/logGroup:LogGroup") {
		require.EqualValues(t, 7, group.Value(t, "retentionInDays"), group)
	}
	for _, table := range deploy(t, named("alpha")).OfType("aws:dynamodb/table:Table") {
		holds := table.Name != "cell-alpha-counters"
		require.Equal(t, holds, table.Protect, table)
		require.Equal(t, holds, table.Value(t, "deletionProtectionEnabled"), table)
	}
}

func TestAWrongConfigurationRegistersNothing(t *testing.T) {
	built := false
	wrong := stack.Program(stack.Options{Package: func(context.Context, string) (functions.Artifacts, error) {
		built = true
		return functions.Artifacts{}, nil
	}})
	r, err := pulumitest.RunErr(wrong, pulumitest.WithConfig(map[string]string{"cellular:cells": `[{"id":"A"}]`, "cellular:protect": "maybe"}))
	require.ErrorContains(t, err, "the configuration of stack test is wrong:\n")
	for _, key := range []string{"aws:region: ", "cellular:protect: ", "cellular:cells[0].id"} {
		require.ErrorContains(t, err, key)
	}
	require.Empty(t, r.Resources())
	require.False(t, built)
}

func TestFunctionsThatCannotBeBuiltRegisterNothing(t *testing.T) {
	broken := errors.New("router.go:1:1: expected 'package'")
	failing := stack.Program(stack.Options{Package: func(context.Context, string) (functions.Artifacts, error) {
		return functions.Artifacts{}, broken
	}})
	r, err := pulumitest.RunErr(failing, pulumitest.WithConfig(configtest.Minimal()))
	require.ErrorContains(t, err, broken.Error())
	require.Empty(t, r.Resources())
}

func TestAnUnknownKeyIsRefusedWhereTheKeysAreListed(t *testing.T) {
	raw := configtest.Minimal("cellular:protekt", "false")
	t.Setenv("PULUMI_CONFIG", `{"cellular:protekt":"false","cellular:elsewhere":"1"}`)
	_, err := pulumitest.RunErr(program(), pulumitest.WithConfig(raw))
	require.ErrorContains(t, err, "cellular:protekt: unknown key")
	require.NotContains(t, err.Error(), "elsewhere", "the SDK's own values count, not what another program's environment lists")
}
