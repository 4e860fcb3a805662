package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/record"
	"cellular/internal/operator/removal"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// rest is how long a tenant has to be suspended in these tests' deployment: the router's hard TTL of an hour, its timeouts
// of a second and of two, and ten seconds of margin.
const rest = time.Hour + 13*time.Second

// suspended returns a world with a suspended tenant acme in c01, after it was suspended for as long as it takes.
func suspended(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest)
		test(t, w)
	})
}

// inFlight is how a removal ends.
const inFlight = "Tenant acme is removed. What is still in flight for it, in queues, and for up to 24 hours in streams, is dropped by the consumers; " +
	"a dead letter that comes later is deleted by the first dlq command that meets it. Backups for point-in-time recovery keep what they have, for up to 35 days."

// removalPhase is the phase of the world's one removal, or "".
func (w *world) removalPhase() string {
	for _, item := range w.db.Items(stack.MoveTable()) {
		if phase, ok := item[record.AttrPhase].(*types.AttributeValueMemberS); ok {
			return phase.Value
		}
	}
	return ""
}

// items are what a cell has, but for fences.
func (w *world) items(cell string) int {
	names := stack.Cell(cell)
	n := len(w.db.Items(names.DataTable()))
	for _, item := range w.db.Items(names.ResultsTable()) {
		if item[ledger.AttrFencedTenant] == nil {
			n++
		}
	}
	return n
}

func TestOnlyATenantAtRestIsRemoved(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.refuses(exitRefused, "cellctl: tenant \"acme\" is active; 'cellctl tenants suspend acme' first\n", "tenants", "remove", "acme", "--yes")
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest - time.Second)
		w.refuses(exitRefused, "cellctl: tenant \"acme\" has been suspended for 1h0m, and a router may still know it as active; "+
			"try again after 2000-01-01T01:00:13.000Z, or add --wait\n", "tenants", "remove", "acme", "--yes")
		require.NotNil(t, w.mapping("acme"))
	})
}

// A tenant that moves is neither removed nor restored, and both refusals name the commands that end the move: one of them does.
func TestWhatAMoveStandsInTheWayOfNamesTheCommandsThatEndIt(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: fence:", "tenants", "move", "acme", "--to", "c02")
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest)
		for _, args := range [][]string{
			{"tenants", "remove", "acme", "--forget"},
			{"restore", "cell", "c01", "--at", "1999-12-31T23:00:00Z", "--tenant", "acme"},
		} {
			_, stderr, code := w.run(append(args, "--yes")...)
			require.Equal(t, exitRefused, code, stderr)
			require.Contains(t, stderr, "a move of tenant \"acme\" from cell c01 to c02 is under way, in phase fence")
			require.Contains(t, stderr, "'cellctl tenants move acme --resume' carries it on, 'cellctl tenants move acme --back-out' takes the tenant back to cell c01")
		}
		w.does("tenants", "move", "acme", "--back-out")
		require.Nil(t, w.mapping("acme")["moving_to"])
	})
}

func TestRemoveWaitsAndTellsHowLong(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest - 25*time.Second)
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--wait")
		require.Zero(t, code, stderr)
		require.Equal(t, printed(
			"waiting until no router knows the tenant as active: second 0 of 25",
			"waiting until no router knows the tenant as active: second 10 of 25, 15s left",
			"waiting until no router knows the tenant as active: second 20 of 25, 5s left",
			"waiting until no router knows the tenant as active: second 25 of 25",
			"Deleted in cell c01: 0 events, 0 outcomes, 0 other items, no dead letter.",
			inFlight,
		), stderr)
		require.Nil(t, w.mapping("acme"))
	})
}

func TestRemove_RefusesAndAsksBeforeItWaits(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "acme.jsonl")
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.does("tenants", "suspend", "acme", "--yes")
		w.event("c01", "acme", "1", ledger.Processed)
		began := time.Now()
		w.refuses(exitRefused, "cellctl: cell c01 holds data of tenant \"acme\"; add --export FILE to keep a copy, or --forget to give it up\n",
			"tenants", "remove", "acme", "--yes", "--wait")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		w.refuses(exitRefused, "cellctl: "+file+" is there already; name another file with --export\n", "tenants", "remove", "acme", "--yes", "--wait", "--export", file)
		require.NoError(t, os.Remove(file))
		w.refuses(cli.ExitUsage, "cellctl: the command asks before it acts, and stdin is no terminal; add --yes to go on without being asked\n",
			"tenants", "remove", "acme", "--wait", "--export", file)
		w.stdin = "no\n"
		_, stderr, code := w.run("tenants", "remove", "acme", "--wait", "--export", file)
		require.Equal(t, cli.ExitUsage, code)
		require.Contains(t, stderr, "Type acme to go on: cellctl: not confirmed; nothing was done\n")
		require.NoFileExists(t, file)
		require.Equal(t, began, time.Now(), "nothing was waited for")

		w.event("c01", "acme", "2", "")
		time.AfterFunc(time.Minute, func() { w.event("c01", "acme", "2", ledger.Processed) })
		time.AfterFunc(time.Minute, func() { w.event("c01", "acme", "3", "") })
		_, stderr, code = w.run("tenants", "remove", "acme", "--yes", "--wait", "--forget")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "has 1 event that the cell has neither processed nor given up on", "event 2 had the time of the wait, event 3 is still under way")
		require.Equal(t, rest, time.Since(began))
		require.Empty(t, w.removalPhase())
	})
}

func TestAnInterruptedRemovalSaysHowItStands(t *testing.T) {
	interrupted := func(t *testing.T, w *world, at func(dynamotest.Call) bool, args ...string) string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if at(c) {
				cancel()
			}
			if c.Table == stack.AuditTable() {
				return nil // the audit outlives the interrupt
			}
			return ctx.Err()
		}
		var out, errs bytes.Buffer
		err := w.app(&out, &errs).run(ctx, append([]string{"--stack", string(stack), "tenants", "remove", "acme", "--yes"}, args...))
		w.db.Intercept = nil
		require.Error(t, err)
		require.Equal(t, cli.ExitInterrupted, exitCode(err, true, &errs))
		time.Sleep(time.Minute) // the process of this test does not die
		return errs.String()
	}
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", ledger.Processed)
		stderr := interrupted(t, w, func(c dynamotest.Call) bool { return c.Operation == "GetItem" && c.Table == stack.MappingTable() }, "--forget")
		require.Equal(t, "Nothing was done about the removal of tenant acme.\ncellctl: interrupted\n", stderr)
		phase := func(phase string) func(dynamotest.Call) bool {
			return func(c dynamotest.Call) bool { return c.Operation == "TransactWriteItems" && w.removalPhase() == phase }
		}
		stderr = interrupted(t, w, phase("keep"), "--forget")
		require.Equal(t, "The removal of tenant acme is safe where it is, in phase keep; nothing was deleted.\n"+
			"'cellctl tenants remove acme' goes on with it, with --back-out calls it off.\ncellctl: interrupted\n", stderr)
		stderr = interrupted(t, w, phase("letters"))
		require.Contains(t, stderr, "The removal of tenant acme is safe where it is, in phase letters; 2 items deleted so far, as far as it was noted.\n"+
			"'cellctl tenants remove acme' goes on with it.\ncellctl: interrupted\n")
	})
}

func TestATenantWithoutDataIsRemovedAndItsPlaceIsFree(t *testing.T) {
	suspended(t, func(t *testing.T, w *world) {
		w.refuses(cli.ExitUsage, "cellctl: the command asks before it acts, and stdin is no terminal; add --yes to go on without being asked\n", "tenants", "remove", "acme")
		const question = "This removes tenant acme from stack dev, and deletes its dead letters. No cell holds anything else of it.\nType acme to go on: "
		w.stdin = "y\n"
		w.refuses(cli.ExitUsage, question+"cellctl: not confirmed; nothing was done\n", "tenants", "remove", "acme")
		w.stdin = "acme\n"
		stdout, stderr, code := w.run("tenants", "remove", "acme")
		require.Zero(t, code)
		require.Empty(t, stdout)
		require.Equal(t, question+printed("Deleted in cell c01: 0 events, 0 outcomes, 0 other items, no dead letter.", inFlight), stderr)
		require.Nil(t, w.mapping("acme"))
		stdout, _, _ = w.run("cells", "activate", "c01")
		require.Contains(t, stdout, "0/100")
	})
}

func TestDataIsNeverLostByAccident(t *testing.T) {
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", ledger.Processed)
		w.refuses(exitRefused, "cellctl: cell c01 holds data of tenant \"acme\"; add --export FILE to keep a copy, or --forget to give it up\n", "tenants", "remove", "acme", "--yes")
		w.refuses(cli.ExitUsage, "cellctl: --export and --forget exclude each other: the one keeps what the other gives up; see 'cellctl tenants remove --help'\n",
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
		w.event("c01", "acme", "1", ledger.Processed)
		w.event("c01", "acme", "2", ledger.Failed)
		w.event("c01", "zeta", "1", ledger.Processed)
		w.stdin = "acme\n"
		_, stderr, code := w.run("tenants", "remove", "acme", "--forget")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "deletes all that cell c01 holds of it, and its dead letters. There will be no copy but in backups.\nType acme to go on: ")
		require.Nil(t, w.mapping("acme"))
		require.Equal(t, 2, w.items("c01"), "another tenant's data stays")
	})
}

func TestWhatIsExportedIsDeletedOnlyThen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "acme.jsonl")
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", ledger.Processed)
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
		w.event("c01", "acme", "1", ledger.Processed)
		w.refuses(exitRefused, "cellctl: "+file+" is there already; name another file with --export\n", "tenants", "remove", "acme", "--yes", "--export", file)
		require.Equal(t, 2, w.items("c01"))

		w.refuses(cli.ExitFailure, "cellctl: create the file of --export: open "+filepath.Join(file, "x")+": not a directory\n", "tenants", "remove", "acme", "--yes", "--export", filepath.Join(file, "x"))
		require.Equal(t, 2, w.items("c01"))
	})
}

func TestATenantThatIsResumedMeanwhileKeepsItsData(t *testing.T) {
	file := filepath.Join(t.TempDir(), "acme.jsonl")
	suspended(t, func(t *testing.T, w *world) {
		w.event("c01", "acme", "1", ledger.Processed)
		tried := false
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "BatchGetItem" && c.Table == stack.Cell("c01").DataTable() && !tried {
				tried = true // the export has begun
				w.refuses(exitRefused, "cellctl: resume tenant \"acme\": refused: it is being removed: 'cellctl tenants remove acme' goes on with that, "+
					"and with --back-out calls it off unless something was deleted\n", "tenants", "resume", "acme")
			}
			return nil
		}
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--export", file)
		require.Zero(t, code, stderr)
		require.True(t, tried)
		require.Zero(t, w.items("c01"))
	})
}

func TestARemovalThatWasCutShortIsFinishedOrCalledOff(t *testing.T) {
	dir := t.TempDir()
	begun := func(t *testing.T, w *world, phase string) {
		w.event("c01", "acme", "1", ledger.Processed)
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation == "TransactWriteItems" && w.removalPhase() == phase {
				return errDown
			}
			return nil
		}
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--export", filepath.Join(dir, phase))
		require.Equal(t, cli.ExitFailure, code)
		require.Contains(t, stderr, "phase "+phase+": ")
		require.Contains(t, stderr, "; the removal is safe where it is: 'cellctl tenants remove acme' with --export FILE or --forget goes on with it")
		w.db.Intercept = nil
		time.Sleep(time.Minute) // the process of this test does not die
	}
	suspended(t, func(t *testing.T, w *world) {
		begun(t, w, "keep")
		stdout, stderr, code := w.run("moves", "list")
		require.Zero(t, code, stderr)
		require.Regexp(t, `(?m)^REMOVED TENANT .*\nacme +c01 +2 +keep +1m\S* ago +\S+ +\S+ ago +0$`, stdout)
		stdout, stderr, _ = w.run("moves", "show", "acme")
		require.Contains(t, stdout, "removal of tenant  acme\n")
		require.Contains(t, stderr, "--back-out calls it off.\n")
		stdout, stderr, code = w.run("tenants", "show", "acme")
		require.Zero(t, code, stderr)
		require.Regexp(t, `(?m)^state +suspended \(being removed\)$`, stdout)
		require.Regexp(t, `(?m)^removal +phase keep, since 2000-01-01T01:00:1\S+Z$`, stdout)
		require.Equal(t, "The tenant is being removed, and nothing else changes it meanwhile: 'cellctl tenants remove acme' with --export FILE or --forget "+
			"goes on with it, with --back-out calls it off.\n", stderr)
		stdout, _, _ = w.run("tenants", "show", "acme", "--output", "json")
		require.Contains(t, stdout, `"removing": true`)
		require.Contains(t, stdout, `"phase": "keep"`)
		stdout, _, _ = w.run("tenants", "list")
		require.Regexp(t, `(?m)^acme +c01 +suspended \(being removed\) +standard `, stdout)
		stdout, _, _ = w.run("tenants", "list", "--output", "json")
		require.Contains(t, stdout, `"removing": true`)
		_, stderr, code = w.run("moves", "resume", "--all")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "Tenant acme is being removed from cell c01, phase keep, which this leaves alone: 'cellctl tenants remove acme'")
		w.refuses(exitRefused, "cellctl: tenant \"acme\" is being removed from cell c01, phase keep; 'cellctl tenants remove acme' with --export FILE or --forget "+
			"goes on with it, with --back-out calls it off\n", "tenants", "move", "acme", "--to", "c02")
		_, stderr, code = w.run("tenants", "remove", "acme", "--back-out")
		require.Zero(t, code, stderr)
		require.Equal(t, "The removal of tenant acme is called off. It is suspended in cell c01; 'cellctl tenants resume acme' lets it send again.\n", stderr)
		require.Equal(t, 2, w.items("c01"))
		w.does("tenants", "resume", "acme")
		w.refuses(exitRefused, "cellctl: no removal of tenant \"acme\" is under way\n", "tenants", "remove", "acme", "--back-out")
	})
	suspended(t, func(t *testing.T, w *world) {
		begun(t, w, "delete")
		_, stderr, code := w.run("tenants", "remove", "acme", "--back-out")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "cellctl: call off the removal of tenant \"acme\": the tenant's data is being deleted; 'cellctl tenants remove acme' with")
		_, stderr, code = w.run("tenants", "remove", "acme")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "there is data that neither a copy was made of nor anybody gave up, in cell c01; add --export FILE to keep a copy, or --forget to give it up\n")
		_, stderr, code = w.run("tenants", "remove", "acme", "--forget")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "A removal of tenant acme from cell c01 is under way since ")
		require.Contains(t, stderr, "Deleted in cell c01: 1 event, 1 outcome, 0 other items, no dead letter.\n")
		require.Nil(t, w.mapping("acme"))
	})
}

// A removal goes on with the file that it has written, whatever it was cut short in, and deletes nothing that is not in it.
func TestTenantsRemove_GoesOnWithTheFileThatItWrote(t *testing.T) {
	cutShort := func(t *testing.T, w *world, phase, file string) {
		w.event("c01", "acme", "1", ledger.Processed)
		w.event("c01", "acme", "2", ledger.Processed)
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if c.Operation != "TransactWriteItems" || w.removalPhase() != phase {
				return nil
			}
			if phase == "delete" && len(w.db.Items(stack.Cell("c01").DataTable())) == 2 && strings.Contains(c.Table, stack.Cell("c01").DataTable()) {
				return nil // it dies when it has deleted the events, and not the outcomes
			}
			return errDown
		}
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--export", file)
		require.Equal(t, cli.ExitFailure, code, stderr)
		w.db.Intercept = nil
		time.Sleep(time.Minute) // the process of this test does not die
	}
	for _, phase := range []string{"keep", "delete"} {
		t.Run("complete, in "+phase, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "acme.jsonl")
			suspended(t, func(t *testing.T, w *world) {
				cutShort(t, w, phase, file)
				before, err := os.ReadFile(file)
				require.NoError(t, err)
				_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--export", file)
				require.Zero(t, code, stderr)
				require.Contains(t, stderr, file+" was written by this removal, and has 2 events, 2 outcomes and 0 other items, ")
				require.Nil(t, w.mapping("acme"))
				require.Zero(t, w.items("c01"))
				after, err := os.ReadFile(file)
				require.NoError(t, err)
				require.Equal(t, string(before), string(after))
			})
		})
		rest := map[string]string{
			"keep":   "Nothing was deleted yet: name another file with --export, which will hold everything\n",
			"delete": "If this removal wrote it, it may have what is deleted already: keep it. Name another file with --export, which will hold only the rest\n",
		}[phase]
		for name, c := range map[string]struct {
			spoil func(t *testing.T, file []byte, w *world) []byte
			why   string
		}{
			"of another removal": {func(_ *testing.T, file []byte, _ *world) []byte {
				return bytes.Replace(file, []byte(`"removal_epoch":2`), []byte(`"removal_epoch":1`), 1)
			}, "it was not written by this removal. "},
			"cut short":      {func(_ *testing.T, file []byte, _ *world) []byte { return file[:len(file)-20] }, "it is not complete. "},
			"something else": {func(*testing.T, []byte, *world) []byte { return []byte("<html>") }, "it is no export of a tenant's data: "},
			"not of all data": {func(_ *testing.T, file []byte, w *world) []byte {
				w.event("c01", "acme", "3", ledger.Processed)
				return file
			}, "there is data that is not in the copy: "},
		} {
			t.Run(name+", in "+phase, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "acme.jsonl")
				suspended(t, func(t *testing.T, w *world) {
					cutShort(t, w, phase, file)
					content, err := os.ReadFile(file)
					require.NoError(t, err)
					spoiled := c.spoil(t, content, w)
					require.NoError(t, os.WriteFile(file, spoiled, 0o600))
					items := w.items("c01")
					_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--export", file)
					require.Equal(t, exitRefused, code, stderr)
					require.Contains(t, stderr, "cellctl: "+file+" is no copy to go on with: ")
					require.Contains(t, stderr, c.why)
					require.Contains(t, stderr, rest)
					require.Equal(t, items, w.items("c01"))
					after, err := os.ReadFile(file)
					require.NoError(t, err)
					require.Equal(t, string(spoiled), string(after))

					time.Sleep(time.Minute)
					_, stderr, code = w.run("tenants", "remove", "acme", "--yes", "--export", file+".2")
					require.Zero(t, code, stderr)
					require.Nil(t, w.mapping("acme"))
				})
			})
		}
	}
}

func TestATenantThatWasRemovedIsNotUnknown(t *testing.T) {
	suspended(t, func(t *testing.T, w *world) {
		w.does("tenants", "remove", "acme", "--yes")
		at := event.FormatTime(time.Now())
		for _, command := range []string{"tenants show", "tenants remove", "tenants suspend", "tenants resume", "tenants move", "moves show"} {
			args := append(strings.Fields(command), "acme")
			if command == "tenants move" {
				args = append(args, "--to", "c02")
			}
			if command == "tenants suspend" {
				args = append(args, "--yes")
			}
			_, stderr, code := w.run(args...)
			require.Equal(t, exitRefused, code, command)
			require.Equal(t, "cellctl: tenant \"acme\" was removed at "+at+"; see 'cellctl moves list --tenant acme'\n", stderr, command)
		}
		stdout, _, _ := w.run("moves", "list", "--tenant", "acme")
		require.Regexp(t, `(?m)^acme +c01 +2 +done `, stdout)
		_, stderr, code := w.run("tenants", "show", "acne")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "unknown tenant")

		time.Sleep(record.KeepEnded + time.Hour)
		for _, item := range w.db.Items(stack.MoveTable()) { // the table's TTL
			if item[controltables.AttrExpiresAt] != nil {
				_, err := w.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: new(stack.MoveTable()), Key: dynamotest.Item{
					controltables.AttrTenantID: item[controltables.AttrTenantID], controltables.AttrEpoch: item[controltables.AttrEpoch],
				}})
				require.NoError(t, err)
			}
		}
		w.refuses(exitRefused, "cellctl: tenant \"acme\" was removed at "+at+"\n", "tenants", "show", "acme")

		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.does("tenants", "show", "acme")
	})
}

func TestARemovalTakesDeadLettersAlong(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, _ string) {
		w.does("tenants", "suspend", "acme", "--yes")
		time.Sleep(rest)
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes", "--forget")
		require.Zero(t, code, stderr)
		require.Contains(t, stderr, "Deleted in cell c01: 1 event, 1 outcome, 0 other items, 1 dead letter (consumer 1).\n")
		_, stderr, _ = w.run("dlq", "list", "--cell", "c01")
		require.Equal(t, "Nothing is in the DLQs of cell c01.\n", stderr)

		// One comes later, when another tenant has the name.
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.letter(q, "acme", "broken")
		stdout, stderr, code := w.run("dlq", "list", "--cell", "c01")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("KIND  TENANT  EVENT  TYPE  REASON  AGE  MESSAGE ID"), stdout)
		require.Contains(t, stderr, "1 message of tenants that were removed was there still, and is deleted.\n")
	})
}

// A process that was frozen while another one took its removal over takes no file away but its own.
func TestExport_DiscardsItsOwnFileAlone(t *testing.T) {
	for name, another := range map[string]bool{"its own": false, "another process's": true} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "acme.jsonl")
			e, err := (&app{}).newExport(nil, removalRequest{tenant: "acme", export: file}, removal.Removal{})
			require.NoError(t, err)
			if another {
				require.NoError(t, os.Remove(file))
				require.NoError(t, os.WriteFile(file, []byte("a complete copy"), 0o600))
			}
			e.discard()
			require.Equal(t, another, fileExists(file))
		})
	}
}
