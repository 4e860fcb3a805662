package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/sqstest"
)

// lost has an event acme#lost in c01 that is neither applied nor in any queue, besides one in a DLQ.
func lost(t *testing.T, test func(t *testing.T, w *world, q *sqstest.SQS)) {
	t.Helper()
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.event("c01", "acme", "lost", "")
		time.Sleep(time.Hour)
		test(t, w, q)
	})
}

func TestLostEventsAreFoundAndSent(t *testing.T) {
	lost(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		stdout, stderr, code := w.run("replay", "c01", "--since", "2h", "--dry-run")
		require.Zero(t, code, stderr)
		require.Equal(t, printed(
			"found  1", "due    1", "",
			"EVENT      REASON                               VERDICT",
			"acme#lost  no outcome, and no message in a DLQ  due",
		), stdout)
		require.Empty(t, q.Messages(c01.QueueURL))

		w.refuses(exitUsage, "cellctl: cellctl replay asks before it acts, and stdin is no terminal; add --yes to go on without being asked\n", "replay", "c01", "--since", "2h")
		stdout, stderr, code = w.run("replay", "c01", "--since", "1999-12-31T23:00:00Z", "--tenant", "acme", "--yes", "-o", "json")
		require.Zero(t, code, stderr)
		require.Equal(t, "found events: 1\n", stderr)
		require.JSONEq(t, `{"dry_run":false,"found":1,"reasons":{"no outcome, and no message in a DLQ":1},"verdicts":{"sent":1},
			"events":[{"key":"acme#lost","reason":"no outcome, and no message in a DLQ","verdict":"sent"}]}`, stdout)
		require.Len(t, q.Messages(c01.QueueURL), 1)
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1, "what is in a DLQ is for a redrive")
	})
}

func TestAReplayOfNothingSaysSo(t *testing.T) {
	lost(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.prints(`{
  "dry_run": true,
  "found": 0,
  "reasons": {},
  "verdicts": {},
  "events": []
}
`, "replay", "c01", "--since", "30m", "--dry-run", "-o", "json")
	})
}

func TestAReplayThatCannotBeMadeIsRefused(t *testing.T) {
	lost(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		const help = "; see 'cellctl replay --help'\n"
		w.refuses(exitUsage, "cellctl: cellctl replay: --since is missing"+help, "replay", "c01")
		w.refuses(exitUsage, "cellctl: cellctl replay: --since is \"noon\", want a time such as 2026-07-01T12:00:00Z, or how long ago it was, such as 90m"+help, "replay", "c01", "--since", "noon")
		w.refuses(exitUsage, "cellctl: cellctl replay: --rate is -1, want more than 0"+help, "replay", "c01", "--since", "1h", "--rate", "-1")
		_, stderr, code := w.run("replay", "c01", "--since", "1000h", "--yes")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "may have expired")
	})
}
