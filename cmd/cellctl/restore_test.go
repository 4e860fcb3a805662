package main

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/restoretest"
)

const (
	lossAt    = "2000-01-01T01:00:00Z"
	scratchOf = "Looking for scratch tables with what there was at " + lossAt + ". Where there are none, AWS takes minutes to make them, and hours for a large table.\n"
	dataOf    = "dev-app-data-cell-c01-restore-20000101010000"
	resultsOf = "dev-app-results-cell-c01-restore-20000101010000"
	mappingOf = "dev-global-tenant-cell-mapping-restore-20000101010000"
)

// deleted has a world in which acme, in c01, had an event that was processed and one that was not at lossAt. A minute later
// both are gone.
func deleted(t *testing.T, test func(t *testing.T, w *world, r *restoretest.Recovery)) {
	t.Helper()
	inWorld(t, func(t *testing.T, w *world) {
		at, err := time.Parse(time.RFC3339, lossAt)
		require.NoError(t, err)
		w.db = dynamotest.NewTables(restoretest.WithScratch(dynamotest.Deployment(stack, "canary", "c01", "c02"), at))
		recovery := &restoretest.Recovery{DB: w.db, Slow: 1}
		w.recovery = recovery
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.event("c01", "acme", "1", ledger.Processed)
		w.event("c01", "acme", "2", "")
		time.Sleep(time.Until(at))
		c01 := stack.Cell("c01")
		recovery.Remember(stack.MappingTable(), c01.DataTable(), c01.ResultsTable())
		time.Sleep(time.Minute)
		w.db.Delete(c01.DataTable(), "acme#1")
		w.db.Delete(c01.DataTable(), "acme#2")
		w.db.Delete(c01.ResultsTable(), "acme#1")
		test(t, w, recovery)
	})
}

func TestWhatACellLostIsPutBack(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, r *restoretest.Recovery) {
		stdout, stderr, code := w.run("restore", "cell", "c01", "--at", lossAt, "--dry-run", "--keep")
		require.Zero(t, code, stderr)
		require.Equal(t, printed(
			"WHAT            FOUND  WOULD BE PUT BACK  ALREADY THERE  LEFT ALONE",
			"outcomes        1      1                  0              0",
			"business state  0      0                  0              0",
			"events          2      2                  0              0",
		), stdout)
		const replay = "1 event has no outcome, because the cell had not applied it by " + lossAt + ". To have it applied: cellctl replay --cell c01 --since 2000-01-01T00:00:00Z\n" +
			"If the cell applied such an event later, and lost that outcome too, a replay applies it again: restore to a later time first.\n"
		require.Equal(t, scratchOf+"scratch tables that are ready: 0 of 2\nscratch tables that are ready: 2 of 2\nitems looked at: 1 of 4\nitems looked at: 4 of 4\n"+
			"Kept, at the price of any table: "+dataOf+", "+resultsOf+". The same command goes on with what is there; without --keep it deletes it in the end.\n"+
			"A dry run: nothing was put back.\n"+replay, stderr)
		require.Zero(t, w.items("c01"))

		stdout, stderr, code = w.run("restore", "cell", "c01", "--at", lossAt, "-o", "json")
		require.Zero(t, code, stderr)
		require.JSONEq(t, `{"cell":"c01","at":"2000-01-01T01:00:00.000Z","dry_run":false,
			"outcomes":{"found":1,"put_back":1,"already_there":0,"left_alone":{}},
			"state":{"found":0,"put_back":0,"already_there":0,"left_alone":{}},
			"events":{"found":2,"put_back":2,"already_there":0,"left_alone":{}},
			"tenants":[],"differing":[],"lost_fences":0,"without_outcome":1,"oldest_without_outcome":"2000-01-01T00:00:00.000Z"}`, stdout)
		require.Equal(t, scratchOf+"items looked at: 1 of 4\nitems looked at: 4 of 4\nDeleting what this command made: "+dataOf+", "+resultsOf+".\n"+replay, stderr)
		require.Equal(t, 3, w.items("c01"))
		require.Len(t, r.Restored(), 2, "the tables of the dry run are used")
		require.Empty(t, r.Scratch())

		_, stderr, code = w.run("restore", "cell", "c01", "--at", lossAt, "--tenant", "acme")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "Cell c01 lacks nothing that can be put back.\n")
		require.Contains(t, stderr, "--since 2000-01-01T00:00:00Z --tenant acme\n", "what is to be replayed is said again")
	})
}

func TestARestoreSaysWhatItLeavesAlone(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, _ *restoretest.Recovery) {
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest)
		w.does("tenants", "remove", "acme", "--yes")
		w.does("tenants", "assign", "acme", "--cell", "c02")
		stdout, stderr, code := w.run("restore", "cell", "c01", "--at", lossAt)
		require.Zero(t, code, stderr)
		require.Equal(t, printed(
			"WHAT            FOUND  PUT BACK  ALREADY THERE  LEFT ALONE",
			"outcomes        1      0         0              1",
			"business state  0      0         0              0",
			"events          2      0         0              2",
			"",
			"LEFT ALONE  ITEMS  BECAUSE",
			"outcomes    1      its tenant is in another cell now",
			"events      2      its tenant is in another cell now",
			"",
			"TENANT  CELL NOW  LEFT ALONE BECAUSE",
			"acme    c02       its tenant is in another cell now",
		), stdout)
		require.Contains(t, stderr, "Cell c01 lacks nothing that can be put back.\n")
		require.Zero(t, w.items("c01"))
	})
}

func TestAMappingIsPutBack(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, r *restoretest.Recovery) {
		w.db.Delete(stack.MappingTable(), "acme")
		stdout, stderr, code := w.run("restore", "mapping", "--at", lossAt)
		require.Zero(t, code, stderr)
		require.Equal(t, printed(
			"WHAT      FOUND  PUT BACK  ALREADY THERE  LEFT ALONE",
			"mappings  1      1         0              0",
			"",
			"TENANT  CELL  EPOCH  STATE   LEFT ALONE BECAUSE",
			"acme    c01   1      active  -",
		), stdout)
		require.Equal(t, scratchOf+"scratch tables that are ready: 0 of 1\nscratch tables that are ready: 1 of 1\nitems looked at: 1 of 1\nDeleting what this command made: "+mappingOf+".\n"+
			"The cells may count wrong now: 'cellctl doctor --fix' corrects it. 'cellctl restore cell CELL --at "+lossAt+"' puts back what a cell lacks of a tenant.\n", stderr)
		m, err := mapping.FromItem(w.mapping("acme"))
		require.NoError(t, err)
		require.Equal(t, "c01", m.CellID)

		w.refuses(exitRefused, "cellctl: tenant \"acme\" has a mapping, to cell c01: nothing is missing\n", "restore", "mapping", "--at", lossAt, "--tenant", "acme")
		stdout, stderr, code = w.run("restore", "mapping", "--at", lossAt, "-o", "json")
		require.Zero(t, code, stderr)
		require.JSONEq(t, `{"at":"2000-01-01T01:00:00.000Z","dry_run":false,
			"mappings":{"found":1,"put_back":0,"already_there":1,"left_alone":{}},"tenants":[]}`, stdout)
		require.Contains(t, stderr, "No mapping is missing that can be put back.\n")
		require.Len(t, r.Restored(), 2)
	})
}

func TestATenantIsNotRestoredWhereItMustNotBe(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, r *restoretest.Recovery) {
		w.refuses(exitRefused, "cellctl: tenant \"acme\" is in cell c01 now: what cell c02 had of it must not come back\n",
			"restore", "cell", "c02", "--at", lossAt, "--tenant", "acme")
		w.refuses(exitRefused, "cellctl: tenant \"zeta\" has no mapping; 'cellctl restore mapping --tenant zeta' puts it back\n",
			"restore", "cell", "c01", "--at", lossAt, "--tenant", "zeta")
		require.Empty(t, r.Restored(), "no table is made for hours that is of no use")
	})
}

func TestATimeThatIsNotKeptIsRefusedInAWSsWords(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, r *restoretest.Recovery) {
		r.From, r.To = time.Now().Add(-time.Second), time.Now()
		w.refuses(exitRefused, scratchOf+"cellctl: restore table dev-app-data-cell-c01: the table cannot be restored to that time: "+
			"it can be restored to times from 2000-01-01T01:00:59Z to 2000-01-01T01:01:00Z; "+
			"AWS says: InvalidRestoreTimeException: The specified restore time is invalid\n", "restore", "cell", "c01", "--at", lossAt)
		r.Off = true
		w.refuses(exitRefused, scratchOf+"cellctl: restore table dev-global-tenant-cell-mapping: the table cannot be restored to that time: "+
			"its point-in-time recovery is off; AWS says: PointInTimeRecoveryUnavailableException: "+
			"Point in time recovery is not enabled for table 'dev-global-tenant-cell-mapping'\n", "restore", "mapping", "--at", lossAt)
	})
}

func TestARestoreThatFailsKeepsItsTables(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, r *restoretest.Recovery) {
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "Scan" {
				return errDown
			}
			return nil
		}
		_, stderr, code := w.run("restore", "cell", "c01", "--at", lossAt)
		require.Equal(t, cli.ExitFailure, code)
		require.Contains(t, stderr, "Kept, at the price of any table: "+dataOf+", "+resultsOf+". ")
		require.Contains(t, stderr, "\ncellctl: restore cell c01: read scratch table "+resultsOf+": ")
		require.Len(t, r.Scratch(), 2)
		w.db.Intercept = nil
		w.does("restore", "cell", "c01", "--at", lossAt)
		require.Len(t, r.Restored(), 2)
		require.Equal(t, 3, w.items("c01"))
	})
}

func TestARestoreNeedsATimeOfThePast(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, _ *restoretest.Recovery) {
		const help = "; see 'cellctl restore cell --help'\n"
		w.refuses(cli.ExitUsage, "cellctl: --at is missing"+help, "restore", "cell", "c01")
		w.refuses(cli.ExitUsage, "cellctl: CELL is missing"+help, "restore", "cell", "--at", lossAt)
		w.refuses(cli.ExitUsage, "cellctl: --at is \"noon\", want a time such as 2026-07-01T12:00:00Z"+help, "restore", "cell", "c01", "--at", "noon")
		w.refuses(cli.ExitUsage, "cellctl: --at is 2000-01-02T00:00:00Z, which is still to come"+help, "restore", "cell", "c01", "--at", "2000-01-02T00:00:00Z")
		w.refuses(cli.ExitUsage, "cellctl: --rate is 0, want more than 0"+help, "restore", "cell", "c01", "--at", lossAt, "--rate", "0")
		w.refuses(cli.ExitUsage, "cellctl: --tenant is \"a#b\", want the form "+event.TenantIDPattern+"; see 'cellctl restore mapping --help'\n",
			"restore", "mapping", "--at", lossAt, "--tenant", "a#b")
		_, stderr, code := w.run("restore", "cell", "c09", "--at", lossAt)
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "c09")
	})
}

// A restore revives nothing: neither the mapping of a tenant that was removed, nor, in the cell of the next one of its
// name, what the first one had there.
func TestARestoreRevivesNoRemovedTenant(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, _ *restoretest.Recovery) {
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest)
		w.does("tenants", "remove", "acme", "--yes")
		stdout, stderr, code := w.run("restore", "mapping", "--at", lossAt)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "mappings    1      the tenant was removed since\n")
		w.does("tenants", "assign", "acme", "--cell", "c01")
		stdout, stderr, code = w.run("restore", "cell", "c01", "--at", lossAt)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "events          2      0         0              2\n")
		require.Contains(t, stdout, "acme    c01       its tenant was removed since\n")
		require.Contains(t, stderr, "3 items are of tenants that were removed since, and no restore brings that back unless --revive names the tenant.\n")
		require.Zero(t, w.items("c01"))
		w.refuses(exitRefused, "cellctl: tenant \"acme\" has a mapping, to cell c01: nothing is revived beside it; if it is the revived one already, "+
			"go on with 'cellctl restore cell c01 --at "+lossAt+" --tenant acme --revive acme'\n", "restore", "mapping", "--at", lossAt, "--revive", "acme")
		w.refuses(exitRefused, "cellctl: the mapping of tenant \"acme\" was not revived, or has changed since: "+
			"what was removed is not added to what the tenant is now; leave out --revive\n", "restore", "cell", "c01", "--at", lossAt, "--revive", "acme")
	})
}

// Each command says the next one, from the removal to the tenant that sends again.
func TestARemovedTenantThatIsNamedComesBack(t *testing.T) {
	deleted(t, func(t *testing.T, w *world, _ *restoretest.Recovery) {
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest)
		w.does("tenants", "remove", "acme", "--yes")
		w.refuses(exitRefused, "cellctl: tenant \"acme\" was removed, and has no mapping; "+
			"'cellctl restore mapping --at "+lossAt+" --tenant acme --revive acme' brings that back first, if the removal was a mistake\n",
			"restore", "cell", "c01", "--at", lossAt, "--tenant", "acme")
		stdout, stderr, code := w.run("restore", "mapping", "--at", lossAt, "--tenant", "acme", "--revive", "acme")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "acme    c01   4      suspended  -\n")
		require.Contains(t, stderr, "Tenant acme is back, suspended and empty. 'cellctl restore cell c01 --at "+lossAt+" --tenant acme --revive acme' "+
			"puts back what the cell had of it, and 'cellctl tenants resume acme' lets it send.\n")
		require.NotContains(t, stderr, "doctor --fix", "it is counted")
		stdout, stderr, code = w.run("restore", "cell", "c01", "--at", lossAt, "--tenant", "acme", "--revive", "acme")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "events          2      2         0              0\n")
		w.does("tenants", "resume", "acme")
		require.Equal(t, "4", w.db.Item(stack.Cell("c01").DataTable(), "acme#2")[event.AttrEpoch].(*types.AttributeValueMemberN).Value)
		w.prints(printed(
			"TENANT  CELL  STATE   TIER      EPOCH  MOVING  UPDATED",
			"acme    c01   active  standard  4      -       2000-01-01T02:01:19.000Z",
		), "tenants", "list")
		w.refuses(cli.ExitUsage, "cellctl: --tenant restores acme only, and --revive names zeta; see 'cellctl restore cell --help'\n",
			"restore", "cell", "c01", "--at", lossAt, "--tenant", "acme", "--revive", "zeta")
	})
}
