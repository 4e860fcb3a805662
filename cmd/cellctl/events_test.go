package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/follow"
	"cellular/internal/runtime/consumer"
	"cellular/internal/testkit/sqstest"
)

// orderOf is an event of acme that is accepted now, with a correlation id.
func orderOf(id string) event.Event {
	return event.Event{
		TenantID: "acme", ID: id, Type: "order.placed", Payload: []byte(`{}`), Epoch: 1,
		AcceptedAt: time.Now(), ExpiresAt: event.Expiry(time.Now(), 35*24*time.Hour), CorrelationID: "req-" + id,
	}
}

func (w *world) putEvent(cell string, e event.Event) {
	w.db.Put(stack.Cell(cell).DataTable(), e.Item())
}

// settle writes what became of an event now.
func (w *world) settle(cell string, e event.Event, status ledger.Status, reason, text string) {
	o := ledger.Of(e, status, time.Now(), 90*24*time.Hour)
	o.Reason, o.ReasonText = reason, text
	w.db.Put(stack.Cell(cell).ResultsTable(), o.Item())
}

// tried adds attempts at an event that failed, a second apart from now on.
func (w *world) tried(cell string, e event.Event, texts ...string) {
	a := ledger.AttemptsOf(e)
	for i, text := range texts {
		time.Sleep(time.Second)
		a = a.With(ledger.Attempt{At: time.Now(), ReceiveCount: i + 1, Reason: "error", ReasonText: text, RequestID: fmt.Sprint("invocation-", i+1)}, ledger.MaxAttempts, 24*time.Hour)
	}
	w.db.Put(stack.Cell(cell).ResultsTable(), a.Item())
}

func TestEventsShow_PrintsAnEventsWay(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		e := orderOf("order-17")
		w.putEvent("c01", e)
		w.tried("c01", e, "dial tcp: connection refused", "dial tcp: connection refused")
		w.settle("c01", e, ledger.Failed, "error", "dial tcp: connection refused")
		w.letter(q, "acme", "order-17")
		time.Sleep(time.Minute)
		w.prints(printed(
			"tenant           acme",
			"event            order-17",
			"type             order.placed",
			"status           failed, error",
			"cell             c01",
			"correlation id   req-order-17",
			"accepted         2000-01-01T00:00:00.000Z, 1m2s ago",
			"published        yes, it was received; when is not kept",
			"failed attempts  2",
			"data expires     2000-02-05T00:00:00.000Z, in 34d23h",
			"",
			"AT                        CELL  WHAT                        REASON",
			"2000-01-01T00:00:00.000Z  c01   accepted                    -",
			"2000-01-01T00:00:01.000Z  c01   attempt failed (receive 1)  error",
			"  dial tcp: connection refused",
			"2000-01-01T00:00:02.000Z  c01   attempt failed (receive 2)  error",
			"  dial tcp: connection refused",
			"2000-01-01T00:00:02.000Z  c01   given up                    error",
			"  dial tcp: connection refused",
			"",
			"CELL  DATA   OUTCOME  TENANT",
			"c01   there  failed   is mapped here",
			"",
			"QUEUES OF c01  QUEUE  STREAM-DLQ  SUB-DLQ  CONSUMER-DLQ",
			"messages       0      0           0        1",
			"",
			"next: mend what it failed of, then send it again",
			"  cellctl dlq redrive --cell c01 --tenant acme --event order-17",
		), "events", "show", "acme", "order-17")
		w.does("dlq", "redrive", "--cell", "c01", "--tenant", "acme", "--event", "order-17")
		require.Len(t, q.Messages(c01.QueueURL), 1, "the command does what it says")
	})
}

func TestEventsShow_PrintsJSONOfNamesThatStay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		e := orderOf("order-17")
		w.putEvent("c01", e)
		w.tried("c01", e, "panic: \x1b[2J")
		w.settle("c01", e, ledger.Processed, "", "")
		w.prints(`{
  "tenant_id": "acme",
  "event_id": "order-17",
  "status": "processed",
  "reason": null,
  "reason_text": null,
  "cell_id": "c01",
  "type": "order.placed",
  "epoch": 1,
  "correlation_id": "req-order-17",
  "accepted_at": "2000-01-01T00:00:00.000Z",
  "expires_at": "2000-02-05T00:00:00.000Z",
  "settled_at": "2000-01-01T00:00:01.000Z",
  "published": true,
  "failures": 1,
  "steps": [
    {
      "at": "2000-01-01T00:00:00.000Z",
      "cell_id": "c01",
      "what": "accepted",
      "receive_count": null,
      "reason": null,
      "reason_text": null,
      "request_id": null
    },
    {
      "at": "2000-01-01T00:00:01.000Z",
      "cell_id": "c01",
      "what": "attempt failed",
      "receive_count": 1,
      "reason": "error",
      "reason_text": "panic: \\x1b[2J",
      "request_id": "invocation-1"
    },
    {
      "at": "2000-01-01T00:00:01.000Z",
      "cell_id": "c01",
      "what": "applied",
      "receive_count": null,
      "reason": null,
      "reason_text": null,
      "request_id": null
    }
  ],
  "copies": [
    {
      "cell_id": "c01",
      "data": "there",
      "cloned_from": null,
      "outcome": "processed",
      "fence": null,
      "malformed": null
    }
  ],
  "tenant": {
    "tenant_id": "acme",
    "cell_id": "c01",
    "state": "active",
    "tier": "standard",
    "epoch": 1,
    "moving_from": null,
    "moving_to": null,
    "removing": false,
    "updated_at": "2000-01-01T00:00:00.000Z"
  },
  "move": null,
  "queues": null,
  "next": {
    "text": "nothing: it was applied",
    "commands": []
  }
}
`, "events", "show", "acme", "order-17", "--output", "json")
	})
}

// TestEventsShow_SaysWhatToDoNext has a world for each story of an event. Every command that is printed exists.
func TestEventsShow_SaysWhatToDoNext(t *testing.T) {
	const (
		list    = "cellctl dlq list --cell c01 --tenant acme --event e"
		redrive = "cellctl dlq redrive --cell c01 --tenant acme --event e"
		replay  = "cellctl replay --cell c01 --tenant acme --since 2000-01-01T00:00:00Z"
		show    = "cellctl events show acme e"
		cell    = "cellctl cells show c01"
	)
	for name, c := range map[string]struct {
		world    func(w *world, q *sqstest.SQS)
		text     string
		commands []string
	}{
		"a moment ago": {func(w *world, _ *sqstest.SQS) { w.putEvent("c01", orderOf("e")) }, "wait: it is on its way", []string{show}},
		"tried a moment ago": {func(w *world, _ *sqstest.SQS) {
			e := orderOf("e")
			w.putEvent("c01", e)
			time.Sleep(time.Hour)
			w.tried("c01", e, "down")
		}, "wait: it is on its way", []string{show}},
		"on its last attempt": {func(w *world, _ *sqstest.SQS) {
			e := orderOf("e")
			w.putEvent("c01", e)
			o := ledger.Of(e, ledger.Failed, time.Now(), time.Hour)
			o.Reason, o.FailedBy = "crashed", time.Now().Add(time.Minute)
			w.db.Put(stack.Cell("c01").ResultsTable(), o.Item())
		}, "wait: an attempt is under way, the last unless it succeeds", []string{show}},
		"behind a backlog": {func(w *world, q *sqstest.SQS) {
			w.putEvent("c01", orderOf("e"))
			w.put(q, c01.QueueURL, "{}")
			time.Sleep(time.Hour)
		}, "wait: the cell's queue has 1 message; see how the cell is", []string{cell, show}},
		"ejected by the producer": {func(w *world, q *sqstest.SQS) {
			w.putEvent("c01", orderOf("e"))
			w.put(q, c01.StreamDLQURL, "{}")
			time.Sleep(time.Hour)
		}, "its message may be in a DLQ", []string{list, redrive, replay}},
		"lost": {func(w *world, _ *sqstest.SQS) {
			w.putEvent("c01", orderOf("e"))
			time.Sleep(time.Hour)
		}, "it is in no queue and was lost on its way", []string{cell, replay}},
		"older than the ledger": {func(w *world, _ *sqstest.SQS) {
			w.putEvent("c01", orderOf("e"))
			time.Sleep(30 * 24 * time.Hour)
		}, "older than the ledger remembers", []string{list}},
		"rejected": {func(w *world, q *sqstest.SQS) {
			e := orderOf("e")
			w.putEvent("c01", e)
			w.settle("c01", e, ledger.Failed, "rejected", "no")
			w.letter(q, "acme", "e")
		}, "no retry helps", []string{redrive, list}},
		"failed, without a message": {func(w *world, _ *sqstest.SQS) {
			e := orderOf("e")
			w.putEvent("c01", e)
			w.settle("c01", e, ledger.Failed, "panic", "nil map")
		}, "its message is in no DLQ any more", []string{replay}},
		"failed, sent again, and failing again": {func(w *world, q *sqstest.SQS) {
			e := orderOf("e")
			w.putEvent("c01", e)
			w.settle("c01", e, ledger.Failed, "error", "down")
			time.Sleep(time.Minute)
			w.tried("c01", e, "down")
			w.letter(q, "acme", "another")
		}, "wait: it was sent again, and is being tried", []string{show}},
		"failed, and sent again": {func(w *world, q *sqstest.SQS) {
			e := orderOf("e")
			w.putEvent("c01", e)
			w.settle("c01", e, ledger.Failed, "panic", "nil map")
			w.put(q, c01.QueueURL, "{}")
		}, "wait, if it was sent again", []string{show, replay}},
		"dropped": {func(w *world, _ *sqstest.SQS) {
			e := orderOf("e")
			w.putEvent("c01", e)
			w.settle("c01", e, ledger.Failed, ledger.ReasonDropped, "")
		}, "nothing: an operator has given it up", []string{}},
		"failed, and its data expired": {func(w *world, q *sqstest.SQS) {
			e := orderOf("e")
			e.ExpiresAt = event.Expiry(time.Now(), time.Hour)
			w.putEvent("c01", e)
			w.settle("c01", e, ledger.Failed, "error", "down")
			time.Sleep(2 * time.Hour)
		}, "its data has expired: it is never sent again", []string{list}},
		"expired": {func(w *world, _ *sqstest.SQS) {
			w.putEvent("c01", orderOf("e"))
			time.Sleep(36 * 24 * time.Hour)
		}, "its data expired before it was applied", []string{}},
		"unreadable": {func(w *world, _ *sqstest.SQS) {
			stored := orderOf("e").Item()
			delete(stored, event.AttrPayload)
			w.db.Put(stack.Cell("c01").DataTable(), stored)
		}, "attribute payload is missing, want a string", []string{list, redrive}},
		"diverted by a move that is gone": {func(w *world, _ *sqstest.SQS) {
			e := orderOf("e")
			w.putEvent("c01", e)
			w.settle("c01", e, ledger.Diverted, "", "")
		}, "no open move will send it on", []string{"cellctl replay --cell c01 --tenant acme"}},
		"failed, and its tenant is being removed": {func(w *world, q *sqstest.SQS) {
			e := orderOf("e")
			w.settle("c01", e, ledger.Failed, "error", "down")
			stored := w.mapping("acme")
			stored[mapping.AttrState], stored[mapping.AttrRemoving] = item.Text(string(mapping.Suspended)), item.Number(1)
			w.db.Put(stack.MappingTable(), stored)
			w.putEvent("c01", e)
		}, "nothing: its tenant is being removed", []string{"cellctl moves show acme"}},
	} {
		t.Run(name, func(t *testing.T) {
			withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
				c.world(w, q)
				stdout, stderr, code := w.run("events", "show", "acme", "e", "--output", "json")
				require.Zero(t, code, stderr)
				var v struct{ Next next }
				require.NoError(t, json.Unmarshal([]byte(stdout), &v))
				require.Contains(t, v.Next.Text, c.text)
				require.Equal(t, c.commands, v.Next.Commands)
				for _, command := range v.Next.Commands {
					require.NoError(t, parses(strings.TrimPrefix(command, "cellctl ")), command)
				}
			})
		})
	}
}

func TestEventsShow_RefusesWhatIsNotThere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.refuses(exitRefused, "cellctl: cell c01 has nothing of event \"e\" of tenant \"acme\": it was never accepted, or is another tenant's, or has expired with its outcome; "+
			"'cellctl events list --tenant acme' shows the tenant's latest\n", "events", "show", "acme", "e")
		w.moving("acme", "c02")
		_, stderr, code := w.run("events", "show", "acme", "e")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "cellctl: cells c01 and c02 have nothing of event")
		w.refuses(exitRefused, "cellctl: tenant \"beta\": unknown tenant\n", "events", "show", "beta", "e")
		w.refuses(exitRefused, "cellctl: tenant \"beta\": unknown tenant\n", "events", "list", "--tenant", "beta")
		w.refuses(cli.ExitUsage, "cellctl: tenant \"a b\" is not of the form "+event.TenantIDPattern+"; see 'cellctl events show --help'\n", "events", "show", "a b", "e")
		w.refuses(cli.ExitUsage, "cellctl: event id \"a b\" is not of the form "+event.IDPattern+"; see 'cellctl events show --help'\n", "events", "show", "acme", "a b")
		w.refuses(cli.ExitUsage, "cellctl: EVENT_ID is missing; see 'cellctl events show --help'\n", "events", "show", "acme")
	})
}

func TestEvents_OfATenantWhoseCellIsLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		delete(w.ssm, stack.Cell("c01").Parameter())
		for _, args := range [][]string{{"events", "show", "acme", "e"}, {"events", "list", "--tenant", "acme"}} {
			_, stderr, code := w.run(args...)
			require.Equal(t, exitRefused, code)
			require.Contains(t, stderr, `cell c01, which tenant "acme" is mapped to, is not there: bringing cell c01 back`)
		}
	})
}

func TestEventsList_PrintsTheLatest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.tells(printed("ACCEPTED  EVENT  TYPE  STATUS  REASON  CELL"), "Tenant acme has no event there.\n", "events", "list", "--tenant", "acme")
		long := strings.Repeat("lines: want a list. ", 10)
		for _, id := range []string{"good", "bad", "new"} {
			e := orderOf(id)
			w.putEvent("c01", e)
			time.Sleep(time.Second)
			switch id {
			case "good":
				w.settle("c01", e, ledger.Processed, "", "")
			case "bad":
				w.settle("c01", e, ledger.Failed, "rejected", long)
			}
		}
		w.prints(printed(
			"ACCEPTED                  EVENT  TYPE          STATUS     REASON    CELL",
			"2000-01-01T00:00:02.000Z  new    order.placed  accepted   -         c01",
			"2000-01-01T00:00:01.000Z  bad    order.placed  failed     rejected  c01",
			"  "+long[:97]+"…",
			"2000-01-01T00:00:00.000Z  good   order.placed  processed  -         c01",
		), "events", "list", "--tenant", "acme")
		w.tells(printed(
			"ACCEPTED                  EVENT  TYPE          STATUS     REASON  CELL",
			"2000-01-01T00:00:00.000Z  good   order.placed  processed  -       c01",
		), "", "events", "list", "--tenant", "acme", "--status", "processed")
		w.tells(printed(
			"ACCEPTED                  EVENT  TYPE          STATUS    REASON  CELL",
			"2000-01-01T00:00:02.000Z  new    order.placed  accepted  -       c01",
		), "There are more: raise --limit, or add --until 2000-01-01T00:00:01.000Z.\n", "events", "list", "--tenant", "acme", "--limit", "1")
		w.tells(printed(
			"ACCEPTED                  EVENT  TYPE          STATUS  REASON    CELL",
			"2000-01-01T00:00:01.000Z  bad    order.placed  failed  rejected  c01",
			"  "+long[:97]+"…",
		), "There are more: raise --limit, or add --until 2000-01-01T00:00:00.000Z.\n", "events", "list", "--tenant", "acme", "--limit", "1", "--until", "2000-01-01T00:00:01.000Z")
		w.tells(printed("ACCEPTED  EVENT  TYPE  STATUS  REASON  CELL"), "Tenant acme has 3 events there, and none is expired.\n",
			"events", "list", "--tenant", "acme", "--status", "expired")
		w.prints(`{
  "tenant_id": "acme",
  "events": [
    {
      "event_id": "good",
      "type": "order.placed",
      "status": "processed",
      "reason": null,
      "reason_text": null,
      "cell_id": "c01",
      "correlation_id": "req-good",
      "accepted_at": "2000-01-01T00:00:00.000Z",
      "settled_at": "2000-01-01T00:00:01.000Z"
    }
  ],
  "looked": 1,
  "next": null
}
`, "events", "list", "--tenant", "acme", "--until", "2000-01-01T00:00:00Z", "--output", "json")
	})
}

func TestEventsList_RefusesWrongFlags(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--tenant is missing", nil},
		{`--tenant is "a b", want the form`, []string{"--tenant", "a b"}},
		{`--status is "bad", want one of accepted, processed, failed, diverted, expired, unreadable`, []string{"--tenant", "acme", "--status", "bad"}},
		{"--limit is 0, want 1 to 1000", []string{"--tenant", "acme", "--limit", "0"}},
		{`--since is "yesterday", want a time`, []string{"--tenant", "acme", "--since", "yesterday"}},
		{`--until is "x", want a time`, []string{"--tenant", "acme", "--until", "x"}},
	} {
		_, stderr, code := run(t, append([]string{"events", "list"}, c.args...)...)
		require.Equal(t, cli.ExitUsage, code, stderr)
		require.Contains(t, stderr, c.want)
	}
}

func TestEvents_AreCompleted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		t.Setenv(envStack, string(stack))
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.completes([]string{"acme"}, "events", "show", "a")
		w.completes(nil, "events", "show", "acme", "")
		w.completes([]string{"acme"}, "events", "list", "--tenant", "")
		w.completes(words(follow.Statuses()), "events", "list", "--status", "")
	})
}

func TestNext_KnowsTheConsumersPermanentFailures(t *testing.T) {
	require.True(t, permanent[string(consumer.Rejected)] && permanent[string(consumer.Malformed)])
	require.Len(t, permanent, 2)
}
