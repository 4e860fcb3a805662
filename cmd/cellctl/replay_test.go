package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/operator/resend"
	"cellular/internal/testkit/sqstest"
)

// inDLQ is what a replay says of the event of lost that is in a DLQ.
const inDLQ = "1 event was skipped: a DLQ has a message about it. 'cellctl dlq redrive --cell c01' sends what can be sent.\n"

// lost has an event acme#lost in c01 that is neither applied nor in any queue, besides one in a DLQ.
func lost(t *testing.T, test func(t *testing.T, w *world, q *sqstest.SQS)) {
	t.Helper()
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, _ string) {
		w.event("c01", "acme", "lost", "")
		time.Sleep(time.Hour)
		test(t, w, q)
	})
}

func TestLostEventsAreFoundAndSent(t *testing.T) {
	lost(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.tells(printed(
			"FOUND                                EVENTS",
			"no outcome, and no message in a DLQ  1",
			"",
			"OUTCOME        EVENTS",
			"would be sent  1",
			"",
			"EVENT      FOUND                                OUTCOME",
			"acme#lost  no outcome, and no message in a DLQ  would be sent",
		), "lost events: 1\n"+inDLQ, "replay", "--cell", "c01", "--dry-run")
		require.Empty(t, q.Messages(c01.QueueURL))

		w.tells(printed(
			"FOUND                                EVENTS",
			"no outcome, and no message in a DLQ  1",
			"",
			"OUTCOME  EVENTS",
			"sent     1",
		), "lost events: 1\n"+inDLQ, "replay", "--cell", "c01", "--since", "2h")
		require.Len(t, q.Messages(c01.QueueURL), 1)

		w.tells(`{
  "cell": "c01",
  "since": "1999-12-31T23:00:00.000Z",
  "until": "2000-01-01T00:59:00.000Z",
  "dry_run": false,
  "found": 1,
  "dropped": 0,
  "in_dlq": 1,
  "too_recent": 0,
  "reasons": {
    "no outcome, and no message in a DLQ": 1
  },
  "verdicts": {
    "sent": 1
  },
  "events": [
    {
      "key": "acme#lost",
      "reason": "no outcome, and no message in a DLQ",
      "verdict": "sent",
      "problem": null
    }
  ]
}
`, "lost events: 1\n"+inDLQ, "replay", "--cell", "c01", "--since", "1999-12-31T23:00:00Z", "--grace", "1m", "--tenant", "acme", "-o", "json")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1, "what is in a DLQ is for a redrive")
	})
}

func TestAReplayThatFindsNothingSaysSo(t *testing.T) {
	lost(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.tells("", "Nothing to replay: of the events that cell c01 accepted from 2000-01-01T00:30:00.000Z to 2000-01-01T00:55:00.000Z, none was lost.\n",
			"replay", "--cell", "c01", "--since", "30m")
		w.tells("", "Nothing to replay: of the events that cell c02 accepted from 1999-12-31T01:01:00.000Z to 2000-01-01T00:55:00.000Z, none was lost.\n",
			"replay", "--cell", "c02") // c02 keeps outcomes for a day
	})
}

func TestAReplayNamesWhatItSkips(t *testing.T) {
	lost(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.event("c01", "acme", "one", "")
		w.event("c01", "acme", "two", "")
		w.tells("", "Nothing to replay now of the events that cell c01 accepted from 2000-01-01T00:30:00.000Z to 2000-01-01T00:55:00.000Z.\n"+
			"2 events were skipped: accepted, or last failed, after 2000-01-01T00:55:00.000Z, they may still be on the way. Replay again in 5m0s, or with a shorter --grace.\n",
			"replay", "--cell", "c01", "--since", "30m")
		time.Sleep(10 * time.Minute)
		_, stderr, code := w.run("replay", "--cell", "c01", "--since", "2h")
		require.Zero(t, code)
		require.Contains(t, stderr, inDLQ)
		require.NotContains(t, stderr, "on the way")
		require.Len(t, q.Messages(c01.QueueURL), 3)
	})
}

func TestAnEventThatNeedsTheOperatorIsAFailureOfAReplay(t *testing.T) {
	lost(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		item := w.db.Item(stack.Cell("c01").DataTable(), "acme#lost")
		delete(item, event.AttrPayload)
		w.db.Put(stack.Cell("c01").DataTable(), item)
		w.fails(cli.ExitFailure, printed(
			"FOUND                                EVENTS",
			"no outcome, and no message in a DLQ  1",
			"",
			"OUTCOME                                                    EVENTS",
			"not sent: "+resend.Malformed.Explain()+"  1",
			"",
			"EVENT      FOUND                                OUTCOME",
			"acme#lost  no outcome, and no message in a DLQ  not sent: "+resend.Malformed.Explain()+`: event item "acme#lost": attribute payload is missing, want a string`,
		), "lost events: 1\n"+inDLQ+"cellctl: 1 event was found that cannot be sent\n", "replay", "--cell", "c01")
		require.Empty(t, q.Messages(c01.QueueURL))
	})
}

func TestAReplayThatCannotBeMadeIsRefused(t *testing.T) {
	lost(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		for says, args := range map[string][]string{
			"--cell is missing": {"--since", "1h"},
			`--since is "noon", want a time such as 2026-07-01T12:00:00Z, or how long ago it was, such as 90m or 7d`: {"--cell", "c01", "--since", "noon"},
			`--since is "-1h", want a time such as 2026-07-01T12:00:00Z, or how long ago it was, such as 90m or 7d`:  {"--cell", "c01", "--since", "-1h"},
			"--since is less than --grace (5m0s) ago: these events may still be on their way":                        {"--cell", "c01", "--since", "5m"},
			"--grace is -1s, want 0s or more":                           {"--cell", "c01", "--grace", "-1s"},
			"--rate is -1, want more than 0":                            {"--cell", "c01", "--rate", "-1"},
			`--tenant is "a b", want the form ` + event.TenantIDPattern: {"--cell", "c01", "--tenant", "a b"},
			`unknown argument "c01"`:                                    {"c01"},
		} {
			w.refuses(cli.ExitUsage, "cellctl: "+says+"; see 'cellctl replay --help'\n", append([]string{"replay"}, args...)...)
		}
		w.refuses(exitRefused, "cellctl: replay cell c01 since 1999-12-30T01:00:00Z: outcomes of events that old may have expired, so that applied ones "+
			"cannot be told from lost ones: it keeps them for 24h0m0s, so the earliest is 1999-12-31T01:00:01Z\n", "replay", "--cell", "c01", "--since", "48h")
		w.refuses(exitRefused, "cellctl: unknown cell \"c09\": stack dev has canary, c01, c02; 'cellctl cells list' shows them\n", "replay", "--cell", "c09")
	})
}

func TestAReplayListsAnEventWhoseDataHasExpired(t *testing.T) {
	lost(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		table := stack.Cell("c01").DataTable()
		data := w.db.Item(table, "acme#lost")
		data[event.AttrExpiresAt] = item.Number(time.Now().Unix())
		w.db.Put(table, data)
		w.fails(cli.ExitFailure, printed(
			"FOUND                                EVENTS",
			"no outcome, and no message in a DLQ  1",
			"",
			"OUTCOME"+strings.Repeat(" ", len("not sent: ")+len(resend.Expired.Explain())-len("OUTCOME"))+"  EVENTS",
			"not sent: "+resend.Expired.Explain()+"  1",
			"",
			"EVENT      FOUND                                OUTCOME",
			"acme#lost  no outcome, and no message in a DLQ  not sent: "+resend.Expired.Explain(),
		), "lost events: 1\n"+inDLQ+"cellctl: 1 event was found that cannot be sent\n", "replay", "--cell", "c01")
		require.Empty(t, q.Messages(c01.QueueURL))
	})
}
