package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/event"
	"cellular/internal/resend"
	"cellular/internal/sqstest"
)

// withLetters gives the world real queues, for a test. Tenant acme is in c01, and a message about its event failed is in
// the consumer DLQ of that cell.
func withLetters(t *testing.T, test func(t *testing.T, w *world, q *sqstest.SQS)) {
	t.Helper()
	inWorld(t, func(t *testing.T, w *world) {
		made := map[string]sqstest.Queue{}
		for _, id := range []string{"canary", "c01", "c02"} {
			c := cellFacts(id, 0, 1)
			for _, url := range []string{c.QueueURL, c.ConsumerDLQURL, c.SubscriptionDLQURL, c.StreamDLQURL} {
				made[url] = sqstest.Queue{}
			}
		}
		q := sqstest.New(made)
		w.sqs = q
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.event("c01", "acme", "broken", event.Failed)
		w.letter(q, "acme", "broken")
		test(t, w, q)
	})
}

func (w *world) letter(q *sqstest.SQS, tenant, id string) {
	w.t.Helper()
	e := event.Event{TenantID: tenant, ID: id, Type: "order.placed", Payload: []byte(`{}`), Epoch: 1, AcceptedAt: time.Now()}
	body, err := event.Message{Event: e}.Encode()
	require.NoError(w.t, err)
	_, err = q.SendMessage(w.t.Context(), &sqs.SendMessageInput{
		QueueUrl: new(c01.ConsumerDLQURL), MessageBody: new(string(body)), MessageAttributes: resend.Attributes(tenant, id),
	})
	require.NoError(w.t, err)
}

var c01 = cellFacts("c01", 1, 100)

func TestLettersAreListed(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		stdout, stderr, code := w.run("dlq", "list", "c01", "-o", "json")
		require.Zero(t, code, stderr)
		require.Empty(t, stderr)
		var doc struct {
			Letters []map[string]any `json:"letters"`
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &doc))
		require.Len(t, doc.Letters, 1)
		letter := doc.Letters[0]
		require.Equal(t, "consumer", letter["kind"])
		require.Equal(t, "acme", letter["tenant_id"])
		require.Equal(t, "broken", letter["event_id"])
		require.Equal(t, []any{"acme#broken"}, letter["events"])
		require.Equal(t, "2000-01-01T00:00:00.000Z", letter["first_seen"])

		stdout, _, _ = w.run("dlq", "list", "c01")
		require.Regexp(t, `DLQ +MESSAGE +TENANT +EVENT +TYPE +FIRST SEEN +RECEIVES +REASON +NOTE\nconsumer +\S+ +acme +broken +order.placed +0s ago +2 `, stdout)
		w.prints("{\n  \"letters\": []\n}\n", "dlq", "list", "c01", "--kind", "stream", "-o", "json")
		_, stderr, _ = w.run("dlq", "list", "c01", "--limit", "1")
		require.Equal(t, "There may be more: raise --limit.\n", stderr)
	})
}

func TestLettersAreRedriven(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.refuses(exitUsage, "cellctl: cellctl dlq redrive asks before it acts, and stdin is no terminal; add --yes to go on without being asked\n", "dlq", "redrive", "c01")
		w.stdin = "n\n"
		w.refuses(exitUsage, "Redrive what is in the stream, subscription, consumer DLQ of cell c01 of stack dev? [y/N] cellctl: not confirmed; nothing was done\n", "dlq", "redrive", "c01")
		w.stdin = ""
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)

		w.does("dlq", "redrive", "c01", "--tenant", "zeta", "--yes")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1, "another tenant's letters stay")

		stdout, stderr, code := w.run("dlq", "redrive", "c01", "--yes")
		require.Zero(t, code, stderr)
		require.Equal(t, printed(
			"RECEIVED  REDRIVEN  KEPT  SENT  ALREADY APPLIED  GONE  AS THEY ARE",
			"1         1         0     1     0                0     0",
		), stdout)
		require.Equal(t, "redriving: message 1 of 1\n", stderr)
		require.Empty(t, q.Messages(c01.ConsumerDLQURL))
		require.Len(t, q.Messages(c01.QueueURL), 1)
	})
}

func TestALetterThatCannotBeRedrivenIsKeptAndSaid(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.db.Delete(stack.MappingTable(), "acme")
		stdout, stderr, code := w.run("dlq", "redrive", "c01", "--yes", "-o", "json")
		require.Zero(t, code, stderr)
		var doc struct {
			Kept  int
			Notes []map[string]any
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &doc))
		require.Equal(t, 1, doc.Kept)
		require.Equal(t, "acme#broken", doc.Notes[0]["event"])
		require.Equal(t, "its tenant is mapped to no cell", doc.Notes[0]["reason"])
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)
	})
}

func TestLettersAreDroppedOnlyIfTheyAreNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dropped.jsonl")
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		const which = "cellctl: cellctl dlq drop: say which messages: either --tenant or --message, or --all; see 'cellctl dlq drop --help'\n"
		w.refuses(exitUsage, which, "dlq", "drop", "c01", "--yes")
		w.refuses(exitUsage, which, "dlq", "drop", "c01", "--yes", "--all", "--tenant", "acme")
		w.stdin = "yes\n"
		w.refuses(exitUsage, "This deletes for good what is in the consumer DLQ of cell c01 of stack dev, of tenant acme.\nType c01 to go on: "+
			"cellctl: not confirmed; nothing was done\n", "dlq", "drop", "c01", "--kind", "consumer", "--tenant", "acme")
		require.Len(t, q.Messages(c01.ConsumerDLQURL), 1)

		w.stdin = ""
		w.prints(printed("DROPPED", "0"), "dlq", "drop", "c01", "--tenant", "zeta", "--yes")
		w.prints(printed("DROPPED", "1"), "dlq", "drop", "c01", "--all", "--save", file, "--yes")
		require.Empty(t, q.Messages(c01.ConsumerDLQURL))
		saved, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(saved), `"events":["acme#broken"]`)
		w.refuses(exitRefused, "cellctl: "+file+" is there already; name another file with --save\n", "dlq", "drop", "c01", "--all", "--save", file, "--yes")
	})
}

func TestAWrongSelectionOfLettersIsRefused(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.refuses(exitUsage, "cellctl: cellctl dlq list: --kind: \"poison\" is no kind of dead letter queue: want stream, subscription or consumer; see 'cellctl dlq list --help'\n", "dlq", "list", "c01", "--kind", "poison")
		w.refuses(exitUsage, "cellctl: cellctl dlq list: --limit is 0, want at least 1; see 'cellctl dlq list --help'\n", "dlq", "list", "c01", "--limit", "0")
		w.refuses(exitUsage, "cellctl: cellctl dlq redrive: --rate is 0, want more than 0; see 'cellctl dlq redrive --help'\n", "dlq", "redrive", "c01", "--rate", "0")
		w.refuses(exitRefused, "cellctl: unknown cell \"c09\": stack dev has canary, c01, c02; 'cellctl cells list' shows them\n", "dlq", "list", "c09")
	})
}
