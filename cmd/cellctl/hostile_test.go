package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/model/printable"
	"cellular/internal/operator/audit"
	"cellular/internal/operator/health"
	"cellular/internal/operator/terminal"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// hostile is text that a terminal would obey: it clears the screen, sets the title, goes back in the line, writes from
// right to left, is invisible, ends lines, or is no UTF-8.
const hostile = "\x1b[2J\x1b]0;owned\a\u009b31m\u0085\rpaid\b\x7f\u202egnp\u2066\u200b\u3164\ufeff\u2028\n\t\xff\x9b"

// hostileText is hostile where only UTF-8 is stored.
var hostileText = strings.ToValidUTF8(hostile, "")

// withHostility is a world whose tenants have put what they could into it. It has the id of a letter.
func withHostility(t *testing.T, test func(t *testing.T, w *world, letter string)) {
	t.Helper()
	withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		w.does("tenants", "assign", "beta", "--cell", "c02")
		id := "e" + hostileText
		e := event.Event{TenantID: "acme", ID: id, Type: hostileText, Payload: []byte(`{"a":"` + "\u009b\u202e\x7f" + `"}`), Epoch: 1}
		w.db.Put(stack.Cell("c01").DataTable(), e.Item())
		w.failed("c01", "acme", id, hostileText)
		for _, tenant := range []string{"acme", "t" + hostileText} {
			w.db.Put(stack.Cell("c01").ResultsTable(), dynamotest.Item{
				event.AttrKey: item.Text(event.Key(tenant, id)), event.AttrTenantID: item.Text(tenant), ledger.AttrStatus: item.Text(hostileText),
			})
		}
		met := orderOf("met")
		stored := met.Item()
		stored[event.AttrType], stored[event.AttrCorrelationID], stored[event.AttrClonedFrom] = item.Text(hostileText), item.Text(hostileText), item.Text(hostileText)
		w.db.Put(stack.Cell("c01").DataTable(), stored)
		attempts := ledger.AttemptsOf(met).With(ledger.Attempt{At: time.Now(), ReceiveCount: 1, Reason: hostileText, RequestID: hostileText}, 1, time.Hour).Item()
		attempts["attempts"] = item.Text(strings.Replace(attempts["attempts"].(*dynamotypes.AttributeValueMemberS).Value, `"reason"`, `"reason_text":"`+"\u009b\u202e\x7f"+`","reason"`, 1))
		w.db.Put(stack.Cell("c01").ResultsTable(), attempts)
		outcome := ledger.Of(met, ledger.Failed, time.Now(), time.Hour).Item()
		outcome[ledger.AttrReason], outcome[ledger.AttrReasonText], outcome[event.AttrType] = item.Text(hostileText), item.Text(hostileText), item.Text(hostileText)
		w.db.Put(stack.Cell("c01").ResultsTable(), outcome)
		w.db.Put(stack.AuditTable(), dynamotest.Item{
			controltables.AttrMonth: item.Text("2000-01"), controltables.AttrAct: item.Text("2000-01-01T00:00:00.000Z_" + hostileText),
			audit.AttrCaller: item.Text("arn:aws:sts::123456789012:assumed-role/" + hostileText), audit.AttrProcess: item.Text(hostileText),
			audit.AttrCommand: item.Text(hostileText), audit.AttrOutcome: item.Text(hostileText), audit.AttrError: item.Text(hostileText),
			audit.AttrTenants: item.Texts([]string{hostileText}),
		})
		place := w.mapping("beta")
		place[mapping.AttrTenantID] = item.Text("beta" + hostileText)
		w.db.Put(stack.MappingTable(), place)

		body, err := json.Marshal(map[string]any{
			"v": 1, "tenant_id": "acme", "event_id": id, "type": hostileText, "epoch": 1,
			"accepted_at": "2000-01-01T00:00:00.000Z", "payload": hostileText, hostileText: hostileText,
		})
		require.NoError(t, err)
		w.alarms.Set("dev-alarm-consumer-dlq-cell-c01", types.StateValueAlarm, time.Now(), hostileText)
		var letter string
		for _, url := range []string{c01.ConsumerDLQURL, c01.SubscriptionDLQURL, c01.StreamDLQURL} {
			w.put(q, url, strings.Map(allowedInSQS, hostileText))
			w.put(q, url, `{"requestContext":{"condition":"`+"\u202e\u009b"+`"},"DDBStreamBatchInfo":{"shardId":"`+"\u202e"+`"}}`)
			out, err := q.SendMessage(t.Context(), &sqs.SendMessageInput{
				QueueUrl: &url, MessageBody: new(string(body)), MessageAttributes: map[string]sqstypes.MessageAttributeValue{
					"tenant_id": {DataType: new("String"), StringValue: new("acme\u202e\u009b")},
					"reason":    {DataType: new("String"), StringValue: new("\u202e\u009b\u200b\x7f")},
				},
			})
			require.NoError(t, err)
			letter = *out.MessageId
		}
		test(t, w, letter)
	})
}

// allowedInSQS leaves out what SQS refuses in a body.
func allowedInSQS(r rune) rune {
	if r < ' ' && !strings.ContainsRune("\t\n\r", r) || r >= 0xfffe {
		return -1
	}
	return r
}

// TestNoCommandLetsATenantWriteToTheTerminal runs every command in a world of hostile data.
// It runs each with and without colours, and as JSON.
func TestNoCommandLetsATenantWriteToTheTerminal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "export")
	lines := map[string][][]string{
		"alarms list":        {{}, {"--cell", "c01", "--all"}, {"--cell", hostile}},
		"audit":              {{}, {"--by", hostile}, {"--before", hostile}},
		"cells activate":     {{"c01"}, {hostile}},
		"cells drain":        {{"c02"}},
		"cells evacuate":     {{"c01", "--to", "c02", "--dry-run"}, {"c01"}},
		"cells list":         {{}},
		"cells retire":       {{"canary"}},
		"cells show":         {{"c01"}, {hostile}},
		"completion":         {{"zsh"}, {"bash"}, {"fish"}, {hostile}},
		"dlq drop":           {{"LETTER", "--cell", "c01"}},
		"dlq list":           {{"--cell", "c01"}},
		"dlq redrive":        {{"--cell", "c01", "--all"}, {"--cell", "c01", "--kind", "consumer"}},
		"dlq show":           {{"LETTER", "--cell", "c01"}, {hostile, "--cell", "c01"}},
		"doctor":             nil, // it looks at more than the world has; the next test prints its findings
		"events list":        {{"--tenant", "acme"}, {"--tenant", hostile}, {"--tenant", "acme", "--status", hostile}},
		"events show":        {{"acme", "met"}, {"acme", hostile}, {hostile, "met"}},
		"help":               {{}, {"cells", "list"}, {hostile}},
		"iam-policy operate": {{}}, "iam-policy read": {{}},
		"moves list":      {{}},
		"moves resume":    {{"--all"}},
		"moves show":      {{"acme"}, {hostile}},
		"probe":           {{hostile}, {"--cell", hostile}}, // one that goes through sends requests
		"replay":          {{"--cell", "c01", "--since", "1h"}, {"--cell", "c01", "--tenant", "acme", "--since", "1h"}},
		"restore cell":    {{"c01"}, {hostile}},
		"restore mapping": {{}},
		"tenants assign":  {{"gamma", "--cell", "c01"}, {hostile}, {"delta", "--cell", hostile}},
		"tenants list":    {{}, {"--cell", "c02"}},
		"tenants move":    {{"acme", "--to", "c02"}},
		"tenants remove":  {{"acme"}, {"acme", "--forget", "--export", file}},
		"tenants resume":  {{"beta"}},
		"tenants show":    {{"acme"}, {"beta"}, {hostile}},
		"tenants suspend": {{"acme"}},
		"version":         {{}, {hostile}},
	}
	seen := map[string]bool{}
	commands(t, func(cmd *cobra.Command) {
		path := strings.TrimPrefix(cmd.CommandPath(), "cellctl ")
		if cmd.HasSubCommands() {
			return
		}
		seen[path] = true
		argsOf, known := lines[path]
		require.True(t, known, "%s is a new command: it is to be run here, too", path)
		for _, args := range argsOf {
			for name, flags := range map[string][]string{"table": {"--no-color"}, "colours": nil, "JSON": {"--output", "json"}} {
				t.Run(fmt.Sprintf("%s %q %s", path, args, name), func(t *testing.T) {
					withHostility(t, func(t *testing.T, w *world, letter string) {
						line := append([]string{"--yes", "--stack", string(stack)}, flags...)
						line = append(line, strings.Fields(path)...)
						for _, arg := range args {
							line = append(line, strings.ReplaceAll(arg, "LETTER", letter))
						}
						var out, errs bytes.Buffer
						a := w.app(&out, &errs)
						a.terminal = func(any) bool { return true }
						_ = exitCode(a.run(t.Context(), line), false, &errs) // whether it succeeds is another test's
						requireHarmless(t, out.String()+errs.String())
						if name == "JSON" && out.Len() > 0 && out.String()[0] == '{' {
							require.True(t, json.Valid(out.Bytes()), "%s", out.String())
						}
					})
				})
			}
		}
	})
	require.Contains(t, seen, "dlq show")
}

// requireHarmless requires that all is printable but ends of lines, tabs, and cellctl's own colours and live lines.
func requireHarmless(t *testing.T, written string) {
	t.Helper()
	for _, own := range []string{clearLine, "\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[39m"} {
		written = strings.ReplaceAll(written, own, "")
	}
	for i, r := range written {
		if !printable.Rune(r) && r != '\n' && r != '\t' {
			require.Failf(t, "what is not printable was written", "%q after %q", r, written[max(0, i-80):i])
		}
	}
	require.NotContains(t, written, "\ufffd\ufffd", "what is no UTF-8 is escaped")
}

func TestAFindingIsPrintedEscaped(t *testing.T) {
	v := doctorView{Findings: []health.Finding{{Check: hostile, Subject: hostile, Level: health.Fail, Text: hostile, Fix: hostile}}}
	for _, output := range []string{outputTable, outputJSON} {
		requireHarmless(t, rendered(t, output, v))
	}
}

func TestALetterIsShownEscaped(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		id := w.put(q, c01.ConsumerDLQURL, "{\"a\":\"\u202e\u009b2J\u200b\x7f\"}\rpaid")
		out, _, code := w.run("dlq", "show", id, "--cell", "c01")
		require.Zero(t, code)
		require.Contains(t, out, `{"a":"\u202e\u009b2J\u200b\x7f"}\rpaid`)
		out, _, code = w.run("dlq", "show", id, "--cell", "c01", "--output", "json")
		require.Zero(t, code)
		require.Contains(t, out, `\"\u202e\u009b2J\u200b\u007f\"}\rpaid"`)
		var v struct{ Body string }
		require.NoError(t, json.Unmarshal([]byte(out), &v))
		require.Equal(t, "{\"a\":\"\u202e\u009b2J\u200b\x7f\"}\rpaid", v.Body, "it is the same text to a program")
	})
}

func TestALetterThatIsJSONIsShownWithJSONsOwnEscapes(t *testing.T) {
	withQueues(t, func(t *testing.T, w *world, q *sqstest.SQS) {
		const body = "{\"a\":\"\u202e\u200b\x7f\U000e0041\"}"
		id := w.put(q, c01.ConsumerDLQURL, body)
		out, _, code := w.run("dlq", "show", id, "--cell", "c01")
		require.Zero(t, code)
		require.Contains(t, out, `"\u202e\u200b\u007f\udb40\udc41"`)
		require.JSONEq(t, body, out[strings.Index(out, "{"):])
	})
}

func TestACellOfATableKeepsToItsLine(t *testing.T) {
	for _, colours := range []bool{false, true} {
		var out bytes.Buffer
		s := newSheet(terminal.NewWriter(&out), colours)
		s.row("acme\nbeta  active", coloured{"a\tb\x1b[2J", red})
		require.NoError(t, s.flush())
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
		require.Contains(t, out.String(), `acme\nbeta  active`)
		require.Contains(t, out.String(), `a\tb\x1b[2J`)
	}
}

func TestAnErrorIsWrittenEscaped(t *testing.T) {
	var out bytes.Buffer
	require.Equal(t, cli.ExitFailure, exitCode(errors.New("tenant \x1b[2J\u202e"), false, &out))
	require.Equal(t, `cellctl: tenant \x1b[2J\u202e`+"\n", out.String())
}

// Only main has the streams themselves: whatever else writes does it through the writer that escapes.
func TestNothingWritesPastTheEscapes(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if file == "main.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, way := range []string{"os.Stdout", "os.Stderr", "fmt.Print", "println("} {
			for line := range strings.Lines(string(text)) {
				require.False(t, strings.HasPrefix(strings.TrimSpace(line), way) || strings.Contains(line, " "+way) || strings.Contains(line, "("+way), "%s: %s", file, line)
			}
		}
	}
}
