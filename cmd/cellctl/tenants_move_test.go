package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/terminal"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// busy returns a world with tenant acme in c01, which has processed one event of it and not yet another one.
func busy(t *testing.T, test func(t *testing.T, w *world, q *sqstest.SQS)) {
	t.Helper()
	withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.event("c01", "acme", "1", ledger.Processed)
		w.event("c01", "acme", "2", "")
		test(t, w, q)
	})
}

// until runs a command line that is interrupted when it has told of something.
func (w *world) until(told string, args ...string) (stdout, stderr string) {
	w.t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	errs := &bytes.Buffer{}
	a := w.app(&out, errs)
	a.stderr = terminal.NewWriter(writes(func(p []byte) (int, error) {
		if strings.Contains(string(p), told) {
			cancel()
		}
		return errs.Write(p)
	}))
	err := a.run(ctx, append([]string{"--stack", string(stack)}, args...))
	require.ErrorIs(w.t, err, context.Canceled, errs)
	require.Equal(w.t, cli.ExitInterrupted, exitCode(err, true, errs))
	return out.String(), errs.String()
}

type writes func([]byte) (int, error)

func (w writes) Write(p []byte) (int, error) { return w(p) }

// held notes in the record of a tenant's second epoch that a process was at work on its move a moment ago.
func (w *world) held(tenant, holder string) {
	w.t.Helper()
	stored := w.record(tenant)
	stored["holder"] = item.Text(holder)
	stored["updated_at"] = item.Text(event.FormatTime(time.Now()))
	w.db.Put(stack.MoveTable(), stored)
}

func (w *world) record(tenant string) dynamotest.Item {
	w.t.Helper()
	for _, stored := range w.db.Items(stack.MoveTable()) {
		if stored[controltables.AttrOpen] != nil && fmt.Sprint(stored[controltables.AttrTenantID]) == fmt.Sprint(item.Text(tenant)) {
			return stored
		}
	}
	w.t.Fatalf("no move of %s is under way", tenant)
	return nil
}

// The first lines of every move of acme from c01 to c02 in these tests, as far as the new cell serves it.
const asFarAsFlip = `acme: clone: copying to cell c02 what can no longer change; cell c01 serves the tenant
acme: fence: cell c01 keeps the tenant's events for cell c02 from here on (1 event, 1 outcome copied)
acme: copy: copying the rest, and comparing both cells (1 event, 1 outcome copied)
acme: flip: giving the tenant to cell c02, under epoch 2 (2 events, 1 outcome copied)
`

const redirecting = `acme: redirect: cell c02 serves the tenant; sending on what routers still write to cell c01, until 2000-01-01T01:00:17.000Z (2 events, 1 outcome copied)
`

func TestAMoveIsToldPhaseByPhaseAndSummedUp(t *testing.T) {
	busy(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		stdout, stderr, code := w.run("tenants", "move", "acme", "--to", "c02")
		require.Zero(t, code, stderr)
		require.Equal(t, asFarAsFlip+redirecting+
			`acme: verify: looking at everything in cell c01 once more, and comparing both cells (2 events, 1 outcome copied; 1 event sent on)
acme: forget: deleting in cell c01 what has been seen in cell c02 (2 events, 1 outcome copied; 1 event sent on)
acme: done: the tenant is in cell c02 (2 events, 1 outcome copied; 1 event sent on; 4 items forgotten)
`, stderr)
		require.Equal(t, `PHASE     STARTED                   TOOK
clone     2000-01-01T00:00:00.000Z  2.0s
fence     2000-01-01T00:00:02.000Z  0s
copy      2000-01-01T00:00:02.000Z  2.0s
flip      2000-01-01T00:00:04.000Z  0s
redirect  2000-01-01T00:00:04.000Z  1h0m
verify    2000-01-01T01:00:17.000Z  0s
forget    2000-01-01T01:00:17.000Z  0s
done      2000-01-01T01:00:17.000Z  1h0m

events copied            2
outcomes copied          1
state items copied       0
events taken over        1
events sent on           1
items forgotten          4
conflicts                0
expired, not sent        0
unreadable, left behind  0

SAME IN BOTH CELLS  ITEMS  DIGEST
outcomes            1      fc3934df289b
state items         0      -
events              2      7f79e118dce2
`, stdout)
		require.Len(t, q.Messages(cellManifest("c02", 1, 1).QueueURL), 1)
		w.prints(printed(
			"TENANT  FROM  TO   EPOCH  PHASE  STARTED   AT WORK  SEEN    EVENTS  SENT  REDIRECT ENDS",
			"acme    c01   c02  2      done   1h0m ago  -        0s ago  2       1     2000-01-01T01:00:17.000Z",
		), "moves", "list", "--tenant", "acme")
		w.prints(printed("TENANT  FROM  TO  EPOCH  PHASE  STARTED  AT WORK  SEEN  EVENTS  SENT  REDIRECT ENDS"), "moves", "list")
	})
}

func TestAMoveAsJSON(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		stdout, _, code := w.run("tenants", "move", "acme", "--to", "c02", "--no-wait", "--output", "json")
		require.Zero(t, code)
		require.Equal(t, `{
  "tenant_id": "acme",
  "from": "c01",
  "to": "c02",
  "epoch": 2,
  "phase": "redirect",
  "backing_out": false,
  "started_at": "2000-01-01T00:00:00.000Z",
  "updated_at": "2000-01-01T00:00:04.000Z",
  "flipped_at": "2000-01-01T00:00:04.000Z",
  "redirect_until": "2000-01-01T01:00:17.000Z",
  "finished_at": null,
  "holder": null,
  "abandoned": null,
  "losses": [],
  "phases": [
    {
      "phase": "clone",
      "started_at": "2000-01-01T00:00:00.000Z",
      "took": "2s"
    },
    {
      "phase": "fence",
      "started_at": "2000-01-01T00:00:02.000Z",
      "took": "0s"
    },
    {
      "phase": "copy",
      "started_at": "2000-01-01T00:00:02.000Z",
      "took": "2s"
    },
    {
      "phase": "flip",
      "started_at": "2000-01-01T00:00:04.000Z",
      "took": "0s"
    }
  ],
  "counts": {
    "events": 2,
    "outcomes": 1,
    "state": 0,
    "taken_over": 1,
    "sent": 1,
    "conflicts": 0,
    "forgotten": 0,
    "expired": 0,
    "unreadable": 0,
    "same_outcomes": {
      "items": 0,
      "digest": ""
    },
    "same_state": {
      "items": 0,
      "digest": "0000000000000000000000000000000000000000000000000000000000000000"
    },
    "same_events": {
      "items": 0,
      "digest": ""
    }
  }
}
`, stdout)
	})
}

func TestNoWaitSaysHowAndWhenToFinish(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		_, stderr, code := w.run("tenants", "move", "acme", "--to", "c02", "--no-wait")
		require.Zero(t, code)
		require.Equal(t, asFarAsFlip+redirecting+"Tenant acme is served by cell c02. What routers still write to cell c01 waits until the move is carried on; "+
			"after 2000-01-01T01:00:17.000Z it can be finished: 'cellctl tenants move acme --resume', or 'cellctl moves resume --all' for all that were left.\n", stderr)
		w.prints(printed(
			"TENANT  FROM  TO   EPOCH  PHASE     STARTED  AT WORK  SEEN    EVENTS  SENT  REDIRECT ENDS",
			"acme    c01   c02  2      redirect  4s ago   -        0s ago  2       1     2000-01-01T01:00:17.000Z",
		), "moves", "list")

		time.Sleep(time.Hour)
		stdout, stderr, code := w.run("tenants", "move", "acme", "--resume")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "done")
	})
}

func TestAMoveThatCannotBeginSaysWhatToDo(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.addCell("c02", 1, 1)
		w.does("tenants", "assign", "globex", "--cell", "c02")
		w.does("cells", "drain", "canary")
		for _, c := range []struct{ tenant, to, stderr string }{
			{"nobody", "c02", `move tenant "nobody" to cell c02: tenant "nobody": unknown tenant; 'cellctl tenants assign nobody --cell c02' places a new tenant`},
			{"acme", "c09", `move tenant "acme" to cell c09: unknown cell "c09": stack dev has canary, c01, c02; 'cellctl cells list' shows them`},
			{"acme", "c01", `tenant "acme" is in cell c01 already; nothing was done`},
			{"acme", "c02", "cell c02 takes no tenant: it is full, with 1/1 tenants; no other cell of tier standard takes one"},
			{"acme", "canary", "cell canary takes no tenant: it is draining; 'cellctl cells activate canary' has it take tenants; no other cell of tier standard takes one"},
			{"globex", "canary", "cell canary takes no tenant: it is draining; 'cellctl cells activate canary' has it take tenants; these take one of tier standard: c01 (1/100)"},
			{"cellctl-probe.c01", "c02", `move tenant "cellctl-probe.c01" to cell c02: a tenant that cells are probed with does not move`},
		} {
			w.refuses(exitRefused, "cellctl: "+c.stderr+"\n", "tenants", "move", c.tenant, "--to", c.to)
		}
		for _, item := range w.db.Items(stack.MoveTable()) {
			require.NotContains(t, item, "phase", "no move has begun")
		}

		w.does("cells", "retire", "canary", "--yes")
		w.refuses(exitRefused, "cellctl: cell canary takes no tenant: it is retired; 'cellctl cells activate canary' has it take tenants; "+
			"no other cell of tier standard takes one\n", "tenants", "move", "acme", "--to", "canary")
	})
}

func TestAMoveNeedsToKnowWhatToDo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const name, help = "cellctl: ", "; see 'cellctl tenants move --help'\n"
		w.refuses(cli.ExitUsage, name+"TENANT is missing"+help, "tenants", "move", "--to", "c02")
		w.refuses(cli.ExitUsage, name+"one of --to, --resume, --back-out and --abandon is missing"+help, "tenants", "move", "acme")
		w.refuses(cli.ExitUsage, name+"--to, --resume, --back-out and --abandon exclude each other"+help, "tenants", "move", "acme", "--resume", "--back-out")
		w.refuses(cli.ExitUsage, name+"--to, --resume, --back-out and --abandon exclude each other"+help, "tenants", "move", "acme", "--to", "c02", "--resume")
	})
}

func TestWithoutAMoveThereIsNothingToCarryOn(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		for _, way := range []string{"--resume", "--back-out"} {
			w.refuses(exitRefused, "cellctl: no move of tenant \"acme\" is under way; it is in cell c01, 'cellctl moves list --tenant acme' shows its moves of the past\n",
				"tenants", "move", "acme", way)
			w.refuses(exitRefused, "cellctl: tenant \"nobody\": unknown tenant; 'cellctl tenants list' shows those that there are\n", "tenants", "move", "nobody", way)
		}
	})
}

func TestAnInterruptedMoveSaysHowThingsStand(t *testing.T) {
	for _, c := range []struct{ at, standing, ways string }{
		{"clone", "cell c01 serves the tenant as before", backOutToo},
		{"copy", "the tenant's events are accepted, and wait until it is carried on", backOutToo},
		{"redirect", "cell c02 serves the tenant, and what reaches cell c01 waits until it is carried on", backOutToo},
		{"forget", "cell c02 serves the tenant", "."},
	} {
		busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
			stdout, stderr := w.until("acme: "+c.at+":", "tenants", "move", "acme", "--to", "c02")
			require.Empty(t, stdout)
			_, end, _ := strings.Cut(stderr, "acme: "+c.at)
			_, end, _ = strings.Cut(end, "\n")
			require.Equal(t, "The move of tenant acme is safe where it is, in phase "+c.at+": "+c.standing+".\n"+
				"'cellctl tenants move acme --resume' carries it on"+c.ways+"\ncellctl: interrupted\n", end)
			require.Nil(t, w.record("acme")["holder"], "the next one need not wait")

			_, _, code := w.run("tenants", "move", "acme", "--resume")
			require.Zero(t, code)
			require.Equal(t, item.Text("c02"), w.mapping("acme")["cell_id"])
		})
	}
}

const backOutToo = ", 'cellctl tenants move acme --back-out' takes the tenant back to cell c01."

func TestAFailureSaysHowThingsStand(t *testing.T) {
	busy(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		q.Intercept = func(context.Context, sqstest.Call) error { return errDown }
		stdout, stderr, code := w.run("tenants", "move", "acme", "--to", "c02")
		require.Equal(t, cli.ExitFailure, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, redirecting+"The move of tenant acme is safe where it is, in phase redirect: cell c02 serves the tenant, and what reaches cell c01 waits until it is carried on.\n"+
			"'cellctl tenants move acme --resume' carries it on"+backOutToo+"\ncellctl: move of tenant \"acme\" from cell c01 to c02, phase redirect: ")
		require.True(t, strings.HasSuffix(stderr, ", down\n"), stderr)
	})
}

func TestAMoveUnderWayIsNotBegunAgain(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")
		time.Sleep(90 * time.Second)
		w.refuses(exitRefused, "cellctl: a move of tenant \"acme\" from cell c01 to c02 is under way, in phase copy; nobody has been at work on it for 1m30s; "+
			"'cellctl tenants move acme --resume' carries it on"+strings.TrimSuffix(backOutToo, ".")+"\n", "tenants", "move", "acme", "--to", "canary")
		w.held("acme", "ops-1:4242")
		time.Sleep(3 * time.Second)
		w.refuses(exitRefused, "cellctl: a move of tenant \"acme\" from cell c01 to c02 is under way, in phase copy; ops-1:4242 is at work on it, seen 3s ago; "+
			"'cellctl tenants move acme --resume' carries it on"+strings.TrimSuffix(backOutToo, ".")+"\n", "tenants", "move", "acme", "--to", "canary")
	})
}

func TestAMoveIsBackedOut(t *testing.T) {
	for at, want := range map[string]string{
		"copy": "acme: give-back: giving the tenant back to cell c01, and having cell c02 forget it (1 event, 1 outcome copied)\n" +
			"acme: backed-out: the tenant is in cell c01, as if it had not moved (1 event, 1 outcome copied; 2 items forgotten)\n",
		"redirect": "acme: reversed: cell c02 has served the tenant, so a move takes it back to cell c01 (2 events, 1 outcome copied)\n" +
			"acme: clone: copying to cell c01 what can no longer change; cell c02 serves the tenant\n",
	} {
		busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
			w.until("acme: "+at+":", "tenants", "move", "acme", "--to", "c02")
			_, stderr, code := w.run("tenants", "move", "acme", "--back-out")
			require.Zero(t, code, stderr)
			require.Contains(t, stderr, want)
			require.Equal(t, item.Text("c01"), w.mapping("acme")["cell_id"])
			require.Nil(t, w.mapping("acme")["moving_to"])
		})
	}
}

func TestAMoveThatForgetsIsNotBackedOut(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: forget:", "tenants", "move", "acme", "--to", "c02")
		w.refuses(exitRefused, "cellctl: back out the move of tenant \"acme\" from cell c01 to c02: the old cell has begun to forget the tenant: "+
			"carry the move on, then move it back: 'cellctl tenants move acme --resume'\n", "tenants", "move", "acme", "--back-out")
	})
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: redirect:", "tenants", "move", "acme", "--to", "c02")
		w.until("acme: clone:", "tenants", "move", "acme", "--back-out")
		w.refuses(exitRefused, "cellctl: back out the move of tenant \"acme\" from cell c02 to c01: it is being backed out already: carry it on: "+
			"'cellctl tenants move acme --resume'\n", "tenants", "move", "acme", "--back-out")
	})
}

func TestADeadHolderIsWaitedForUnlessItIsKnownToBeDead(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")
		w.held("acme", "ops-1:4242")
		began := time.Now()
		_, stderr, code := w.run("tenants", "move", "acme", "--resume", "--no-wait")
		require.Zero(t, code, stderr)
		require.True(t, strings.HasPrefix(stderr, "waiting to see whether it is alive: move of tenant \"acme\" from cell c01 to c02, phase copy: "+
			"another process is at work on this move: ops-1:4242, 0s ago; it is taken to be dead 15s after its last sign of life\nacme: copy: "), stderr)
		require.WithinRange(t, time.Now(), began.Add(15*time.Second), began.Add(20*time.Second))
	})

	holder := endedHere(t)
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")
		w.held("acme", holder)
		_, stderr, code := w.run("tenants", "move", "acme", "--resume", "--no-wait")
		require.Zero(t, code, stderr)
		require.True(t, strings.HasPrefix(stderr, "acme: copy: "), stderr)
	})
}

// endedHere is a holder that was a process of this host, and is there no more.
func endedHere(t *testing.T) string {
	t.Helper()
	dead := osexec.Command("true")
	require.NoError(t, dead.Run())
	host, err := os.Hostname()
	require.NoError(t, err)
	return fmt.Sprintf("%s:%d", host, dead.Process.Pid)
}

func TestALiveHolderIsLeftToItsWork(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.until("acme: copy:", "tenants", "move", "acme", "--to", "c02")
		w.held("acme", "ops-1:4242")
		began, stop := time.Now(), make(chan struct{})
		go func() { // what a mover does
			ticker := time.NewTicker(3 * time.Second)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					w.held("acme", "ops-1:4242")
				case <-stop:
					return
				}
			}
		}()
		_, stderr, code := w.run("tenants", "move", "acme", "--back-out")
		close(stop)
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "cellctl: tenant \"acme\": ops-1:4242 is alive and at work on the move; leave it to that process, or end it and try again; "+
			"'cellctl moves show acme' shows how far it is\n")
		require.WithinRange(t, time.Now(), began, began.Add(5*time.Second))
	})
}

func TestConflictsAreSaidWithWhereTheyAre(t *testing.T) {
	busy(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		other := event.Event{TenantID: "acme", ID: "2", Type: "order.placed", Payload: []byte(`{"other":true}`), Epoch: 2, AcceptedAt: time.Now()}
		w.until("acme: redirect:", "tenants", "move", "acme", "--to", "c02")
		other.ID = "3"
		w.db.Put(stack.Cell("c02").DataTable(), other.Item())
		w.event("c01", "acme", "3", "")
		stdout, stderr, code := w.run("tenants", "move", "acme", "--resume")
		require.Zero(t, code, stderr)
		require.Regexp(t, `(?m)^conflicts +1$`, stdout)
		require.Contains(t, stderr, "acme: cell c02 had accepted other content under the ids of 1 event; the events are in the consumer DLQ of cell c01: "+
			"'cellctl dlq list --cell c01 --kind consumer --tenant acme'\n")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)
	})
}

func TestOnATerminalALineTellsTheTimeLeft(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		var out, errs bytes.Buffer
		a := w.app(&out, &errs)
		a.terminal = func(stream any) bool { return stream == a.stderr }
		require.NoError(t, a.run(t.Context(), []string{"--stack", string(stack), "tenants", "move", "acme", "--to", "c02"}))
		require.Contains(t, errs.String(), clearLine+"  1h0m left; 1 event sent on"+clearLine)
		require.Contains(t, errs.String(), clearLine+"  7s left; 1 event sent on"+clearLine)
		require.Contains(t, errs.String(), clearLine+"acme: verify: ", "a line replaces what was live")
		require.True(t, strings.HasSuffix(errs.String(), "4 items forgotten)\n"))
	})
}

func TestAMoveThatAnotherProcessTookOverIsLeftToIt(t *testing.T) {
	busy(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		q.Intercept = func(_ context.Context, c sqstest.Call) error {
			if c.Operation != "SendMessageBatch" {
				return nil
			}
			item := w.record("acme")
			item["run"] = &types.AttributeValueMemberN{Value: "9"}
			w.db.Put(stack.MoveTable(), item)
			return nil
		}
		_, stderr, code := w.run("tenants", "move", "acme", "--to", "c02")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "cellctl: move of tenant \"acme\" from cell c01 to c02, phase redirect: list the diverted events of tenant \"acme\": another process has taken over this move, and carries it on; "+
			"'cellctl moves show acme' shows how far it is\n")
	})
}
