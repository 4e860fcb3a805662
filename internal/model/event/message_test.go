package event_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
)

const validBody = `{"v":1,"tenant_id":"acme","event_id":"e-1","type":"order.placed","epoch":1,` +
	`"accepted_at":"2026-03-04T05:06:07.089Z","payload":{"n":1}}`

func TestMessageHasTheDocumentedForm(t *testing.T) {
	e := event.Event{
		TenantID: "acme", ID: "e-1", Type: "order.placed", Epoch: 1,
		AcceptedAt: time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC),
		Payload:    json.RawMessage(`{ "n": 1 }`),
	}
	body, err := event.Message{Event: e}.Encode()
	require.NoError(t, err)
	require.Equal(t, validBody, string(body))

	e.Payload = nil
	body, err = event.Message{Event: e, PayloadRef: true}.Encode()
	require.NoError(t, err)
	require.Equal(t, strings.Replace(validBody, `"payload":{"n":1}`, `"payload_ref":true`, 1), string(body))
}

func TestMessageSurvivesTheRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := event.Message{Event: event.Event{
			TenantID:   rapid.StringMatching(event.TenantIDPattern).Draw(t, "tenant"),
			ID:         rapid.StringMatching(event.IDPattern).Draw(t, "id"),
			Type:       rapid.StringMatching(event.TypePattern).Draw(t, "type"),
			Epoch:      rapid.Int64Min(1).Draw(t, "epoch"),
			AcceptedAt: time.UnixMilli(rapid.Int64Range(0, 253402300799999).Draw(t, "ms")).UTC(),
		}}
		if rapid.Bool().Draw(t, "expires") {
			want.ExpiresAt = event.Expiry(want.AcceptedAt.AddDate(-1, 0, 0), time.Hour)
		}
		want.CorrelationID = validCorrelationID().Draw(t, "correlation id")
		var payload any
		if want.PayloadRef = rapid.Bool().Draw(t, "ref"); !want.PayloadRef {
			payload = jsonValue(t)
			raw, err := json.Marshal(payload)
			require.NoError(t, err)
			want.Payload = raw
		}
		body, err := want.Encode()
		require.NoError(t, err)
		requireSQSCharacters(t, body)
		got, err := event.DecodeMessage(body)
		require.NoError(t, err)

		if !want.PayloadRef {
			var back any
			require.NoError(t, json.Unmarshal(got.Payload, &back))
			require.Equal(t, payload, back)
		}
		got.Payload = want.Payload
		require.Equal(t, want, got)
	})
}

// requireSQSCharacters checks a body against the characters that SendMessage documents.
func requireSQSCharacters(t *rapid.T, body []byte) {
	for _, r := range string(body) {
		ok := r == 0x9 || r == 0xA || r == 0xD || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
		require.True(t, ok, "SQS would replace %U", r)
	}
}

func jsonValue(t *rapid.T) any {
	text := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune{'<', '&', '"', '\\', 0, 0xFFFE, 0xFFFF, 0x2028})))
	return rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any { return f }),
		rapid.Map(text, func(s string) any { return s }),
		rapid.Map(rapid.SliceOf(text), func(s []string) any {
			list := make([]any, len(s))
			for i := range s {
				list[i] = s[i]
			}
			return list
		}),
		rapid.Map(rapid.MapOf(text, text), func(m map[string]string) any {
			object := make(map[string]any, len(m))
			for k, v := range m {
				object[k] = v
			}
			return object
		}),
	).Draw(t, "payload")
}

func TestDecodeMessageNamesTheField(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"not JSON":            {validBody, `secret`, "not a JSON object"},
		"not an object":       {validBody, `["secret"]`, "not a JSON object"},
		"text after it":       {validBody, validBody + "x", "not a JSON object"},
		"no version":          {`"v":1,`, ``, "field v: missing"},
		"next version":        {`"v":1`, `"v":2`, "field v: version 2, want 1"},
		"missing tenant":      {`"tenant_id":"acme",`, ``, "field tenant_id: missing"},
		"null tenant":         {`"acme"`, `null`, "field tenant_id: missing"},
		"invalid tenant":      {`"acme"`, `"a#b"`, `field tenant_id: "a#b" does not match`},
		"missing id":          {`"event_id":"e-1",`, ``, "field event_id: missing"},
		"invalid id":          {`"e-1"`, `"a#b"`, `field event_id: "a#b" does not match`},
		"number as type":      {`"order.placed"`, `7`, "field type: json"},
		"invalid type":        {`"order.placed"`, `""`, `field type: "" does not match`},
		"fraction as epoch":   {`"epoch":1`, `"epoch":1.5`, "field epoch: json"},
		"epoch zero":          {`"epoch":1`, `"epoch":0`, "field epoch: 0, want at least 1"},
		"time without ms":     {`07.089Z`, `07Z`, "field accepted_at: "},
		"time with an offset": {`07.089Z`, `07.089+01:00`, "field accepted_at: "},
		"expiry in seconds":   {`"payload":`, `"expires_at":1772600000,"payload":`, "field expires_at: json"},
		"expiry without ms":   {`"payload":`, `"expires_at":"2026-04-08T05:06:08Z","payload":`, "field expires_at: "},
		"null expiry":         {`"payload":`, `"expires_at":null,"payload":`, "field expires_at: missing"},
		"other case":          {`"epoch"`, `"Epoch"`, "field epoch: missing"},
		"no payload":          {`,"payload":{"n":1}`, ``, "field payload: missing, and no payload_ref"},
		"both":                {`"payload"`, `"payload_ref":true,"payload"`, "field payload: present together"},
		"ref is false":        {`"payload":{"n":1}`, `"payload_ref":false`, "field payload: missing"},
		"bytes not UTF-8":     {`{"n":1}`, "\"secret\xff\"", "field payload: not JSON in UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, validBody, c.old)
			_, err := event.DecodeMessage([]byte(strings.Replace(validBody, c.old, c.new, 1)))
			require.ErrorContains(t, err, "decode message: ")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "secret", "a payload must not reach a log by way of an error")
		})
	}
}

func TestDecodeMessageReportsEveryMissingField(t *testing.T) {
	_, err := event.DecodeMessage([]byte(`{"v":1}`))
	for _, field := range []string{"tenant_id", "event_id", "type", "epoch", "accepted_at"} {
		require.ErrorContains(t, err, "field "+field+": missing")
	}
}

func TestEncodeRefusesWhatDecodeWouldRefuse(t *testing.T) {
	_, err := event.Message{Event: event.Event{TenantID: "acme", ID: "e-1", Type: "t", Epoch: 1, Payload: json.RawMessage(`{`)}}.Encode()
	require.ErrorContains(t, err, "encode message: field payload")
	_, err = event.Message{Event: event.Event{TenantID: "#", ID: "e-1", Type: "t", Epoch: 1, Payload: json.RawMessage(`1`)}}.Encode()
	require.ErrorContains(t, err, "encode message: field tenant_id")
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add([]byte(validBody))
	f.Add([]byte(strings.Replace(validBody, `"payload":{"n":1}`, `"payload_ref":true`, 1)))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := event.DecodeMessage(body)
		if err != nil {
			return
		}
		again, err := m.Encode()
		require.NoError(t, err, "what can be read can be written")
		_, err = event.DecodeMessage(again)
		require.NoError(t, err)
	})
}

// A message never exceeds what SNS and SQS take, whoever sends it once more: a payload that would make it larger stays in the
// table, also below the configured size.
func TestEncodeMessage_NeverExceedsWhatAQueueTakes(t *testing.T) {
	encoded := func(payload int) (message int, inline bool) {
		e := correlated(keptEvent())
		e.Payload = json.RawMessage(`"` + strings.Repeat("x", payload-2) + `"`)
		body, err := event.EncodeMessage(e, event.MaxMessageBytes)
		require.NoError(t, err)
		attributes := len("tenant_id") + len(e.TenantID) + len("event_id") + len(e.ID) + 4*len("String") +
			len("sent_again") + len("true") + len("copy_of") + len("5fea7756-0ea4-451a-a703-a558b933e274")
		return len(body) + attributes, strings.Contains(string(body), "xx")
	}
	envelope, _ := encoded(1000)
	largest := event.MaxMessageBytes - (envelope - 1000)
	size, inline := encoded(largest)
	require.True(t, inline)
	require.Equal(t, event.MaxMessageBytes, size)
	_, inline = encoded(largest + 1)
	require.False(t, inline)
}

func TestEncodeMessage_LeavesPayloadsAboveTheConfiguredSizeInTheTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := keptEvent()
		size := rapid.IntRange(2, 5000).Draw(t, "size")
		inline := rapid.SampledFrom([]int{0, size - 1, size, size + 1}).Draw(t, "inline")
		e.Payload = json.RawMessage(`"` + strings.Repeat("x", size-2) + `"`)
		body, err := event.EncodeMessage(e, inline)
		require.NoError(t, err)
		m, err := event.DecodeMessage(body)
		require.NoError(t, err)
		require.Equal(t, size > inline, m.PayloadRef)
		if !m.PayloadRef {
			require.Equal(t, e, m.Event)
		}
	})
}
