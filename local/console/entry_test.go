package console

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/printable"
)

func TestRead_PutsLinesIntoWords(t *testing.T) {
	for name, tc := range map[string]struct{ line, want string }{
		"a request that was retried and answered from a stale mapping": {
			`router | {"timestamp":"2026-11-30T12:00:03.123Z","level":"WARN","message":"request","method":"POST","status":202,"cell":"beta","tenant":"acme","event":"order-17","mapping":"stale","breaker":"half-open","attempts":2,"hot_keys":true,"peer_error":"no route to beta","total_ms":1812.4}`,
			"12:00:03.123  beta   acme            order-17    router      POST 202 accepted in 1.8 s, mapping stale, breaker half-open, 2 attempts, hot keys: no route to beta",
		},
		"a record that a move copied": {
			`cell beta producer | {"timestamp":"2026-11-30T12:00:03.123456789Z","level":"INFO","message":"batch published","cell":"beta","records":3,"published":1,"clones":1,"ejected":1,"left":0}`,
			"12:00:03.123  beta   -               -           producer    published 1 event, passed over 1 that a move copied, ejected 1",
		},
		"a record that can never be published, of a request that its client names": {
			`cell beta producer | {"timestamp":"2026-11-30T12:00:03.123Z","level":"ERROR","message":"record ejected","cell":"beta","tenant":"acme","event":"order-17","correlation_id":"client-42","sequence_number":"1","reason":"decode record: no type"}`,
			"12:00:03.123  beta   acme            order-17    producer    record ejected (decode record: no type) correlation_id=client-42",
		},
		"a batch that is tried again": {
			`cell beta producer | {"timestamp":"2026-11-30T12:00:03.123Z","level":"ERROR","message":"batch reported for a retry","cell":"beta","records":3,"published":1,"clones":0,"ejected":0,"left":2,"waited_ms":8933.442,"error":"publish to topic: no such topic"}`,
			"12:00:03.123  beta   -               -           producer    published 1 of 3 events, 2 to be tried again, waited 8.9 s: publish to topic: no such topic",
		},
		"an event that an operator sent again": {
			`cell beta consumer | {"message":"record handled","tenant":"acme","event":"order-17","outcome":"applied","receive_count":1,"took_ms":8.2,"sent_again":true,"accepted_to_applied_ms":86400000}`,
			"12:00:00.000  beta   acme            order-17    consumer    applied in 8.2 ms, 24h0m0s after it was accepted, sent again",
		},
		"an event applied on its third receive": {
			`cell beta consumer | {"message":"record handled","tenant":"acme","event":"order-17","outcome":"applied","receive_count":3,"took_ms":812,"accepted_to_applied_ms":12300}`,
			"12:00:00.000  beta   acme            order-17    consumer    applied in 812 ms, 12 s after it was accepted, receive 3",
		},
		"an applied event without its times": {
			`cell beta consumer | {"message":"record handled","tenant":"acme","event":"order-17","outcome":"applied"}`,
			"12:00:00.000  beta   acme            order-17    consumer    applied",
		},
		"an outcome without words": {
			`cell beta consumer | {"message":"record handled","tenant":"acme","event":"order-17","outcome":"postponed"}`,
			"12:00:00.000  beta   acme            order-17    consumer    postponed",
		},
		"an event of a tenant that moved": {
			`cell beta consumer | {"message":"record handled","tenant":"acme","event":"order-17","outcome":"diverted","epoch":3}`,
			"12:00:00.000  beta   acme            order-17    consumer    kept for the cell that its tenant has moved to",
		},
		"a function that cannot start": {
			`router | {"level":"ERROR","message":"the router cannot start","error":"CELL_ID: is not set"}`,
			"12:00:00.000  -      -               -           router      the router cannot start: CELL_ID: is not set",
		},
		"a line of the AWS SDK": {
			`cell beta producer | {"level":"DEBUG","message":"AWS SDK","cell":"beta","detail":"retrying request SNS/PublishBatch, attempt 2"}`,
			"12:00:00.000  beta   -               -           producer    AWS SDK: retrying request SNS/PublishBatch, attempt 2",
		},
		"a line with fields that have no words": {
			`cell beta consumer | {"level":"INFO","message":"caught up","requestId":"x","lag":3,"shards":["a"]}`,
			`12:00:00.000  beta   -               -           consumer    caught up lag=3 shards=["a"]`,
		},
		"a request that the router timed out on": {
			`router | {"error":"Service Unavailable","integrationError":"the function failed","integrationLatency":"10000","integrationStatus":"200","latencyMs":"10001","protocol":"HTTP/1.1","requestId":"x","route":"POST /v1/events","sourceIp":"127.0.0.1","status":"503","time":"30/Nov/2026:12:00:09 +0000"}`,
			"12:00:00.000  -      -               -           gateway     POST /v1/events 503 Service Unavailable: the function failed",
		},
		"an alarm that fires": {
			"cloudwatch | 2026-11-30T12:00:09Z alarm local-alarm-consumer-dlq-cell-beta: OK -> ALARM: Threshold Crossed: 1 datapoint [3.0] was greater than the threshold (0.0).",
			"12:00:09.000  beta   -               -           cloudwatch  alarm local-alarm-consumer-dlq-cell-beta: OK -> ALARM: Threshold Crossed: 1 datapoint [3.0] was greater than the threshold (0.0).",
		},
		"an alarm of the router": {
			"cloudwatch | 2026-11-30T12:00:09Z alarm local-health-router: ALARM -> INSUFFICIENT_DATA: no data",
			"12:00:09.000  -      -               -           cloudwatch  alarm local-health-router: ALARM -> INSUFFICIENT_DATA: no data",
		},
		"text of a process": {
			"cell beta consumer | panic: runtime error: \x1b[31mindex\tout of range\n",
			`12:00:00.000  beta   -               -           consumer    panic: runtime error: \x1b[31mindex\tout of range`,
		},
		"JSON that is no object": {"cell beta consumer | [1]", "12:00:00.000  beta   -               -           consumer    [1]"},
		"a line of no part":      {"hello", "12:00:00.000  -      -               -           -           hello"},
		"fields of other types": {
			`cell beta consumer | {"timestamp":1,"level":2,"message":"record handled","tenant":{"a":1},"event":null,"outcome":["x"],"receive_count":"many"}`,
			`12:00:00.000  beta   {"a":1}         -           consumer    ["x"]`,
		},
	} {
		e, shown := read(tc.line, noon)
		require.True(t, shown, name)
		require.Equal(t, tc.want+"\n", row(e), name)
	}
}

// row is an entry as a line after the titles.
func row(e entry) string {
	l := newLayout(false)
	l.begun = true
	return l.line(e)
}

func TestRead_LeavesOutWhatIsNothingToAPerson(t *testing.T) {
	for name, line := range map[string]string{
		"metrics below the log level":           `router | {"requests_2xx":1,"cell":"beta","version":"$LATEST","_aws":{"Timestamp":1796034415643,"CloudWatchMetrics":[]}}`,
		"a request that the router answered":    `router | {"error":"-","integrationError":"-","integrationStatus":"200","route":"POST /v1/events","status":"202"}`,
		"an alarm that has its first data":      "cloudwatch | 2026-11-30T12:00:09Z alarm local-health-cell-beta: INSUFFICIENT_DATA -> OK: none is in alarm",
		"an alarm that has no data any more":    "cloudwatch | 2026-11-30T12:00:09Z alarm local-alarm-oldest-message-cell-beta: OK -> INSUFFICIENT_DATA: no data",
		"an empty line":                         "cell beta consumer | \n",
		"an empty line of no part":              "",
		"a line of blanks between stack traces": "cell beta consumer | \t \n",
		"a request of the standing probe":       `router | {"level":"INFO","message":"request","method":"POST","status":202,"cell":"beta","tenant":"cellctl-probe.beta","event":"e"}`,
		"a probe's event that is published":     `cell beta producer | {"level":"DEBUG","message":"event published","cell":"beta","tenant":"cellctl-probe.beta","event":"e","correlation_id":"c"}`,
		"a batch of probes' events alone":       `cell beta producer | {"level":"INFO","message":"batch published","cell":"beta","records":1,"published":0,"clones":0,"ejected":0,"left":0,"probes_published":1}`,
		"a probe's event that is applied":       `cell beta consumer | {"level":"INFO","message":"record handled","cell":"beta","tenant":"cellctl-probe.beta","event":"e","outcome":"applied"}`,
		"a cell that the probe found well":      `probe | {"level":"INFO","message":"cell probed","cell":"beta","tenant":"cellctl-probe.beta","event":"e","outcome":"ok","probe_ok":1}`,
		"the end of a round":                    `probe | {"level":"INFO","message":"round ended","cells":3,"ok":3,"probe_rounds":1}`,
	} {
		_, shown := read(line, noon)
		require.False(t, shown, name)
	}
}

func TestRead_ShowsWhatGoesWrongOfTheStandingProbe(t *testing.T) {
	for name, line := range map[string]string{
		"a cell that is at fault":         `probe | {"level":"ERROR","message":"cell probed","cell":"beta","tenant":"cellctl-probe.beta","event":"e","outcome":"failed","probe_ok":0,"error":"not processed in time"}`,
		"an event that did not get there": `probe | {"level":"WARN","message":"cell probed","cell":"beta","tenant":"cellctl-probe.beta","event":"e","outcome":"unsent"}`,
		"a round that did not end":        `probe | {"level":"ERROR","message":"round ended","cells":3,"ok":2,"interrupted":1}`,
		"an attempt that failed":          `cell beta consumer | {"level":"WARN","message":"record handled","cell":"beta","tenant":"cellctl-probe.beta","event":"e","outcome":"retry"}`,
		"a request that was refused":      `router | {"level":"INFO","message":"request","method":"POST","status":403,"tenant":"cellctl-probe.beta","event":"e","problem":"foreign-tenant"}`,
		"a batch with a tenant's event":   `cell beta producer | {"level":"INFO","message":"batch published","cell":"beta","records":2,"published":1,"probes_published":1,"left":0}`,
		"a batch that is not done":        `cell beta producer | {"level":"ERROR","message":"batch reported for a retry","cell":"beta","records":1,"published":0,"left":1}`,
	} {
		_, shown := read(line, noon)
		require.True(t, shown, name)
	}
}

func TestRead_SumsTroubleAlone(t *testing.T) {
	kindOf := func(line string) string {
		e, shown := read(line, noon)
		require.True(t, shown, line)
		return e.kind
	}
	require.Empty(t, kindOf(`router | {"level":"INFO","message":"request","method":"POST","status":404,"problem":"unknown-tenant"}`))
	require.Empty(t, kindOf(`cell beta consumer | {"level":"INFO","message":"record handled","outcome":"applied"}`))
	require.Empty(t, kindOf("cloudwatch | 2026-11-30T12:00:09Z alarm a: OK -> ALARM: b"))

	handled := func(event, reason, failure string) string {
		return kindOf(`cell beta consumer | {"level":"WARN","message":"record handled","tenant":"t` + event + `","event":"` + event + `","outcome":"retry","reason":"` + reason + `","error":"` + failure + `"}`)
	}
	first := handled("1", "error", "SQS: StatusCode: 400, RequestID: 3eQXyyVK50wPIh97OWrOlU6h4kwAmCp4, no such queue")
	require.NotEmpty(t, first)
	require.Equal(t, first, handled("2", "error", "SQS: StatusCode: 400, RequestID: NMOnu5ucgpcXYwKi8qJWZ4dLm4PFmGYe, no such queue"))
	require.NotEqual(t, first, handled("1", "deadline", "SQS: StatusCode: 400, RequestID: NMOnu5ucgpcXYwKi8qJWZ4dLm4PFmGYe, no such queue"))
	require.NotEqual(t, first, handled("1", "error", "SQS: StatusCode: 400, RequestID: NMOnu5ucgpcXYwKi8qJWZ4dLm4PFmGYe, access denied"))
	require.NotEqual(t, kindOf("cell beta consumer | order 1"), kindOf("cell beta consumer | order 2"), "what a function prints is its own")
}

// FuzzLine holds any line to one line of text that a terminal shows and does not obey.
func FuzzLine(f *testing.F) {
	f.Add("")
	f.Add(failing)
	f.Add("cloudwatch | 2026-11-30T12:00:09Z alarm a-cell-\x1b[2J: OK -> ALARM: \u202e\r\nx")
	f.Add(`router | {"message":"request","tenant":"\u001b]0;x\u0007","event":"` + strings.Repeat("é", 300) + `","status":1e400,"error":"a\nb"}`)
	f.Add("cell a\x9b b | {\"integrationStatus\":\"-\",\"status\":\"\u2028\",\"route\":\"-\"}")
	f.Add(`cell a b | {"message":"batch published","waited":-1e18,"left":1e300,"error":"x","records":null}`)
	f.Fuzz(func(t *testing.T, line string) {
		e, shown := read(line, noon)
		if !shown {
			return
		}
		text, ended := strings.CutSuffix(row(e), "\n")
		require.True(t, ended)
		require.True(t, utf8.ValidString(text))
		for _, r := range text {
			require.True(t, printable.Rune(r), "%q of %q", r, text)
		}
		const perCharacter = len(`\U000e0001`)
		require.LessOrEqual(t, utf8.RuneCountInString(text), perCharacter*maxText+200)
	})
}
