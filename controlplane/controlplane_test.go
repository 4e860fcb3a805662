package controlplane_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/controlplane"
	"cellular/internal/model/config"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/pulumitest"
)

const (
	tableType     = "aws:dynamodb/table:Table"
	parameterType = "aws:ssm/parameter:Parameter"
)

// valid are arguments with the default alarms.
func valid(stack naming.Stack, protect bool) *controlplane.Args {
	return &controlplane.Args{Stack: stack, Protect: protect, Alarms: config.Default().Alarms}
}

// program registers the components as the stack does.
func program(args *controlplane.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, "aws")
		if err != nil {
			return err
		}
		table, err := controlplane.NewMappingTable(ctx, "mapping", args, pulumi.Providers(provider))
		if err != nil {
			return err
		}
		topic, err := controlplane.NewAlarmTopic(ctx, "alarms", args, table.ARN, pulumi.Providers(provider))
		if err != nil {
			return err
		}
		_, err = controlplane.NewControlTables(ctx, "control", args, table.Name, topic.ARN, pulumi.Providers(provider))
		return err
	}
}

// inputs are a resource's inputs but for the defaults that the SDK adds.
func inputs(t *testing.T, res *pulumitest.Resource) map[string]any {
	t.Helper()
	m, ok := res.Value(t, "").(map[string]any)
	require.True(t, ok, res)
	delete(m, "__defaults")
	return m
}

func TestTheMappingIsKeyedByTenantAndListedByCell(t *testing.T) {
	r := pulumitest.Run(t, program(valid("prod", true)))
	require.Equal(t, map[string]any{
		"name": "prod-global-tenant-cell-mapping", "hashKey": "tenant_id", "billingMode": "PAY_PER_REQUEST",
		"attributes": []any{map[string]any{"name": "tenant_id", "type": "S"}, map[string]any{"name": "cell_id", "type": "S"}},
		"globalSecondaryIndexes": []any{map[string]any{
			"name": "by-cell", "hashKey": "cell_id", "rangeKey": "tenant_id", "projectionType": "ALL",
		}},
		"serverSideEncryption":      map[string]any{"enabled": true},
		"pointInTimeRecovery":       map[string]any{"enabled": true},
		"deletionProtectionEnabled": true,
		"tags":                      map[string]any{"Layer": "ControlPlane"},
	}, inputs(t, r.Named(t, tableType, "mapping")))
}

func TestCellStatesAreKeyedByCell(t *testing.T) {
	r := pulumitest.Run(t, program(valid("prod", true)))
	require.Equal(t, map[string]any{
		"name": "prod-global-cell-states", "hashKey": "cell_id", "billingMode": "PAY_PER_REQUEST",
		"attributes":                []any{map[string]any{"name": "cell_id", "type": "S"}},
		"serverSideEncryption":      map[string]any{"enabled": true},
		"pointInTimeRecovery":       map[string]any{"enabled": true},
		"deletionProtectionEnabled": true,
		"tags":                      map[string]any{"Layer": "ControlPlane"},
	}, inputs(t, r.Named(t, tableType, "control-cells")))
}

func TestMovesAreATenantsHistoryWithTheOpenOnesListed(t *testing.T) {
	r := pulumitest.Run(t, program(valid("prod", true)))
	require.Equal(t, map[string]any{
		"name": "prod-global-tenant-moves", "hashKey": "tenant_id", "rangeKey": "epoch", "billingMode": "PAY_PER_REQUEST",
		"attributes": []any{
			map[string]any{"name": "tenant_id", "type": "S"}, map[string]any{"name": "epoch", "type": "N"}, map[string]any{"name": "open", "type": "S"},
		},
		"globalSecondaryIndexes": []any{map[string]any{
			"name": "open", "hashKey": "open", "rangeKey": "tenant_id", "projectionType": "ALL",
		}},
		"ttl":                       map[string]any{"attributeName": "expires_at", "enabled": true},
		"serverSideEncryption":      map[string]any{"enabled": true},
		"pointInTimeRecovery":       map[string]any{"enabled": true},
		"deletionProtectionEnabled": true,
		"tags":                      map[string]any{"Layer": "ControlPlane"},
	}, inputs(t, r.Named(t, tableType, "control-moves")))
}

func TestActsAreKeyedByMonthAndTimeAndExpire(t *testing.T) {
	r := pulumitest.Run(t, program(valid("prod", true)))
	require.Equal(t, map[string]any{
		"name": "prod-global-audit", "hashKey": "utc_month", "rangeKey": "act_id", "billingMode": "PAY_PER_REQUEST",
		"attributes": []any{
			map[string]any{"name": "utc_month", "type": "S"}, map[string]any{"name": "act_id", "type": "S"},
		},
		"ttl":                       map[string]any{"attributeName": "expires_at", "enabled": true},
		"serverSideEncryption":      map[string]any{"enabled": true},
		"pointInTimeRecovery":       map[string]any{"enabled": true},
		"deletionProtectionEnabled": true,
		"tags":                      map[string]any{"Layer": "ControlPlane"},
	}, inputs(t, r.Named(t, tableType, "control-audit")))
}

func TestProtectKeepsEveryTable(t *testing.T) {
	for _, protect := range []bool{true, false} {
		tables := pulumitest.Run(t, program(valid("s", protect))).OfType(tableType)
		require.Len(t, tables, 4)
		for _, table := range tables {
			require.Equal(t, protect, table.Protect, table)
			require.Equal(t, protect, table.Value(t, "deletionProtectionEnabled"), table)
			require.Equal(t, protect, table.Value(t, "pointInTimeRecovery.enabled"), table)
		}
	}
}

func TestTheControlPlanePublishesWhereItsTablesAre(t *testing.T) {
	r := pulumitest.Run(t, program(valid("prod", false)))
	p := r.Only(t, parameterType)
	require.Equal(t, "/cellular/prod/control-plane", p.Str(t, "name"))
	require.Equal(t, "String", p.Str(t, "type"))
	require.Equal(t, map[string]any{"Layer": "ControlPlane"}, p.Value(t, "tags"))
	got, err := manifest.ParseControlPlane(p.Str(t, "value"))
	require.NoError(t, err)
	require.Equal(t, manifest.ControlPlane{
		MappingTable: "prod-global-tenant-cell-mapping", CellTable: "prod-global-cell-states", MoveTable: "prod-global-tenant-moves",
		AlarmTopicARN: topicARN("prod-global-alarms"),
		AuditTable:    "prod-global-audit",
	}, got)
	for _, table := range r.OfType(tableType) {
		require.True(t, p.DependsOn(table), "%s is published before it is there", table)
	}
}

func TestAPreviewOfANewControlPlaneWorks(t *testing.T) {
	args := valid("s", false)
	r := pulumitest.Run(t, program(args), pulumitest.DryRun())
	require.Len(t, r.Resources(), len(pulumitest.Run(t, program(args)).Resources()))
}

func TestEveryChildIsUnderItsComponentAndItsProvider(t *testing.T) {
	r := pulumitest.Run(t, program(valid("s", false)))
	r.AssertNoDefaultProvider(t)
	r.AssertNoDuplicateURN(t)
	under := map[string]string{}
	for _, res := range slices.Concat(r.OfType(tableType), r.OfType(parameterType), r.OfType(keyType), r.OfType(aliasType), r.OfType(topicType), r.OfType(topicPolicyType)) {
		under[res.Name] = res.Parent
	}
	mapping, control, alarms := r.Only(t, controlplane.MappingTableType).URN, r.Only(t, controlplane.ControlTablesType).URN, r.Only(t, controlplane.AlarmTopicType).URN
	require.Equal(t, map[string]string{
		"mapping": mapping, "control-cells": control, "control-moves": control, "control-audit": control, "control-facts": control,
		"alarms": alarms, "alarms-policy": alarms, "alarms-key": alarms, "alarms-key-alias": alarms,
	}, under)
}

func TestWrongArgsRegisterNothing(t *testing.T) {
	controlTables := func(args *controlplane.Args) pulumi.RunFunc {
		return func(ctx *pulumi.Context) error {
			_, err := controlplane.NewControlTables(ctx, "control", args, pulumi.String("m"), pulumi.String("t"))
			return err
		}
	}
	alarmTopic := func(args *controlplane.Args) pulumi.RunFunc {
		return func(ctx *pulumi.Context) error {
			_, err := controlplane.NewAlarmTopic(ctx, "alarms", args, pulumi.String("a"))
			return err
		}
	}
	for want, args := range map[string]*controlplane.Args{
		": args are required":     nil,
		`deployment: is "", want`: {},
		"AWS allows 64":           valid(naming.Stack(strings.Repeat("s", 64)), false),
		"alarms.period: is 0s":    {Stack: "s"},
	} {
		for component, program := range map[string]pulumi.RunFunc{
			"mapping table mapping: ": program(args), "control tables control: ": controlTables(args), "alarm topic alarms: ": alarmTopic(args),
		} {
			r, err := pulumitest.RunErr(program)
			require.ErrorContains(t, err, component)
			require.ErrorContains(t, err, want)
			require.Empty(t, r.OfType(controlplane.MappingTableType))
			require.Empty(t, r.OfType(controlplane.ControlTablesType))
			require.Empty(t, r.OfType(controlplane.AlarmTopicType))
			require.Empty(t, r.OfType(tableType))
			require.Empty(t, r.OfType(keyType))
		}
	}
}
