package main

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/sqstest"
)

// Its cell would refuse or drop what the standing probe goes on to send, as if the cell were sick.
func TestTenants_ChangesNoneThatCellsAreProbedWith(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const tenant = "cellctl-probe.c01"
		m := mapping.Mapping{TenantID: tenant, CellID: "c01", Epoch: 1, State: mapping.Active, Tier: "standard", UpdatedAt: time.Now()}
		w.db.Put(stack.MappingTable(), m.Item())
		before := maps.Clone(w.mapping(tenant))

		w.refuses(cli.ExitUsage, `cellctl: place tenant "cellctl-probe.c01": invalid request: ids that start with cellctl-probe. are kept for the tenants that cells are probed with`+"\n",
			"tenants", "assign", tenant)
		w.refuses(exitRefused, `cellctl: move tenant "cellctl-probe.c01" to cell canary: a tenant that cells are probed with does not move`+"\n",
			"tenants", "move", tenant, "--to", "canary", "--yes")
		w.refuses(exitRefused, `cellctl: suspend tenant "cellctl-probe.c01": refused: a tenant that cells are probed with is not suspended`+"\n",
			"tenants", "suspend", tenant, "--yes")
		for _, flags := range [][]string{nil, {"--forget"}, {"--wait"}} {
			w.refuses(exitRefused, `cellctl: cell c01 is probed with tenant "cellctl-probe.c01": that one is not removed`+"\n",
				append([]string{"tenants", "remove", tenant, "--yes"}, flags...)...)
		}
		require.Equal(t, before, w.mapping(tenant))
		require.Empty(t, w.db.Items(stack.MoveTable()))
	})
}

// A version before may have suspended it.
func TestTenantsResume_TakesATenantThatCellsAreProbedWith(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const tenant = "cellctl-probe.c01"
		m := mapping.Mapping{TenantID: tenant, CellID: "c01", Epoch: 1, State: mapping.Suspended, Tier: "standard", UpdatedAt: time.Now()}
		w.db.Put(stack.MappingTable(), m.Item())
		time.Sleep(rest)
		_, stderr, code := w.run("tenants", "remove", tenant, "--forget", "--yes")
		require.Equal(t, exitRefused, code, stderr)
		w.does("tenants", "resume", tenant)
		resumed, err := mapping.FromItem(w.mapping(tenant))
		require.NoError(t, err)
		require.Equal(t, mapping.Active, resumed.State)
	})
}

// Nobody misses a probe, and the next one is on its way.
func TestReplay_LeavesOutTheTenantThatTheCellIsProbedWith(t *testing.T) {
	lost(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		tenant := mapping.ProbeTenant("c01")
		m := mapping.Mapping{TenantID: tenant, CellID: "c01", Epoch: 1, State: mapping.Active, Tier: "standard", UpdatedAt: time.Now()}
		w.db.Put(stack.MappingTable(), m.Item())
		w.event("c01", tenant, "probe", "")
		time.Sleep(10 * time.Minute)
		_, stderr, code := w.run("replay", "--cell", "c01")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "lost events: 1\n")
		sent := q.Messages(c01.QueueURL)
		require.Len(t, sent, 1)
		require.Contains(t, *sent[0].Body, `"lost"`)

		stdout, stderr, code := w.run("replay", "--cell", "c01", "--tenant", tenant, "--dry-run")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, tenant+"#probe", "it is found where it is asked for")
	})
}
