package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/sqstest"
)

func TestATenantIsAssigned(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.prints(printed(
			"TENANT  CELL    STATE   TIER      EPOCH  MOVING  UPDATED",
			"acme    canary  active  standard  1      -       2000-01-01T00:00:00.000Z",
		), "tenants", "assign", "acme", "--cell", "canary")
		w.prints(`{
  "tenant_id": "beta",
  "cell_id": "c02",
  "state": "active",
  "tier": "standard",
  "epoch": 1,
  "moving_from": null,
  "moving_to": null,
  "removing": false,
  "updated_at": "2000-01-01T00:00:00.000Z"
}
`, "tenants", "assign", "beta", "--cell", "c02", "-o", "json")
		w.does("tenants", "assign", "gamma")
		require.NotNil(t, w.mapping("gamma"))
	})
}

func TestATenantThatCannotBeAssignedIsLeftAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.refuses(exitRefused, "cellctl: place tenant \"acme\": tenant is already mapped, to cell c01\n", "tenants", "assign", "acme")
		w.refuses(cli.ExitUsage, "cellctl: place tenant \"beta\": invalid request: the tier is \"gold\", want standard or dedicated\n", "tenants", "assign", "beta", "--tier", "gold")
		w.refuses(cli.ExitUsage, "cellctl: tenant \"be ta\" is not of the form "+event.TenantIDPattern+"; see 'cellctl tenants assign --help'\n", "tenants", "assign", "be ta")
		w.refuses(cli.ExitUsage, "cellctl: TENANT is missing; see 'cellctl tenants assign --help'\n", "tenants", "assign")
		_, stderr, code := w.run("tenants", "assign", "beta", "--tier", "dedicated")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "no room for a tenant of tier dedicated")
		require.Nil(t, w.mapping("beta"))
	})
}

func TestTenantsAreListedByPages(t *testing.T) {
	const header = "TENANT     CELL    STATE   TIER      EPOCH  MOVING  UPDATED"
	inWorld(t, func(t *testing.T, w *world) {
		for i, cell := range []string{"canary", "c01", "c01", "c01", "c02"} {
			w.does("tenants", "assign", tenantID(i), "--cell", cell)
		}
		row := func(n, cell string) string {
			return "tenant-" + n + "  " + cell + "active  standard  1      -       2000-01-01T00:00:00.000Z"
		}
		stdout, stderr, code := w.run("tenants", "list", "--limit", "2")
		require.Zero(t, code)
		require.Equal(t, printed("TENANT     CELL  STATE   TIER      EPOCH  MOVING  UPDATED", row("01", "c01   "), row("02", "c01   ")), stdout)
		require.Equal(t, "There are more: add --after c01/tenant-02, or --all.\n", stderr)

		stdout, stderr, _ = w.run("tenants", "list", "--limit", "2", "--after", "c01/tenant-02")
		require.Equal(t, printed("TENANT     CELL  STATE   TIER      EPOCH  MOVING  UPDATED", row("03", "c01   "), row("04", "c02   ")), stdout)
		require.Equal(t, "There are more: add --after c02/tenant-04, or --all.\n", stderr)

		w.prints(printed("TENANT     CELL    STATE   TIER      EPOCH  MOVING  UPDATED", row("00", "canary  ")), "tenants", "list", "--limit", "2", "--after", "c02/tenant-04")
		all := printed(header, row("01", "c01     "), row("02", "c01     "), row("03", "c01     "), row("04", "c02     "), row("00", "canary  "))
		w.prints(all, "tenants", "list")
		w.db.PageItems = 1
		w.prints(all, "tenants", "list", "--all", "--limit", "1")
	})
}

func TestTenantsOfOneCellAndProbes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.does("tenants", "assign", "beta", "--cell", "c02")
		probe := mapping.Mapping{TenantID: mapping.ProbeTenant("c01"), CellID: "c01", Epoch: 1, State: mapping.Active, Tier: "standard", UpdatedAt: time.Now()}
		w.db.Put(stack.MappingTable(), probe.Item())
		w.prints(printed(
			"TENANT  CELL  STATE   TIER      EPOCH  MOVING  UPDATED",
			"acme    c01   active  standard  1      -       2000-01-01T00:00:00.000Z",
		), "tenants", "list", "--cell", "c01")
		stdout, _, _ := w.run("tenants", "list", "--cell", "c01", "--probes")
		require.Contains(t, stdout, "cellctl-probe.c01")
		w.prints("{\n  \"tenants\": [],\n  \"next\": null\n}\n", "tenants", "list", "--cell", "canary", "-o", "json")

		w.refuses(exitRefused, "cellctl: unknown cell \"c09\": stack dev has canary, c01, c02; 'cellctl cells list' shows them\n", "tenants", "list", "--cell", "c09")
		w.refuses(cli.ExitUsage, "cellctl: --limit is 0, want 1 to 1000; see 'cellctl tenants list --help'\n", "tenants", "list", "--limit", "0")
		w.refuses(cli.ExitUsage, "cellctl: --after is \"acme\", want CELL/TENANT as the page before said; see 'cellctl tenants list --help'\n", "tenants", "list", "--after", "acme")
	})
}

func TestATenantIsShown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		shown := func(movingTo, data string) string {
			return printed(
				"tenant     acme", "cell       c01", "state      active", "tier       standard", "epoch      1",
				"moving to  "+movingTo, "updated    2000-01-01T00:00:00.000Z", "has data   "+data)
		}
		w.prints(shown("-", "no"), "tenants", "show", "acme")
		w.event("c01", "acme", "1", "")
		w.moving("acme", "c02")
		w.prints(shown("c02", "yes"), "tenants", "show", "acme")
		w.prints(`{
  "tenant_id": "acme",
  "cell_id": "c01",
  "state": "active",
  "tier": "standard",
  "epoch": 1,
  "moving_from": "c01",
  "moving_to": "c02",
  "removing": false,
  "updated_at": "2000-01-01T00:00:00.000Z",
  "has_data": true,
  "cell_lost": false,
  "removal": null
}
`, "tenants", "show", "acme", "-o", "json")
	})
}

func TestATenantThatItsNewCellServesIsMovingFromTheOldOne(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")
		stdout, _, _ := w.run("tenants", "show", "acme")
		require.Regexp(t, `(?m)^moving to +c02$`, stdout)
		stdout, _, _ = w.run("tenants", "list")
		require.Regexp(t, `(?m)^acme +c01 +\w+ +standard +1 +to c02 +2000`, stdout)

		w.does("tenants", "move", "acme", "--resume", "--no-wait")
		stdout, _, _ = w.run("tenants", "show", "acme")
		require.Regexp(t, `(?m)^moving from +c01$`, stdout)
		require.NotContains(t, stdout, "moving to")
		stdout, _, _ = w.run("tenants", "list")
		require.Regexp(t, `(?m)^acme +c02 +\w+ +standard +2 +from c01 +2000`, stdout)
		stdout, _, _ = w.run("tenants", "list", "--output", "json")
		require.Contains(t, stdout, "\"moving_from\": \"c01\",\n      \"moving_to\": \"c02\"")

		w.does("tenants", "move", "acme", "--resume")
		stdout, _, _ = w.run("tenants", "show", "acme")
		require.Regexp(t, `(?m)^moving to +-$`, stdout)
	})
}

func TestATenantThatIsNotThereIsSaid(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.refuses(exitRefused, "cellctl: tenant \"acme\": unknown tenant\n", "tenants", "show", "acme")
		w.refuses(exitRefused, "cellctl: suspend tenant \"acme\": unknown tenant\n", "tenants", "suspend", "acme", "--yes")
		w.refuses(exitRefused, "cellctl: resume tenant \"acme\": unknown tenant\n", "tenants", "resume", "acme")
		w.refuses(exitRefused, "cellctl: tenant \"acme\": unknown tenant\n", "tenants", "remove", "acme", "--yes")
	})
}

func TestATenantIsSuspendedAndResumed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.refuses(cli.ExitUsage, "cellctl: the command asks before it acts, and stdin is no terminal; add --yes to go on without being asked\n", "tenants", "suspend", "acme")
		w.prints(printed(
			"TENANT  CELL  STATE      TIER      EPOCH  MOVING  UPDATED",
			"acme    c01   suspended  standard  1      -       2000-01-01T00:00:00.000Z",
		), "tenants", "suspend", "acme", "--yes")
		w.prints(printed(
			"TENANT  CELL  STATE   TIER      EPOCH  MOVING  UPDATED",
			"acme    c01   active  standard  1      -       2000-01-01T00:00:00.000Z",
		), "tenants", "resume", "acme")
	})
}
