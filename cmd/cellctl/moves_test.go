package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/operator/move"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

func TestShowTellsHowFarAMoveIsAndHowItGoesOn(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.refuses(exitRefused, "cellctl: tenant \"acme\" has not been moved in the last 90 days; 'cellctl tenants show acme' shows where it is\n", "moves", "show", "acme")
		w.refuses(exitRefused, "cellctl: tenant \"nobody\": unknown tenant\n", "moves", "show", "nobody")

		w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")
		w.held("acme", "ops-1:4242")
		time.Sleep(5 * time.Second)
		stdout, stderr, code := w.run("moves", "show", "acme")
		require.Zero(t, code)
		require.Equal(t, "\nops-1:4242 is at work on it, seen 5s ago: copying the rest, and comparing both cells.\n", stderr)
		require.Equal(t, `tenant             acme
from               c01
to                 c02
epoch              2
phase              copy
started            2000-01-01T00:00:00.000Z  7s ago
last sign of life  2000-01-01T00:00:02.000Z  5s ago
at work            ops-1:4242
flipped            -
redirect ends      -
finished           -

PHASE  STARTED                   TOOK
clone  2000-01-01T00:00:00.000Z  2.0s
fence  2000-01-01T00:00:02.000Z  0s
copy   -                         not over

events copied            1
outcomes copied          1
state items copied       0
events taken over        0
events sent on           0
items forgotten          0
conflicts                0
expired, not sent        0
unreadable, left behind  0

SAME IN BOTH CELLS  ITEMS  DIGEST
outcomes            -      not compared yet
state items         -      not compared yet
events              -      not compared yet
`, stdout)
	})
}

func TestAPhaseTookAsLongInATableAsInJSON(t *testing.T) {
	for took, c := range map[time.Duration]struct{ json, table string }{
		400 * time.Microsecond:                   {`"0s"`, "0s"},
		1499600 * time.Microsecond:               {`"1.5s"`, "1.5s"},
		1999600 * time.Microsecond:               {`"2s"`, "2.0s"},
		59*time.Second + 999600*time.Microsecond: {`"1m0s"`, "1m0s"},
	} {
		v := (&session{}).viewOfMove(move.Move{Phases: []move.PhaseTime{{Phase: move.Copy, Took: took}}})
		document, err := json.Marshal(v.Phases[0].Took)
		require.NoError(t, err)
		require.Equal(t, c.json, string(document))
		require.Equal(t, c.table, precise(took))
	}
}

// silent is longer than a process may be silent that is at work.
const silent = 15 * time.Second

func TestAProcessThatIsDeadIsNotAtWork(t *testing.T) {
	for name, c := range map[string]struct {
		holder string
		seen   time.Duration // ago
	}{
		"silent on another host": {"ops-1:4242", silent},
		"ended on this one":      {endedHere(t), time.Second},
	} {
		busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
			w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")
			w.held("acme", c.holder)
			time.Sleep(c.seen)
			stdout, stderr, code := w.run("moves", "show", "acme")
			require.Zero(t, code, name)
			require.Regexp(t, `(?m)^at work +-$`, stdout, name)
			require.Equal(t, "\nthe tenant's events are accepted, and wait until it is carried on: 'cellctl tenants move acme --resume' carries it on"+
				backOutToo+"\n", stderr, name)
			stdout, _, _ = w.run("moves", "list")
			require.Regexp(t, `(?m)^acme +c01 +c02 +2 +copy +\w+ ago +- +\w+ ago +1 +0 +-$`, stdout, name)
			stdout, _, _ = w.run("moves", "list", "--output", "json")
			require.Contains(t, stdout, `"holder": null`, name)
			_, stderr, code = w.run("tenants", "move", "acme", "--to", "canary")
			require.Equal(t, exitRefused, code, name)
			require.Contains(t, stderr, "phase copy; nobody has been at work on it for "+short(c.seen)+"; ", name)
		})
	}
}

func TestShowPrefersTheMoveUnderWay(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: redirect:", "tenants", "move", "acme", "--to", "c02")
		w.until("acme: fence:", "tenants", "move", "acme", "--back-out")
		stdout, _, code := w.run("moves", "show", "acme")
		require.Zero(t, code)
		require.Regexp(t, `(?m)^from +c02$`, stdout)
		require.Regexp(t, `(?m)^phase +fence \(way back\)$`, stdout)
		w.does("moves", "resume", "acme")
		stdout, _, _ = w.run("moves", "list", "--tenant", "acme")
		require.Regexp(t, `(?s)acme +c02 +c01 +3 +done .*\nacme +c01 +c02 +2 +reversed `, stdout)
	})
}

func TestAListOfMovesNamesNobodyByAccident(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.prints(printed("TENANT  FROM  TO  EPOCH  PHASE  STARTED  AT WORK  SEEN  EVENTS  SENT  REDIRECT ENDS"), "moves", "list", "--tenant", "acme")
		w.prints("{\n  \"moves\": [],\n  \"removals\": []\n}\n", "moves", "list", "--output", "json")
		w.refuses(exitRefused, "cellctl: tenant \"nobody\": unknown tenant\n", "moves", "list", "--tenant", "nobody")
		w.refuses(cli.ExitUsage, "cellctl: --tenant is \"#\", want the form "+event.TenantIDPattern+"; see 'cellctl moves list --help'\n",
			"moves", "list", "--tenant", "#")
	})
}

func TestMovesThatWereLeftAreFinished(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.does("tenants", "assign", "globex", "--cell", "c02")
		w.does("tenants", "move", "globex", "--to", "canary", "--no-wait")
		w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")

		stdout, stderr, code := w.run("moves", "resume", "--all", "--no-wait")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("TENANT  TO      PHASE     ERROR", "acme    c02     redirect  -", "globex  canary  redirect  -"), stdout)
		require.Contains(t, stderr, "2 moves left where the new cell serves the tenant; after 2000-01-01T01:00:21.000Z 'cellctl moves resume --all' finishes all of them at once.\n")

		began := time.Now()
		stdout, stderr, code = w.run("moves", "resume", "--all")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("TENANT  TO      PHASE  ERROR", "acme    c02     done   -", "globex  canary  done   -"), stdout)
		require.WithinRange(t, time.Now(), began.Add(time.Hour), began.Add(time.Hour+time.Minute), "both have waited at a time")

		stdout, stderr, code = w.run("moves", "resume", "--all")
		require.Zero(t, code)
		require.Empty(t, stdout, "no table of nothing")
		require.Equal(t, "No move is under way.\n", stderr)
	})
}

// What the help of 'moves list' says of a move that a resume is going to carry on.
func TestAMoveThatWaitsForTheNextRoundOfAResumeIsSeenEveryFewSeconds(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.does("tenants", "move", "acme", "--to", "c02", "--no-wait")
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.run("moves", "resume", "--all")
		}()
		for range 20 {
			time.Sleep(time.Minute + 700*time.Millisecond)
			stdout, stderr, code := w.run("moves", "list")
			require.Zero(t, code, stderr)
			require.Regexp(t, `(?m)^acme +c01 +c02 +2 +redirect +\w+ ago +\S+ +[0-5]s ago `, stdout)
		}
		<-done
	})
}

func TestAMoveThatOnlyHasToForgetIsFinished(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: forget:", "tenants", "move", "acme", "--to", "c02")
		time.Sleep(time.Hour)
		stdout, stderr, code := w.run("moves", "resume", "acme")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("TENANT  TO   PHASE  ERROR", "acme    c02  done   -"), stdout)
	})
}

func TestAMoveThatCannotBeCarriedOnDoesNotKeepTheOthers(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")
		stdout, stderr, code := w.run("moves", "resume", "nobody", "acme", "acme", "--parallel", "1")
		require.Equal(t, cli.ExitFailure, code)
		require.Equal(t, printed("TENANT  TO   PHASE  ERROR",
			"acme    c02  done   -",
			"nobody  -    -      tenant \"nobody\": unknown tenant; 'cellctl tenants list' shows those that there are"), stdout)
		require.Contains(t, stderr, "cellctl: 1 of 2 moves were not carried on; the lines above say why\n")
	})
}

func TestResumingNeedsToKnowWhich(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const name, help = "cellctl: ", "; see 'cellctl moves resume --help'\n"
		w.refuses(cli.ExitUsage, name+"name the tenants whose moves go on, or all with --all"+help, "moves", "resume")
		w.refuses(cli.ExitUsage, name+"name the tenants whose moves go on, or all with --all"+help, "moves", "resume", "acme", "--all")
		w.refuses(cli.ExitUsage, name+"--parallel is 0, want 1 to 64"+help, "moves", "resume", "--all", "--parallel", "0")
	})
}

func TestAnInterruptedResumeLeavesTheMoves(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: clone:", "tenants", "move", "acme", "--to", "c02")
		stdout, stderr := w.until("acme: redirect:", "moves", "resume", "--all")
		require.Empty(t, stdout)
		require.Contains(t, stderr, "The moves are safe where they are; the same command carries them on.\ncellctl: interrupted\n")
		w.does("moves", "resume", "--all")
	})
}

// evacuable returns a world with three tenants in c01, whose routers forget a mapping after two minutes.
func evacuable(t *testing.T, test func(t *testing.T, w *world, q *sqstest.SQS)) {
	t.Helper()
	busy(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.does("tenants", "assign", "globex", "--cell", "c01")
		w.does("tenants", "assign", "initech", "--cell", "c01")
		w.ssm[stack.RouterParameter()] = strings.Replace(w.ssm[stack.RouterParameter()], `"1h0m0s"`, `"2m0s"`, 1)
		test(t, w, q)
	})
}

func TestACellIsEvacuated(t *testing.T) {
	evacuable(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		began := time.Now()
		stdout, stderr, code := w.run("cells", "drain", "c01", "--evacuate", "--parallel", "1")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("TENANT   TO      PHASE  ERROR", "acme     c02     done   -", "globex   canary  done   -", "initech  c02     done   -"), stdout)
		// The bar and the mover work at a time: which of them comes first within a second is open.
		require.Regexp(t, `^tenants of cell c01 served by other cells: 0 of 3
tenants of cell c01 served by other cells: 3 of 3
(tenants of cell c01 whose moves are finished: 0 of 3, [0-9ms]+ left
){3}tenants of cell c01 whose moves are finished: 1 of 3, [1-9]s left
tenants of cell c01 whose moves are finished: 3 of 3
Cell c01 has no tenants left; 'cellctl cells retire c01' takes it out of service.
$`, stderr)
		require.WithinRange(t, time.Now(), began.Add(2*time.Minute), began.Add(3*time.Minute), "all have waited at a time")
		stdout, _, _ = w.run("tenants", "list", "--cell", "c01")
		require.Equal(t, 1, len(splitLines(stdout)))

		stdout, stderr, code = w.run("cells", "drain", "c01", "--evacuate", "--output", "json")
		require.Zero(t, code)
		require.Equal(t, `{
  "cell_id": "c01",
  "total": 0,
  "served": 0,
  "ended": 0,
  "failed": 0,
  "tenants": []
}
`, stdout)
		require.Equal(t, "Cell c01 has no tenants left; 'cellctl cells retire c01' takes it out of service.\n", stderr)
	})
}

// result is what came of a command.
type result struct {
	stdout, stderr string
	code           int
}

// atOnce runs a command three times at a time, each as a process of its own.
func (w *world) atOnce(args ...string) []result {
	var commands atomic.Int64
	w.holder = func() string { return fmt.Sprint("ops-", commands.Add(1), ":1") }
	w.db.Intercept = func(context.Context, dynamotest.Call) error {
		time.Sleep(time.Duration(rand.N(20)) * time.Millisecond) // so that they interleave
		return nil
	}
	results := make([]result, 3)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i].stdout, results[i].stderr, results[i].code = w.run(args...) })
	}
	group.Wait()
	return results
}

func TestDrain_MayEvacuateACellSeveralTimesAtOnce(t *testing.T) {
	evacuable(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		told := false
		for _, r := range w.atOnce("cells", "drain", "c01", "--evacuate", "--parallel", "2") {
			require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
			require.Regexp(t, `^TENANT .*
acme +(c02|canary) +done +-
globex +(c02|canary) +done +-
initech +(c02|canary) +done +-
$`, r.stdout)
			require.Contains(t, r.stderr, "Cell c01 has no tenants left; ")
			told = told || strings.Contains(r.stderr, "Another process is at work on tenants of cell c01, too")
		}
		require.True(t, told)
	})
}

func TestResume_MayCarryOnAllMovesSeveralTimesAtOnce(t *testing.T) {
	evacuable(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.does("cells", "drain", "c01", "--evacuate", "--no-wait")
		for _, r := range w.atOnce("moves", "resume", "--all") {
			require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
			require.Regexp(t, `^TENANT .*
acme +(c02|canary) +done +-
globex +(c02|canary) +done +-
initech +(c02|canary) +done +-
$`, r.stdout)
		}
	})
}

func TestAnEvacuationIsFinishedLater(t *testing.T) {
	evacuable(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		stdout, stderr, code := w.run("cells", "drain", "c01", "--evacuate", "--no-wait", "--parallel", "1")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "globex   canary  redirect  -\n")
		require.Contains(t, stderr, "Other cells serve all tenants of cell c01. After 2000-01-01T00:02:25.000Z 'cellctl cells drain c01 --evacuate' finishes their moves at once; "+
			"until then, what routers still write to cell c01 waits.\n")
		time.Sleep(2 * time.Hour)
		began := time.Now()
		w.does("cells", "drain", "c01", "--evacuate")
		require.Less(t, time.Since(began), time.Minute)
		w.prints(printed("TENANT  FROM  TO  EPOCH  PHASE  STARTED  AT WORK  SEEN  EVENTS  SENT  REDIRECT ENDS"), "moves", "list")
	})
}

func TestAnInterruptedEvacuationGoesOn(t *testing.T) {
	evacuable(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		stdout, stderr := w.until("whose moves are finished: 0 of 3", "cells", "drain", "c01", "--evacuate")
		require.Empty(t, stdout)
		require.Contains(t, stderr, "Cell c01 is draining, 3 of its tenants are served by other cells, and every move is safe where it is. The same command carries on.\ncellctl: interrupted\n")
		stdout, stderr, code := w.run("cells", "drain", "c01", "--evacuate")
		require.Zero(t, code, stderr)
		require.Equal(t, 4, len(splitLines(stdout)))
	})
}

func TestATenantWithoutPlaceDoesNotKeepTheOthers(t *testing.T) {
	evacuable(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.addCell("c02", 1, 2)
		w.does("cells", "drain", "canary")
		stdout, stderr, code := w.run("cells", "drain", "c01", "--evacuate", "--parallel", "1")
		require.Equal(t, cli.ExitFailure, code)
		require.Equal(t, printed("TENANT   TO   PHASE  ERROR", "acme     c02  done   -", "globex   c02  done   -",
			"initech  -    -      no room for a tenant of tier standard"), stdout)
		require.Contains(t, stderr, "\n  cell c02 is full, with 2 of 2 tenants\n")
		require.Contains(t, stderr, "cellctl: 1 of 3 tenants did not come out of cell c01; the lines above say why, 'cellctl cells drain c01 --evacuate' goes on with them\n")

		w.does("cells", "activate", "canary")
		stdout, stderr, code = w.run("cells", "drain", "c01", "--evacuate")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("TENANT   TO      PHASE  ERROR", "initech  canary  done   -"), stdout)
	})
}

func TestATenantOnItsWayIntoTheCellIsNotOverlooked(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.does("tenants", "assign", "globex", "--cell", "c02")
		w.does("tenants", "move", "globex", "--to", "c01", "--no-wait")
		stdout, stderr, code := w.run("cells", "drain", "c01", "--evacuate")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("TENANT  TO      PHASE  ERROR", "acme    canary  done   -"), stdout)
		const incoming = "Under way into cell c01: globex from c02 to c01, phase redirect. " +
			"Finish with 'cellctl moves resume TENANT', or 'cellctl tenants move TENANT --back-out'; then drain the cell again.\n"
		require.Equal(t, incoming, stderr[:len(incoming)])
		require.Equal(t, incoming, stderr[len(stderr)-len(incoming):], "it is said once more where one looks last")

		w.does("moves", "resume", "globex")
		stdout, _, _ = w.run("cells", "drain", "c01", "--evacuate")
		require.Contains(t, stdout, "globex  c02  done   -\n")
	})
}

func TestWhatOnlyAnEvacuationTakesIsRefusedWithoutOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const name, help = "cellctl: ", "; see 'cellctl cells drain --help'\n"
		w.refuses(cli.ExitUsage, name+"--parallel has no meaning without --evacuate"+help, "cells", "drain", "c01", "--parallel", "2")
		w.refuses(cli.ExitUsage, name+"--no-wait has no meaning without --evacuate"+help, "cells", "drain", "c01", "--no-wait")
		w.refuses(cli.ExitUsage, name+"--parallel is 65, want 1 to 64"+help, "cells", "drain", "c01", "--evacuate", "--parallel", "65")
		w.refuses(exitRefused, "cellctl: unknown cell \"c09\": stack dev has canary, c01, c02; 'cellctl cells list' shows them\n", "cells", "drain", "c09", "--evacuate")
	})
}

func TestATenantThatFailsDoesNotKeepTheOthers(t *testing.T) {
	evacuable(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		q.Intercept = func(context.Context, sqstest.Call) error { return errDown }
		stdout, stderr, code := w.run("cells", "drain", "c01", "--evacuate", "--parallel", "1")
		require.Equal(t, cli.ExitFailure, code)
		require.Regexp(t, `(?m)^acme +c02 +redirect +move of tenant "acme" .*, down$`, stdout)
		require.Regexp(t, `(?m)^globex .* done +-$`, stdout)
		require.Contains(t, stderr, "1 of 3 tenants did not come out of cell c01; ")
	})
}

func splitLines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }
