package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/sqstest"
)

const (
	lostResults = "cell c02 lacks the results table dev-app-results-cell-c02"
	restoreIt   = "restore the table under its own name from the backup that AWS keeps of a deleted table for 35 days, before any 'pulumi up', " +
		"then 'cellctl tenants move acme --resume' carries it on"
	orAbandon = "; if it is gone for good, 'cellctl tenants move acme --abandon c02' says what is lost, and ends the move in the other cell"
)

// flipped returns a world in which acme's move from c01 to c02 is beyond its flip, and c02 has accepted an event since.
func flipped(t *testing.T, test func(t *testing.T, w *world, q *sqstest.SQS)) {
	t.Helper()
	busy(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.does("tenants", "move", "acme", "--to", "c02", "--no-wait")
		w.event("c02", "acme", "3", ledger.Processed)
		test(t, w, q)
	})
}

func TestAMoveWhoseNewCellLosesItsResultsAfterTheFlipIsAdvisedOnlyWhatWorks(t *testing.T) {
	flipped(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.db.Drop(stack.Cell("c02").ResultsTable())
		_, stderr, code := w.run("tenants", "move", "acme", "--resume")
		require.Equal(t, cli.ExitFailure, code)
		require.Contains(t, stderr, "\nit goes neither on nor back, for "+lostResults+"; "+restoreIt+orAbandon+".\ncellctl: ")
		require.NotContains(t, stderr, "--back-out")

		w.refuses(exitRefused, "cellctl: back out the move of tenant \"acme\" from cell c01 to c02: "+lostResults+"; "+restoreIt+orAbandon+"\n",
			"tenants", "move", "acme", "--back-out")
		_, stderr, _ = w.run("moves", "show", "acme")
		require.Contains(t, stderr, restoreIt+orAbandon)
		require.NotContains(t, stderr, "--back-out")

		w.refuses(exitRefused, "cellctl: cell c01 has its results table, so that nothing of tenant \"acme\" is lost there, and nothing was done: "+
			"it goes neither on nor back, for "+lostResults+"; "+restoreIt+orAbandon+"\n", "tenants", "move", "acme", "--abandon", "c01", "--yes")
		w.refuses(exitRefused, "cellctl: cell canary has nothing to do with the move of tenant \"acme\", from cell c01 to c02; nothing was done\n",
			"tenants", "move", "acme", "--abandon", "canary", "--yes")

		w.stdin = "no\n"
		_, stderr, code = w.run("tenants", "move", "acme", "--abandon", "c02")
		require.Equal(t, cli.ExitUsage, code)
		require.Contains(t, stderr, "not confirmed; nothing was done")
		require.Equal(t, item.Text("c02"), w.mapping("acme")["cell_id"])

		w.stdin = "acme\n"
		stdout, stderr, code := w.run("tenants", "move", "acme", "--abandon", "c02")
		require.Zero(t, code, stderr)
		require.True(t, strings.HasPrefix(stderr, `The move of tenant acme from cell c01 to c02, in phase redirect, is ended without cell c02. The tenant is in cell c01 then.
Lost for good: outcomes and business state that cell c02 wrote since 2000-01-01T00:00:04.000Z; cell c01 goes on from what it had when the tenant left it.
If the results table can still be restored under its own name, do that instead, and carry the move on: nothing is lost then.
This cannot be undone.
Type acme to go on: `), stderr)
		require.Contains(t, stderr, "acme: backed-out: the tenant is in cell c01, without cell c02 (")
		require.Contains(t, stdout, "backed-out")
		require.Equal(t, item.Text("c01"), w.mapping("acme")["cell_id"])
		require.Nil(t, w.mapping("acme")["moving_to"])

		var sent []string
		for _, m := range q.Messages(c01.QueueURL) {
			sent = append(sent, *m.MessageAttributes[event.MessageAttrID].StringValue)
		}
		require.ElementsMatch(t, []string{"2", "3"}, sent, "what cell c01 had diverted, and what cell c02 had accepted")
		stdout, _, _ = w.run("moves", "show", "acme")
		require.Regexp(t, `(?m)^without cell +c02$`, stdout)
		require.Regexp(t, `(?m)^lost +outcomes and business state that cell c02 wrote since`, stdout)
		stdout, _, _ = w.run("cells", "list")
		require.Regexp(t, `(?m)^c01 +1 +standard +active +1/100 `, stdout)
		require.Regexp(t, `(?m)^c02 +1 +standard +active +0/100 `, stdout)
	})
}

func TestAMoveThatIsEndedWithoutACellIsFinishedLater(t *testing.T) {
	flipped(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.db.Drop(stack.Cell("c02").ResultsTable())
		_, stderr, code := w.run("tenants", "move", "acme", "--abandon", "c02", "--no-wait", "--yes")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "Tenant acme is served by cell c01. What routers still write to cell c02 waits until the move is carried on; after 2000-01-01T01:0")
		w.refuses(exitRefused, "cellctl: back out the move of tenant \"acme\" from cell c01 to c02: the move is being ended without the other cell, c02: carry it on: "+
			"'cellctl tenants move acme --resume'\n", "tenants", "move", "acme", "--back-out")
		w.refuses(exitRefused, "cellctl: the move of tenant \"acme\" is being ended without cell c02 already: 'cellctl tenants move acme --resume' carries that on\n",
			"tenants", "move", "acme", "--abandon", "c01", "--yes")
		_, stderr, _ = w.run("moves", "show", "acme")
		require.Contains(t, stderr, "cell c01 serves the tenant, and what cell c02 still has waits until it is carried on: 'cellctl tenants move acme --resume' carries it on.")
		time.Sleep(2 * time.Hour)
		w.does("moves", "resume", "--all")
		require.Nil(t, w.mapping("acme")["moving_to"])
	})
}

// A cell that is gone altogether is lost like its tables.
func TestAMoveOutOfACellThatIsGoneCanBeEnded(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: flip:", "tenants", "move", "acme", "--to", "c02")
		for _, table := range []string{stack.Cell("c01").DataTable(), stack.Cell("c01").ResultsTable()} {
			w.db.Drop(table)
		}
		delete(w.ssm, stack.Cell("c01").Parameter())
		_, stderr, code := w.run("tenants", "move", "acme", "--resume")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "cellctl tenants move acme --abandon c01")
		_, stderr, code = w.run("tenants", "move", "acme", "--abandon", "c01", "--yes")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "Lost for good: events that cell c01 accepted after they were copied.\n")
		require.Contains(t, stderr, "acme: done: the tenant is in cell c02, without cell c01")
		require.Equal(t, item.Text("c02"), w.mapping("acme")["cell_id"])
	})
}
