package ejection_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/ejection"
	"cellular/internal/model/printable"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(text)
}

// letter is the one of testdata/letter.json.
func letter() ejection.Letter {
	return ejection.Letter{
		RequestID:      "8f0b1f6e-4d4f-4b52-9a0f-6f5f6f1f0c11",
		FunctionARN:    "arn:aws:lambda:eu-west-1:123456789012:function:prod-producer-cell-alpha",
		EjectedAt:      time.Date(2026, 7, 1, 12, 0, 1, 500_000_000, time.UTC),
		StreamARN:      "arn:aws:dynamodb:eu-west-1:123456789012:table/prod-app-data-cell-alpha/stream/2026-01-01T00:00:00.000",
		SequenceNumber: "4421584500000000017450439091",
		ArrivedAt:      time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
		Key:            "acme#order-17",
		Epoch:          3,
		Reason:         `decode record: event item "acme#order-17": attribute type is missing, want a string`,
	}
}

// The fixture is what the DLQs of deployed cells hold: it may gain fields, and every later version reads it.
func TestLetterOfTheFixtureIsWrittenAndRead(t *testing.T) {
	text := fixture(t, "letter.json")
	body, err := letter().Encode()
	require.NoError(t, err)
	require.JSONEq(t, text, string(body))

	got, ok := ejection.Decode(text)
	require.True(t, ok)
	require.Equal(t, letter(), got)
}

func TestDecodeIgnoresFieldsOfALaterVersion(t *testing.T) {
	later := strings.Replace(fixture(t, "letter.json"), `"key":`, `"severity": {"level": 1}, "key":`, 1)
	got, ok := ejection.Decode(later)
	require.True(t, ok)
	require.Equal(t, letter(), got)
}

func TestDecodeRefusesWhatIsNoLetter(t *testing.T) {
	for _, body := range []string{"", "hello", "{}", "[]", `{"key":"acme#e"}`, fixture(t, "lambda.json")} {
		_, ok := ejection.Decode(body)
		require.False(t, ok, body)
	}
}

func TestALetterIsAMessageThatSQSTakesWhateverItsTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.SampledFrom([]string{"\uFFFE", "\uFFFF", "\x00", strings.Repeat("é", ejection.MaxReason), "line\nline"}))
		want := letter()
		want.Key, want.Reason = text.Draw(t, "key"), text.Draw(t, "reason")
		body, err := want.Encode()
		require.NoError(t, err)
		require.True(t, utf8.Valid(body))
		for _, r := range string(body) {
			require.True(t, r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000, "character %U", r)
		}
		got, ok := ejection.Decode(string(body))
		require.True(t, ok)
		require.LessOrEqual(t, len(got.Reason), ejection.MaxReason)
		require.NotContains(t, got.Reason, "\n")
		require.True(t, utf8.ValidString(got.Reason))
		if utf8.ValidString(want.Key) {
			require.Equal(t, want.Key, got.Key)
		}
		if printable.Text(want.Reason, "") && len(want.Reason) <= ejection.MaxReason {
			require.Equal(t, want.Reason, got.Reason)
		}
	})
}
