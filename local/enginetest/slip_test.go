package enginetest

import (
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
	"cellular/local"
)

// with is the configuration with one key changed.
func with(config map[string]any, key string, value any) map[string]any {
	config = maps.Clone(config)
	config[key] = value
	return config
}

func (o operator) placement() *placement.Store {
	return placement.NewStore(dynamodb.NewFromConfig(o.cloud.Operator()), dynamotest.ControlPlaneOf(stack))
}

// slip is a configuration that is refused, and what the refusal says.
type slip struct {
	config map[string]any
	texts  []string
}

// requireRefused has a preview of each slip refused, and an update of the first ones, and demands that nothing was changed
// by them. The program refuses a preview and an update in the same place.
func (o operator) requireRefused(updates int, slips ...slip) {
	o.t.Helper()
	before, parameter := o.state(), o.parameter("beta")
	for i, slip := range slips {
		_, err := o.cloud.Preview(o.t.Context(), slip.config)
		for _, text := range slip.texts {
			require.ErrorContains(o.t, err, text)
		}
		if i >= updates {
			continue
		}
		_, _, err = o.cloud.Up(o.t.Context(), slip.config)
		for _, text := range slip.texts {
			require.ErrorContains(o.t, err, text)
		}
	}
	o.requireSame(before, o.state())
	require.Equal(o.t, parameter, o.parameter("beta"))
	for _, id := range []string{"alpha", "beta"} {
		_, err := o.cloud.Lambda.GetFunction(o.t.Context(), stack.Cell(id).Consumer())
		require.NoError(o.t, err, "cell %s processes", id)
	}
}

// What an operator changes by a slip is refused before anything is, by the real engine; what is said goes through.
func TestI3ASlipInTheConfigurationChangesNothing(t *testing.T) {
	o := start(t)
	step := func(name string, f func(operator)) {
		t.Helper()
		require.True(t, t.Run(name, func(t *testing.T) { f(operator{t, o.cloud}) }), "the next steps build on this one")
	}
	all := cells(cell("alpha"), cell("beta"), cell("gamma"))
	const inUse = "cell alpha (active, 2 tenants)"
	slips := func(base map[string]any) []slip {
		return []slip{
			{with(base, "cellular:plane", "global"), []string{inUse, "cell beta (active, 0 tenants): cellular:plane is global now"}},
			{with(base, "cellular:plane", "cells"), []string{"the control plane of local: cellular:plane is cells now"}},
			{with(base, "cellular:deployment", "other"), []string{inUse, "the control plane of local: it was deployed as", "pulumi config set cellular:deployment local"}},
			{with(base, "aws:region", "eu-west-1"), []string{"the stack has deployed the control plane of local in us-east-1"}},
			{with(base, "cellular:cells", cells(cell("beta"), cell("gamma"))["cellular:cells"]), []string{inUse, "cellular:cells does not list it any more"}},
			{with(base, "cellular:cells", cells(cell("alpha"), cell("beta"))["cellular:cells"]), []string{"cell gamma (active, 0 tenants)"}},
		}
	}
	safe := map[string]any{
		"cellular:protect": true, "cellular:alarms": map[string]any{"period": "1m"}, "cellular:router": map[string]any{"auth": map[string]any{"type": "iam"}}, "cellular:functions": map[string]any{"faultInjection": false},
	}
	maps.Copy(safe, all)

	step("a preview of a new stack, and its first update", func(o operator) {
		_, err := o.cloud.Preview(o.t.Context(), safe)
		require.NoError(o.t, err)
		out, _, err := o.cloud.Up(o.t.Context(), safe)
		require.NoError(o.t, err)
		for _, tenant := range []string{"acme", "zeta"} {
			_, err := o.placement().Assign(o.t.Context(), []manifest.Cell{out.Cells["alpha"]}, placement.Request{TenantID: tenant})
			require.NoError(o.t, err)
		}
	})
	step("every slip in a protected stack is refused", func(o operator) { o.requireRefused(2, slips(safe)...) })
	step("and in one without protection", func(o operator) {
		o.up(all)
		o.requireRefused(1, slips(all)...)
	})
	step("a retired cell goes without a word", func(o operator) {
		for _, status := range []placement.Status{placement.Draining, placement.Retired} {
			_, err := o.placement().SetStatus(o.t.Context(), "gamma", status)
			require.NoError(o.t, err)
		}
		before := o.state()
		changes := o.up(cells(cell("alpha"), cell("beta")))
		require.Equal(o.t, []string{"delete", "same"}, operations(changes))
		o.requireSame(without(before, "gamma"), o.state())
	})
	step("a cell goes with exactly the tenants that it has", func(o operator) {
		said := func(tenants ...any) map[string]any {
			return dropping(cells(cell("beta")), map[string]any{"cell": "alpha", "tenants": tenants})
		}
		o.requireRefused(1,
			slip{said("acme"), []string{"cellular:drop names 1 tenant of cell alpha, which is active and has 2 tenants"}},
			slip{said("acme", "other"), []string{"cellular:drop names tenant other of cell alpha, which is mapped to no cell"}},
		)
		before := o.state()
		changes := o.up(said("acme", "zeta"))
		require.Equal(o.t, []string{"delete", "same"}, operations(changes))
		o.requireSame(without(before, "alpha"), o.state())
	})
	step("a deployment gets another name when every part of it is said", func(o operator) {
		config := dropping(cells(cell("beta")), map[string]any{"cell": "beta", "tenants": []any{}}, map[string]any{"controlPlane": local.StackName})
		o.up(with(config, "cellular:deployment", "other"))
		require.False(o.t, o.exists(stack.MappingTable()))
		require.False(o.t, o.exists(stack.Cell("beta").DataTable()))
		require.True(o.t, o.exists("other-app-data-cell-beta"))
	})
	step("a stack is destroyed as a whole as before", func(o operator) {
		_, err := o.cloud.Destroy(o.t.Context())
		require.NoError(o.t, err)
		require.Empty(o.t, o.state())
		_, err = o.cloud.Preview(o.t.Context(), cells(cell("solo")))
		require.NoError(o.t, err, "what was destroyed counts no more")
	})
}
