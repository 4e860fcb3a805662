package controlplane_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/controlplane"
	"cellular/internal/naming"
	"cellular/internal/pulumitest"
)

const tableType = "aws:dynamodb/table:Table"

func program(args *controlplane.Args) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, "aws")
		if err != nil {
			return err
		}
		table, err := controlplane.New(ctx, "mapping", args, pulumi.Provider(provider))
		if err != nil {
			return err
		}
		ctx.Export("name", table.Name)
		ctx.Export("arn", table.ARN)
		return nil
	}
}

func TestTheTableIsKeyedByTenantAndEncrypted(t *testing.T) {
	r := pulumitest.Run(t, program(&controlplane.Args{Stack: "prod", Protect: true}))
	table := r.Only(t, tableType)
	require.Equal(t, "prod-global-tenant-cell-mapping", table.Str(t, "name"))
	require.Equal(t, "tenant_id", table.Str(t, "hashKey"))
	require.False(t, table.Has("rangeKey"))
	require.Equal(t, []any{map[string]any{"name": "tenant_id", "type": "S"}}, table.Value(t, "attributes"))
	require.Equal(t, "PAY_PER_REQUEST", table.Str(t, "billingMode"))
	require.Equal(t, true, table.Value(t, "serverSideEncryption.enabled"))
	require.Equal(t, map[string]any{"Layer": "ControlPlane"}, table.Value(t, "tags"))
}

func TestProtectKeepsTheTable(t *testing.T) {
	for _, protect := range []bool{true, false} {
		table := pulumitest.Run(t, program(&controlplane.Args{Stack: "s", Protect: protect})).Only(t, tableType)
		require.Equal(t, protect, table.Protect)
		require.Equal(t, protect, table.Value(t, "deletionProtectionEnabled"))
		require.Equal(t, protect, table.Value(t, "pointInTimeRecovery.enabled"))
	}
}

func TestEveryChildIsUnderTheComponentAndItsProvider(t *testing.T) {
	r := pulumitest.Run(t, program(&controlplane.Args{Stack: "s"}))
	r.AssertAllDescendFrom(t, r.Only(t, controlplane.TypeToken))
	r.AssertNoDefaultProvider(t)
	r.AssertNoDuplicateURN(t)
}

func TestWrongArgsRegisterNothing(t *testing.T) {
	for want, args := range map[string]*controlplane.Args{
		"mapping table mapping: args are required":     nil,
		"mapping table mapping: the stack is required": {},
		"AWS allows 64": {Stack: naming.Stack(strings.Repeat("s", 64))},
	} {
		r, err := pulumitest.RunErr(program(args))
		require.ErrorContains(t, err, want)
		require.Empty(t, r.OfType(controlplane.TypeToken))
		require.Empty(t, r.OfType(tableType))
	}
}
