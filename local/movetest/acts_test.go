package movetest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

// kept is an act as 'cellctl audit --output json' has it.
type kept struct {
	ID, By, Process, Command, Outcome string
	Tenants, Cells                    []string
	Took, Error                       *string
}

// acts are what the audit has of a tenant, the oldest first.
func acts(t *testing.T, tenant string) []kept {
	t.Helper()
	var v struct{ Acts []kept }
	require.NoError(t, json.Unmarshal(operate(t, nil, "audit", "--tenant", tenant, "--output", "json"), &v))
	var all []kept
	for _, a := range v.Acts {
		all = append([]kept{a}, all...)
	}
	return all
}

// An operator, with the rights that are printed for one, leaves what it did, also where its process is killed.
func TestTheAuditHasWhatAnOperatorDid(t *testing.T) {
	t.Parallel()
	w := start(t)
	const tenant = "audited"
	operate(t, []int{3}, "tenants", "suspend", tenant)
	operate(t, nil, "tenants", "assign", tenant, "--cell", "west")
	operate(t, nil, "tenants", "suspend", tenant)
	operate(t, nil, "tenants", "resume", tenant)
	operate(t, nil, "tenants", "show", tenant)
	w.accept(t, tenant, visit, 3)

	command, err := cellctl()
	require.NoError(t, err)
	killed := command.Command(t.Context(), "tenants", "move", tenant, "--to", "east")
	require.NoError(t, killed.Start())
	cloudtest.Await(t, "the move has begun", func() (string, bool) {
		m, err := w.mover(nil).Get(t.Context(), tenant)
		return string(m.Phase), err == nil
	})
	require.NoError(t, killed.Process.Kill())
	require.Error(t, killed.Wait())
	operate(t, nil, "moves", "resume", tenant)

	all := acts(t, tenant)
	var told []string
	for _, a := range all {
		told = append(told, a.Outcome+" "+a.Command)
		require.Equal(t, "arn:aws:sts::123456789012:assumed-role/local-cellctl-operator/operator", a.By)
		require.Equal(t, []string{tenant}, a.Tenants)
		require.Equal(t, a.Outcome == "started", a.Took == nil, "%v", a)
	}
	require.Equal(t, []string{
		"refused tenants suspend audited --yes",
		"done tenants assign audited --cell west --yes",
		"done tenants suspend audited --yes",
		"done tenants resume audited --yes",
		"started tenants move audited --to east --yes",
		"done moves resume audited --yes",
	}, told)
	require.Equal(t, []string{"east"}, all[4].Cells)
	require.NotNil(t, all[0].Error)

	w.requireAtHome(t, tenant, "east", map[string]int{visit: 3})
}
