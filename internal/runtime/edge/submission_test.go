package edge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/runtime/edge"
)

func TestAMalformedBodyIsToldWhere(t *testing.T) {
	const tenant, kind, payload = `"tenant_id":"acme"`, `"type":"t"`, `"payload":1`
	for _, c := range []struct {
		name, body string
		detail     string
		fields     []string
	}{
		{"nothing", ``, "body is empty", nil},
		{"white space", " \n", "body is empty", nil},
		{"not JSON", `hello`, "byte 1", nil},
		{"cut short", `{"tenant_id":"acme"`, "unexpected end of JSON input", nil},
		{"bad token", `{"tenant_id":}`, "invalid character '}' looking for beginning of value, byte 14", nil},
		{"trailing data", order + `{}`, "after top-level value, byte 84", nil},
		{"two documents", order + "\n" + order, "after top-level value", nil},
		{"not UTF-8", "{\"tenant_id\":\"\xff\"}", "not valid UTF-8: byte 15", nil},
		{"NaN", `{` + tenant + `,` + kind + `,"payload":NaN}`, "byte 42", nil},
		{"an array", `[{}]`, "body is an array, want an object", nil},
		{"a string", `"acme"`, "body is a string, want an object", nil},
		{"a number", `-12`, "body is a number, want an object", nil},
		{"null", ` null `, "body is null, want an object", nil},
		{"true", `true`, "body is a boolean, want an object", nil},
		{"an empty object", `{}`, "tenant_id is missing, want a string; type is missing, want a string; payload is missing", []string{"tenant_id", "type", "payload"}},
		{"no tenant", `{` + kind + `,` + payload + `}`, "tenant_id is missing", []string{"tenant_id"}},
		{"a numeric tenant", `{"tenant_id":12,` + kind + `,` + payload + `}`, "tenant_id is a number, want a string", []string{"tenant_id"}},
		{"a bad tenant", `{"tenant_id":"ac me",` + kind + `,` + payload + `}`, "tenant_id does not match " + event.TenantIDPattern, []string{"tenant_id"}},
		{"a separator in the tenant", `{"tenant_id":"a\u0023b",` + kind + `,` + payload + `}`, "tenant_id does not match", []string{"tenant_id"}},
		{"a null id", `{` + tenant + `,"id":null,` + kind + `,` + payload + `}`, "id is null, want a string", []string{"id"}},
		{"an empty id", `{` + tenant + `,"id":"",` + kind + `,` + payload + `}`, "id does not match", []string{"id"}},
		{"a type that is an array", `{` + tenant + `,"type":["t"],` + payload + `}`, "type is an array", []string{"type"}},
		{"a type that is an object", `{` + tenant + `,"type":{"a":"}"},` + payload + `}`, "type is an object", []string{"type"}},
		{"no payload", `{` + tenant + `,` + kind + `}`, "payload is missing, want any JSON value", []string{"payload"}},
		{"an unknown field", `{` + tenant + `,` + kind + `,` + payload + `,"tenant":"x"}`, "tenant is not a field of an event", []string{"tenant"}},
		{"another case", `{"Tenant_id":"acme",` + kind + `,` + payload + `}`, "Tenant_id is not a field", []string{"Tenant_id", "tenant_id"}},
		{"a field twice", `{` + tenant + `,` + kind + `,` + payload + `,"payload":2}`, "payload is given twice", []string{"payload"}},
		{"a field twice in disguise", `{` + tenant + `,` + kind + `,` + payload + `,"\u0070ayload":2}`, "payload is given twice", []string{"payload"}},
		{"a field of the payload twice", `{` + tenant + `,` + kind + `,"payload":{"lines":[1,{"sku":"A","\u0073ku":"B"}]}}`,
			"payload.lines[1].sku is given twice", []string{"payload.lines[1].sku"}},
		{"half of a surrogate pair", `{` + tenant + `,` + kind + `,"payload":{"note":"\ud83d"}}`,
			`payload.note has half of a surrogate pair, \ud83d, without the other half`, []string{"payload.note"}},
		{"a field twice, far down", `{` + tenant + `,` + kind + `,"payload":` +
			strings.Repeat(`{"`+strings.Repeat("n", 60)+`":`, 9) + `{"a":1,"a":1}` + strings.Repeat(`}`, 10),
			"nnn... is given twice", []string{"payload." + strings.Repeat("n", 56) + "..."}},
		{"several at once", `{"tenant_id":"","id":1,"x":2,` + payload + `}`, "x is not", []string{"x", "tenant_id", "type", "id"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.post(c.body)
			w.wantProblem(a, http.StatusBadRequest, "malformed-request")
			require.Contains(t, a.body["detail"], c.detail)
			var fields []string
			if errs, ok := a.body["errors"].([]any); ok {
				for _, e := range errs {
					fields = append(fields, e.(map[string]any)["field"].(string))
				}
			}
			require.Equal(t, c.fields, fields)
			require.Empty(t, w.db.Calls())
		})
	}
}

func TestAnAnswerToABodyThatIsWrongAllOverIsBounded(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"` + strings.Repeat("ü", 300) + `":0`)
	for i := range 250 {
		fmt.Fprintf(&body, `,"f%d":0`, i)
	}
	a := newWorld(t).post(body.String() + "}")
	require.Equal(t, http.StatusBadRequest, a.StatusCode)
	require.Len(t, a.body["errors"], 8)
	require.Less(t, len(a.Body), 2048)
	require.True(t, utf8.ValidString(a.Body))
}

func TestAnyJSONValueIsAPayloadAsItWasSent(t *testing.T) {
	for _, payload := range []string{
		`null`, `true`, `0`, `-1.50e+10`, `""`, `"a \"quoted\" \\ } ] \u00e9 注"`, `[]`, `{}`, `[ 1, {"a" : "]}" } ]`,
		`{"tenant_id":"other","id":"x","payload":{}}`, `12345678901234567890`,
	} {
		s, detail, ok := edge.DecodeSubmission([]byte("\t{ \"payload\" :\n " + payload + " , \"type\":\"t\", \"tenant_id\":\"acme\" }\r\n"))
		require.True(t, ok, detail)
		require.Equal(t, payload, string(s.Payload))
		require.Equal(t, "acme", s.TenantID)
		require.Equal(t, "", s.ID)
	}
}

// FuzzDecodeSubmission holds the decoder against encoding/json: what it accepts, a strict reading of encoding/json
// accepts too, with the same values; what it refuses, it refuses with a reason.
func FuzzDecodeSubmission(f *testing.F) {
	for _, seed := range []string{
		order, ``, `{}`, `[]`, `{"tenant_id":"a\u0062","id":"x","type":"t","payload":{"a":[1,"}"]}}`,
		`{"payload":1,"payload":2}`, `{"Payload":1}`, "{\"type\":\"\xff\"}", order + `x`, `{"type":"\ud800","payload":"\\"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, detail, ok := edge.DecodeSubmission(body)
		if !ok {
			require.NotEmpty(t, detail)
			require.Less(t, len(detail), 4096)
			return
		}
		var want struct {
			TenantID string          `json:"tenant_id"`
			ID       *string         `json:"id"`
			Type     string          `json:"type"`
			Payload  json.RawMessage `json:"payload"`
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&want))
		require.Equal(t, want.TenantID, got.TenantID)
		require.Equal(t, want.Type, got.Type)
		require.JSONEq(t, string(want.Payload), string(got.Payload))
		if want.ID != nil {
			require.Equal(t, *want.ID, got.ID)
		}
		require.True(t, utf8.Valid(got.Payload))
		require.True(t, event.ValidTenantID(got.TenantID) && event.ValidType(got.Type) && (got.ID == "" || event.ValidID(got.ID)))
	})
}

func FuzzProblemBody(f *testing.F) {
	f.Add("detail", "field", "request", "")
	f.Add("\x00\"\\</script>\xff\u2028", "\r\n", "", "e1")
	f.Fuzz(func(t *testing.T, detail, field, requestID, eventID string) {
		body := edge.ProblemBody(detail, field, requestID, eventID)
		require.True(t, utf8.ValidString(body))
		var got struct {
			Type, Title, Detail, Instance string
			Status                        int
			Errors                        []edge.FieldError
			EventID                       string `json:"event_id"`
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&got))
		require.Equal(t, http.StatusBadRequest, got.Status)
		require.Equal(t, strings.ToValidUTF8(requestID, ""), strings.ReplaceAll(got.Instance, "\ufffd", ""), "but for what is no UTF-8")
		require.Len(t, got.Errors, 1)
	})
}

func TestASubmissionNestsAtMostTenThousandLevelsDeep(t *testing.T) {
	nested := func(levels int) []byte {
		payload := strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) // in the body's object
		return []byte(`{"tenant_id":"acme","type":"t","payload":` + payload + `}`)
	}
	_, detail, ok := edge.DecodeSubmission(nested(10_000))
	require.True(t, ok, detail)
	_, detail, ok = edge.DecodeSubmission(nested(10_001))
	require.False(t, ok)
	require.Contains(t, detail, "exceeded max depth")
}

func TestANumberIsTakenAsItIsWritten(t *testing.T) {
	s, detail, ok := edge.DecodeSubmission([]byte(`{"tenant_id":"acme","type":"t","payload":{"a":1e400}}`))
	require.True(t, ok, detail)
	require.Equal(t, `{"a":1e400}`, string(s.Payload))
}
