package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/ejection"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/resend"
	"cellular/internal/runtime/consumer"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

var c01 = cellManifest("c01", 1, 100)

// withQueues gives the world queues with messages, for a test. Tenant acme is in c01.
func withQueues(t *testing.T, test func(t *testing.T, w *world, q *sqstest.SQS)) {
	t.Helper()
	inWorld(t, func(t *testing.T, w *world) {
		made := map[string]sqstest.Queue{}
		for _, id := range []string{"canary", "c01", "c02"} {
			c := cellManifest(id, 0, 1)
			for _, url := range []string{c.QueueURL, c.ConsumerDLQURL, c.SubscriptionDLQURL, c.StreamDLQURL} {
				made[url] = sqstest.Queue{}
			}
		}
		q := sqstest.New(made)
		w.sqs = q
		w.does("tenants", "assign", "acme", "--cell", "c01")
		test(t, w, q)
	})
}

// withLetters is withQueues, and the consumer DLQ of c01 has a message about acme's event broken, which is id.
func withLetters(t *testing.T, test func(t *testing.T, w *world, q *sqstest.SQS, id string)) {
	t.Helper()
	withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.event("c01", "acme", "broken", "")
		w.failed("c01", "acme", "broken", "rejected")
		test(t, w, q, w.letter(q, "acme", "broken"))
	})
}

// failed notes in a cell why it gave an event up.
func (w *world) failed(cell, tenant, id, reason string) {
	w.db.Put(stack.Cell(cell).ResultsTable(), dynamotest.Item{
		event.AttrKey: item.Text(event.Key(tenant, id)), event.AttrTenantShard: item.Text(event.TenantShard(tenant, id)), event.AttrID: item.Text(id),
		ledger.AttrStatus: item.Text(string(ledger.Failed)), ledger.AttrReason: item.Text(reason),
		ledger.AttrAppliedAt: item.Text(event.FormatTime(time.Now())),
	})
}

// letter puts an event into the consumer DLQ of c01 and returns the message's id.
func (w *world) letter(q *sqstest.SQS, tenant, id string) string {
	w.t.Helper()
	e := event.Event{TenantID: tenant, ID: id, Type: "order.placed", Payload: []byte(`{}`), Epoch: 1, AcceptedAt: time.Now()}
	body, err := event.Message{Event: e}.Encode()
	require.NoError(w.t, err)
	out, err := q.SendMessage(w.t.Context(), &sqs.SendMessageInput{
		QueueUrl: new(c01.ConsumerDLQURL), MessageBody: new(string(body)), MessageAttributes: resend.Attributes(tenant, id),
	})
	require.NoError(w.t, err)
	return *out.MessageId
}

// put puts any text into a queue and returns the message's id.
func (w *world) put(q *sqstest.SQS, url, body string) string {
	w.t.Helper()
	out, err := q.SendMessage(w.t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	require.NoError(w.t, err)
	return *out.MessageId
}

// fails requires exactly this of a command line that prints what it has done, and fails.
func (w *world) fails(code int, stdout, stderr string, args ...string) {
	w.t.Helper()
	out, errs, got := w.run(args...)
	require.Equal(w.t, stderr, errs)
	require.Equal(w.t, code, got)
	require.Equal(w.t, stdout, out)
}

// tells requires exactly this of a command line that succeeds.
func (w *world) tells(stdout, stderr string, args ...string) {
	w.t.Helper()
	w.fails(0, stdout, stderr, args...)
}

func TestLettersAreListed(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		time.Sleep(90 * time.Second)
		w.prints(printed(
			"KIND      TENANT  EVENT   TYPE          REASON    AGE    MESSAGE ID",
			"consumer  acme    broken  order.placed  rejected  1m30s  "+id,
		), "dlq", "list", "--cell", "c01")
		w.prints(fmt.Sprintf(`{
  "letters": [
    {
      "kind": "consumer",
      "message_id": %q,
      "tenant_id": "acme",
      "event_id": "broken",
      "type": "order.placed",
      "events": [
        "acme#broken"
      ],
      "reason": "rejected",
      "reason_text": null,
      "note": null,
      "accepted_at": "2000-01-01T00:00:00.000Z",
      "expires_at": null,
      "first_seen": "2000-01-01T00:00:00.000Z",
      "receives": 2,
      "attributes": {
        "event_id": "broken",
        "tenant_id": "acme"
      },
      "body": "{\"v\":1,\"tenant_id\":\"acme\",\"event_id\":\"broken\",\"type\":\"order.placed\",\"epoch\":1,\"accepted_at\":\"2000-01-01T00:00:00.000Z\",\"payload\":{}}"
    }
  ],
  "more": false
}
`, id), "dlq", "list", "--cell", "c01", "--output", "json")
	})
}

func TestAListHasNotesWhereThereIsSomethingToKnow(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.event("c01", "acme", "twin", "")
		w.failed("c01", "acme", "twin", ledger.ReasonConflict)
		twin := w.letter(q, "acme", "twin")
		strange := w.put(q, c01.StreamDLQURL, "hello")
		w.prints(printed(
			"KIND      TENANT  EVENT   TYPE          REASON    AGE  MESSAGE ID  NOTE",
			"stream    -       -       -             unknown   0s   "+strange+"   neither a letter of the producer's nor one of Lambda's: redrive keeps it",
			"consumer  acme    broken  order.placed  rejected  0s   "+id+"   -",
			"consumer  acme    twin    order.placed  conflict  0s   "+twin+"   "+resend.Conflict.Explain(),
		), "dlq", "list", "--cell", "c01")
	})
}

// A list has what fits a screen of what a failure said, and show all of it.
func TestDLQList_HasWhatTheFailureSaid(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		long := strings.Repeat("lines: want a list. ", 10) + "end"
		e := orderOf("broken")
		w.putEvent("c01", e)
		w.settle("c01", e, ledger.Failed, "rejected", long)
		id := w.letter(q, "acme", "broken")
		ejected := "decode record: attribute type is missing, want a string"
		body, err := ejection.Letter{StreamARN: "arn:stream", SequenceNumber: "17", ArrivedAt: time.Now(), EjectedAt: time.Now(), Key: "acme#e", Epoch: 1, Reason: ejected}.Encode()
		require.NoError(t, err)
		stream := w.put(q, c01.StreamDLQURL, string(body))
		stdout, _, code := w.run("dlq", "list", "--cell", "c01")
		require.Zero(t, code)
		require.Equal(t, printed(
			"KIND      TENANT  EVENT   TYPE          REASON                          AGE  MESSAGE ID",
			"stream    acme    e       -             decode record: attribute type…  0s   "+stream,
			"  "+ejected,
			"consumer  acme    broken  order.placed  rejected                        0s   "+id,
			"  "+long[:97]+"…",
		), stdout)
		for line := range strings.Lines(stdout) {
			require.LessOrEqual(t, len([]rune(line)), 101, "with its end")
		}
		stdout, _, _ = w.run("dlq", "show", id, "--cell", "c01")
		require.Contains(t, stdout, "text                 "+long+"\n")
		stdout, _, _ = w.run("dlq", "show", stream, "--cell", "c01")
		require.Contains(t, stdout, "reason      "+ejected+"\n")
		stdout, _, _ = w.run("dlq", "list", "--cell", "c01", "--output", "json")
		require.Contains(t, stdout, `"reason_text": "`+long+`"`)
	})
}

func TestDLQList_IsOfOneEvent(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.letter(q, "acme", "other")
		stdout, stderr, code := w.run("dlq", "list", "--cell", "c01", "--tenant", "acme", "--event", "broken")
		require.Zero(t, code)
		require.Empty(t, stderr)
		require.Contains(t, stdout, id)
		require.NotContains(t, stdout, "other")
		const header = "KIND  TENANT  EVENT  TYPE  REASON  AGE  MESSAGE ID"
		w.tells(printed(header), "No message about event none of tenant acme is in the DLQs of cell c01.\n", "dlq", "list", "--cell", "c01", "--tenant", "acme", "--event", "none")
		w.does("dlq", "redrive", "--cell", "c01", "--tenant", "acme", "--event", "broken")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)
		for _, command := range []string{"list", "redrive"} {
			w.refuses(cli.ExitUsage, "cellctl: --event needs --tenant: an event's id is its tenant's; see 'cellctl dlq "+command+" --help'\n", "dlq", command, "--cell", "c01", "--event", "broken")
			w.refuses(cli.ExitUsage, "cellctl: --event is \"a b\", want the form "+event.IDPattern+"; see 'cellctl dlq "+command+" --help'\n",
				"dlq", command, "--cell", "c01", "--tenant", "acme", "--event", "a b")
		}
	})
}

func TestAnEjectedRecordIsListedShownAndRedrivenByItsKey(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.event("c01", "acme", "e", "")
		body, err := ejection.Letter{
			StreamARN: "arn:stream", SequenceNumber: "17", ArrivedAt: time.Now(), EjectedAt: time.Now(), Key: "acme#e", Epoch: 1, Reason: "decode record: a bug",
		}.Encode()
		require.NoError(t, err)
		id := w.put(q, c01.StreamDLQURL, string(body))
		w.prints(printed(
			"KIND    TENANT  EVENT  TYPE  REASON                AGE  MESSAGE ID",
			"stream  acme    e      -     decode record: a bug  0s   "+id,
		), "dlq", "list", "--cell", "c01", "--tenant", "acme")
		stdout, _, code := w.run("dlq", "show", id, "--cell", "c01")
		require.Zero(t, code)
		require.Contains(t, stdout, `"condition": "EventNotPublishable"`)
		require.Contains(t, stdout, `"key": "acme#e"`)

		item := w.db.Item(stack.Cell("c01").DataTable(), "acme#e")
		broken := maps.Clone(item)
		delete(broken, event.AttrPayload)
		w.db.Put(stack.Cell("c01").DataTable(), broken)
		stdout, _, code = w.run("dlq", "redrive", "--cell", "c01")
		require.Equal(t, cli.ExitFailure, code)
		require.Contains(t, stdout, resend.Malformed.Explain()+`: event item "acme#e": attribute payload is missing, want a string`)
		require.Len(t, q.Messages(c01.StreamDLQURL), 1, "what cannot be published stays")

		w.db.Put(stack.Cell("c01").DataTable(), item)
		_, _, code = w.run("dlq", "redrive", "--cell", "c01")
		require.Zero(t, code)
		require.Empty(t, q.Messages(c01.StreamDLQURL))
		require.Len(t, q.Messages(c01.QueueURL), 1)
	})
}

func TestAListIsOfWhatIsAskedFor(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		const header = "KIND  TENANT  EVENT  TYPE  REASON  AGE  MESSAGE ID"
		w.tells(printed(header), "Nothing is in the stream and subscription DLQs of cell c01.\n",
			"dlq", "list", "--cell", "c01", "--kind", "subscription", "--kind", "stream")
		w.tells(printed(header), "No message of tenant zeta is in the DLQs of cell c01.\n", "dlq", "list", "--cell", "c01", "--tenant", "zeta")
		w.tells(printed(header), "Nothing is in the DLQs of cell c02.\n", "dlq", "list", "--cell", "c02")
		w.tells("{\n  \"letters\": [],\n  \"more\": false\n}\n", "No message of tenant acme is in the stream DLQ of cell c01.\n",
			"dlq", "list", "--cell", "c01", "--tenant", "acme", "--kind", "stream", "-o", "json")
	})
}

func TestAListSaysThatThereIsMore(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.letter(q, "acme", "second")
		stdout, stderr, code := w.run("dlq", "list", "--cell", "c01", "--limit", "1")
		require.Zero(t, code)
		require.Equal(t, "There are more: raise --limit.\n", stderr)
		require.Contains(t, stdout, id)
		require.NotContains(t, stdout, "second")
		_, stderr, _ = w.run("dlq", "list", "--cell", "c01", "--limit", "2")
		require.Empty(t, stderr)
	})
}

func TestWhatSomebodyElseLooksAtIsSaid(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, _ string) {
		_, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: new(c01.ConsumerDLQURL), VisibilityTimeout: int32(deadletter.Hidden.Seconds())})
		require.NoError(t, err)
		const hidden = "1 message is in the DLQs of cell c01, and cannot be seen now: another command has them, or had them when it was killed. They come back within 5m0s.\n"
		w.tells("KIND  TENANT  EVENT  TYPE  REASON  AGE  MESSAGE ID\n", hidden, "dlq", "list", "--cell", "c01")
		w.tells("", hidden, "dlq", "redrive", "--cell", "c01")
		time.Sleep(deadletter.Hidden)
		_, stderr, _ := w.run("dlq", "list", "--cell", "c01")
		require.Empty(t, stderr)
	})
}

func TestALetterIsShown(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.failed("c01", "acme", "broken", ledger.ReasonConflict)
		time.Sleep(time.Minute)
		w.prints(printed(
			"kind                 consumer",
			"message id           "+id,
			"tenant               acme",
			"event                broken",
			"type                 order.placed",
			"reason               conflict",
			"note                 "+resend.Conflict.Explain(),
			"accepted             2000-01-01T00:00:00.000Z",
			"first seen           2000-01-01T00:00:00.000Z, 1m0s ago",
			"receives             1",
			"attribute event_id   broken",
			"attribute tenant_id  acme",
			"",
			`{`,
			`  "v": 1,`,
			`  "tenant_id": "acme",`,
			`  "event_id": "broken",`,
			`  "type": "order.placed",`,
			`  "epoch": 1,`,
			`  "accepted_at": "2000-01-01T00:00:00.000Z",`,
			`  "payload": {}`,
			`}`,
		), "dlq", "show", id, "--cell", "c01")
		strange := w.put(q, c01.SubscriptionDLQURL, "hello")
		stdout, _, code := w.run("dlq", "show", strange, "--cell", "c01")
		require.Zero(t, code)
		require.Contains(t, stdout, "\n\nhello\n")
		w.refuses(exitRefused, "cellctl: no message with this id is in the DLQs of cell c02; 'cellctl dlq list --cell c02' shows what is there\n", "dlq", "show", id, "--cell", "c02")
	})
}

func TestAWrongSelectionOfLettersIsRefused(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, _ *sqstest.SQS, _ string) {
		for _, c := range []struct {
			command string
			says    string
			args    []string
		}{
			{"list", "--cell is missing", nil},
			{"show", "--cell is missing", []string{"x"}},
			{"show", "MESSAGE_ID is missing", []string{"--cell", "c01"}},
			{"redrive", "--cell is missing", nil},
			{"drop", "--cell is missing", []string{"--all"}},
			{"list", `unknown argument "c01"`, []string{"c01"}},
			{"list", `--kind: "poison" is no kind of dead letter queue: want stream, subscription or consumer`, []string{"--cell", "c01", "--kind", "poison"}},
			{"list", `--tenant is "a b", want the form ` + event.TenantIDPattern, []string{"--cell", "c01", "--tenant", "a b"}},
			{"list", "--limit is 0, want at least 1", []string{"--cell", "c01", "--limit", "0"}},
			{"redrive", "--rate is 0, want more than 0", []string{"--cell", "c01", "--rate", "0"}},
			{"drop", "say which messages: --id or --tenant, or else --all", []string{"--cell", "c01"}},
			{"drop", "say which messages: --id or --tenant, or else --all", []string{"--cell", "c01", "--all", "--tenant", "acme"}},
		} {
			path := "cellctl dlq " + c.command
			w.refuses(cli.ExitUsage, "cellctl: "+c.says+"; see '"+path+" --help'\n", append([]string{"dlq", c.command}, c.args...)...)
		}
		for _, command := range [][]string{{"list"}, {"show", "x"}, {"redrive"}, {"drop", "--all", "--yes"}} {
			w.refuses(exitRefused, "cellctl: unknown cell \"c09\": stack dev has canary, c01, c02; 'cellctl cells list' shows them\n",
				append([]string{"dlq", "--cell", "c09"}, command...)...)
		}
	})
}

func TestFlagsOfLettersAreCompleted(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		t.Setenv(envStack, string(stack))
		w.completes([]string{"c01", "c02"}, "dlq", "list", "--cell", "c0")
		w.completes([]string{"stream", "subscription", "consumer"}, "dlq", "redrive", "--kind", "")
		w.completes([]string{"acme"}, "dlq", "drop", "--cell", "c01", "--tenant", "")
		w.completes([]string{"c01", "c02"}, "replay", "--cell", "c0")
		w.completes([]string{"acme"}, "replay", "--cell", "c01", "--tenant", "a")
		w.completes(nil, "dlq", "show", "--cell", "c01", "")
	})
}

func TestDLQList_HelpNamesEveryReasonOfTheConsumer(t *testing.T) {
	help := newDLQList(&app{}).Long
	for _, reason := range []consumer.Reason{
		consumer.Malformed, consumer.Rejected, consumer.Panicked, consumer.Deadline, consumer.Crashed, consumer.Failed,
	} {
		require.Regexp(t, `\b`+string(reason)+`\b`, help)
	}
}
