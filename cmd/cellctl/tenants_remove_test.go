package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/dynamotest"
	"cellular/internal/event"
)

// rest is how long a tenant has to be suspended in these tests' deployment: the router's hard TTL of an hour, its timeouts
// of a second and of two, and ten seconds of margin.
const rest = time.Hour + 13*time.Second

// suspended returns a world with a suspended tenant acme in c01, after it was suspended for as long as it takes.
func suspended(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest)
		test(t, w)
	})
}

func (w *world) items(cell string) int {
	names := stack.Cell(cell)
	return len(w.db.Items(names.DataTable())) + len(w.db.Items(names.ResultsTable()))
}

func TestOnlyATenantAtRestIsRemoved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.refuses(exitRefused, "cellctl: tenant \"acme\" is active; 'cellctl tenants suspend acme' first\n", "tenants", "remove", "acme", "--yes")
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest - time.Second)
		w.refuses(exitRefused, "cellctl: tenant \"acme\" has been suspended for 1h0m, and a router may still know it as active; "+
			"try again after 2000-01-01T01:00:13.000Z, or add --wait\n", "tenants", "remove", "acme", "--yes")
		time.Sleep(time.Second)
		w.moving("acme", "c02")
		w.refuses(exitRefused, "cellctl: a move takes tenant \"acme\" to cell c02; finish it or back out of it first\n", "tenants", "remove", "acme", "--yes")
		require.NotNil(t, w.mapping("acme"))
	})
}

func TestRemoveWaitsAndTellsHowLong(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest - 25*time.Second)
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--wait")
		require.Zero(t, code, stderr)
		require.Equal(t, printed(
			"waiting until no router knows the tenant as active: second 0 of 25",
			"waiting until no router knows the tenant as active: second 10 of 25, 15s left",
			"waiting until no router knows the tenant as active: second 20 of 25, 5s left",
			"Tenant acme is removed.",
		), stderr)
		require.Nil(t, w.mapping("acme"))
	})
}

func TestATenantWithoutDataIsRemovedAndItsPlaceIsFree(t *testing.T) {
	suspended(t, func(t *testing.T, w *world) {
		w.refuses(exitUsage, "cellctl: cellctl tenants remove asks before it acts, and stdin is no terminal; add --yes to go on without being asked\n", "tenants", "remove", "acme")
		const question = "This removes tenant acme from stack dev. Cell c01 holds nothing of it.\nType acme to go on: "
		w.stdin = "y\n"
		w.refuses(exitUsage, question+"cellctl: not confirmed; nothing was done\n", "tenants", "remove", "acme")
		w.stdin = "acme\n"
		stdout, stderr, code := w.run("tenants", "remove", "acme")
		require.Zero(t, code)
		require.Empty(t, stdout)
		require.Equal(t, question+"Tenant acme is removed.\n", stderr)
		require.Nil(t, w.mapping("acme"))
		stdout, _, _ = w.run("cells", "activate", "c01")
		require.Contains(t, stdout, "0/100")
	})
}

func TestDataIsNeverLostByAccident(t *testing.T) {
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", event.Processed)
		w.refuses(exitRefused, "cellctl: cell c01 holds data of tenant \"acme\"; add --export FILE to keep a copy, or --forget to give it up\n", "tenants", "remove", "acme", "--yes")
		w.refuses(exitUsage, "cellctl: cellctl tenants remove: --export and --forget exclude each other: the one keeps what the other gives up; see 'cellctl tenants remove --help'\n",
			"tenants", "remove", "acme", "--export", "x", "--forget")

		w.event("c01", "acme", "2", "")
		w.refuses(exitRefused, "cellctl: tenant \"acme\" has 1 event that the cell has neither processed nor given up on; wait, or redrive the DLQs of cell c01, then try again\n",
			"tenants", "remove", "acme", "--yes", "--forget")
		require.Equal(t, 3, w.items("c01"))
		require.NotNil(t, w.mapping("acme"))
	})
}

func TestWhatIsForgottenIsGone(t *testing.T) {
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", event.Processed)
		w.event("c01", "acme", "2", event.Failed)
		w.event("c01", "zeta", "1", event.Processed)
		w.stdin = "acme\n"
		_, stderr, code := w.run("tenants", "remove", "acme", "--forget")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "deletes all that cell c01 holds of it. There will be no copy.\nType acme to go on: ")
		require.Nil(t, w.mapping("acme"))
		require.Equal(t, 2, w.items("c01"), "another tenant's data stays")
	})
}

func TestWhatIsExportedIsDeletedOnlyThen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "acme.jsonl")
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", event.Processed)
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--export", file)
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, file+" has 1 event, 1 outcome and 0 other items, ")
		require.Zero(t, w.items("c01"))
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(content), `"acme#1"`)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), "it is a tenant's data")
	})
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", event.Processed)
		w.refuses(exitRefused, "cellctl: "+file+" is there already; name another file with --export\n", "tenants", "remove", "acme", "--yes", "--export", file)
		require.Equal(t, 2, w.items("c01"))

		w.refuses(exitFailure, "cellctl: create the file of --export: open "+filepath.Join(file, "x")+": not a directory\n", "tenants", "remove", "acme", "--yes", "--export", filepath.Join(file, "x"))
		require.Equal(t, 2, w.items("c01"))
	})
}

func TestATenantThatIsResumedMeanwhileKeepsItsData(t *testing.T) {
	file := filepath.Join(t.TempDir(), "acme.jsonl")
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", event.Processed)
		resumed := false
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "BatchGetItem" && c.Table == stack.Cell("c01").DataTable() && !resumed {
				resumed = true // the export has begun
				w.does("tenants", "resume", "acme")
			}
			return nil
		}
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--export", file)
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "cellctl: tenant \"acme\" has been changed meanwhile, it is active in cell c01; nothing was deleted\n")
		require.Equal(t, 2, w.items("c01"))
	})
}
