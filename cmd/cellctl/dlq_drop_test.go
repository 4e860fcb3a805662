package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/resend"
	"cellular/internal/testkit/sqstest"
)

func TestADropAsksForTheCell(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.refuses(cli.ExitUsage, "cellctl: the command asks before it acts, and stdin is no terminal; add --yes to go on without being asked\n",
			"dlq", "drop", "--cell", "c01", "--all")
		w.stdin = "yes\n"
		for warning, args := range map[string][]string{
			"This deletes every message in the DLQs of cell c01 of stack dev, and gives up what has not been applied. There will be no copy.":                                {"--all"},
			"This deletes every message of tenant acme in the consumer DLQ of cell c01 of stack dev, and gives up what has not been applied. A copy will be in /nowhere/x.":  {"--tenant", "acme", "--kind", "consumer", "--save", "/nowhere/x"},
			"This deletes 2 messages in the DLQs of cell c01 of stack dev, and gives up what has not been applied. There will be no copy.":                                   {"--id", "x", "--id", "y"},
			"This deletes 1 message of tenant acme in the stream and consumer DLQs of cell c01 of stack dev, and gives up what has not been applied. There will be no copy.": {"--id", id, "--tenant", "acme", "--kind", "stream,consumer"},
		} {
			w.refuses(cli.ExitUsage, warning+"\nType c01 to go on: cellctl: not confirmed; nothing was done\n", append([]string{"dlq", "drop", "--cell", "c01"}, args...)...)
		}
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)

		w.stdin = "c01\n"
		stdout, stderr, code := w.run("dlq", "drop", "--cell", "c01", "--all")
		require.Zero(t, code, stderr)
		require.Equal(t, printed("KIND          DROPPED", "stream        0", "subscription  0", "consumer      1"), stdout)
		require.Empty(t, q.Messages(c01.ConsumerDLQURL))
	})
}

func TestADropTakesOnlyWhatIsNamed(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.tells("", "No message of tenant zeta is in the DLQs of cell c01.\n", "dlq", "drop", "--cell", "c01", "--tenant", "zeta", "--yes")
		w.refuses(exitRefused, "cellctl: no message with this id is in the DLQs of cell c01; 'cellctl dlq list --cell c01' shows what is there\n",
			"dlq", "drop", "--cell", "c01", "--id", "x", "--yes")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)
		w.tells(`{
  "cell": "c01",
  "kinds": [
    {
      "kind": "consumer",
      "dropped": 1
    }
  ],
  "kept": []
}
`, "dropped messages: 1\n1 of 2 messages were not there.\n", "dlq", "drop", "--cell", "c01", "--kind", "consumer", "--id", id, "--id", "x", "--yes", "-o", "json")
	})
}

func TestWhatIsDroppedIsSavedFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dropped.jsonl")
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.letter(q, "acme", "second")
		w.tells("", "No message of tenant zeta is in the DLQs of cell c01.\n", "dlq", "drop", "--cell", "c01", "--tenant", "zeta", "--save", file, "--yes")
		require.NoFileExists(t, file, "there was nothing to save")
		w.refuses(cli.ExitFailure, "cellctl: create the file of --save: open "+filepath.Join(file, "x")+": no such file or directory\n",
			"dlq", "drop", "--cell", "c01", "--all", "--save", filepath.Join(file, "x"), "--yes")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 2)

		w.does("dlq", "drop", "--cell", "c01", "--all", "--save", file, "--yes")
		saved, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSpace(string(saved)), "\n")
		require.Len(t, lines, 2)
		var letter letterView
		require.NoError(t, json.Unmarshal([]byte(lines[0]), &letter))
		require.Equal(t, id, letter.MessageID)
		require.Contains(t, letter.Body, `"event_id":"broken"`)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), "it is a tenant's data")
		w.refuses(exitRefused, "cellctl: "+file+" is there already; name another file with --save\n", "dlq", "drop", "--cell", "c01", "--all", "--save", file, "--yes")
	})
}

func TestWhatIsDroppedIsNotSentAgain(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, _ string) {
		w.does("dlq", "drop", "--cell", "c01", "--all", "--yes")
		time.Sleep(time.Hour)
		w.tells("", "Nothing to replay: of the events that cell c01 accepted from 1999-12-31T23:00:00.000Z to 2000-01-01T00:55:00.000Z, none was lost.\n"+
			"1 event was dropped by an operator, and left alone.\n", "replay", "--cell", "c01", "--since", "2h")
		again := w.letter(q, "acme", "broken")
		w.fails(cli.ExitFailure, printed(
			"KIND      MESSAGES  SENT  ALREADY APPLIED  KEPT",
			"consumer  1         0     0                1",
			"",
			"KIND      EVENT        MESSAGE ID  KEPT BECAUSE",
			"consumer  acme#broken  "+again+"   "+resend.Dropped.Explain(),
		), "cellctl: 1 message was kept that cannot be redriven; 'cellctl dlq show' prints one, 'cellctl dlq drop' gives it up\n",
			"dlq", "redrive", "--cell", "c01", "--kind", "consumer")
		require.Empty(t, q.Messages(c01.QueueURL))
	})
}

func TestALetterWhoseTenantIsBeingMovedIsNotDropped(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		fence := ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Outgoing, Peer: "c02", UpdatedAt: time.Now()}
		w.db.Put(stack.Cell("c01").ResultsTable(), fence.Item())
		w.fails(cli.ExitFailure, printed(
			"KIND      DROPPED",
			"consumer  0",
			"",
			"KIND      EVENT        MESSAGE ID  KEPT BECAUSE",
			"consumer  acme#broken  "+id+"   "+resend.Moving.Explain(),
		), "cellctl: 1 message was kept; drop again later\n", "dlq", "drop", "--cell", "c01", "--kind", "consumer", "--all", "--yes")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)
		require.Equal(t, item.Text("rejected"), w.db.Item(stack.Cell("c01").ResultsTable(), "acme#broken")[ledger.AttrReason])
	})
}
