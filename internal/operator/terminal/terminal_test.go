package terminal_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/printable"
	"cellular/internal/operator/terminal"
)

func TestEscape_ShowsWhatATerminalWouldObey(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"letters of any script": {"Grüße, 東京, مرحبا 🚀", "Grüße, 東京, مرحبا 🚀"},
		"a colour":              {"\x1b[31mred", `\x1b[31mred`},
		"a C1 control":          {"\u009b31mred", `\u009b31mred`},
		"delete and backspace":  {"a\x7f\b", `a\x7f\x08`},
		"the line begun again":  {"paid\rowed", `paid\rowed`},
		"an override":           {"\u202egnp.exe", `\u202egnp.exe`},
		"an isolate":            {"\u2066a\u2069", `\u2066a\u2069`},
		"a zero-width space":    {"ac\u200bme", `ac\u200bme`},
		"a filler":              {"ac\u3164me", `ac\u3164me`},
		"a byte order mark":     {"\ufeffa", `\ufeffa`},
		"a tag":                 {"a\U000e0041", `a\U000e0041`},
		"line separators":       {"a\u2028b\u2029c", `a\u2028b\u2029c`},
		"what is not UTF-8":     {"a\x9b\xffb", `a\x9b\xffb`},
		"half a character":      {"\xf0\x9f\x9a", `\xf0\x9f\x9a`},
		"lines and tabs":        {"a\n\tb", "a\n\tb"},
	} {
		require.Equal(t, tc.want, terminal.Escape(tc.text), name)
	}
	require.Equal(t, `a\n\tb`, terminal.Line("a\n\tb"))
}

func TestWriter_EscapesAndSaysThatAllWasWritten(t *testing.T) {
	var out bytes.Buffer
	w := terminal.NewWriter(&out)
	require.Same(t, w, terminal.NewWriter(w), "nothing is escaped twice")
	n, err := w.Write([]byte("a\x1b\n"))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	_, err = w.Raw().Write([]byte("\x1b[0m"))
	require.NoError(t, err)
	require.Equal(t, "a\\x1b\n\x1b[0m", out.String())
}

// seeds are texts that do something to a terminal, or nearly.
var seeds = []string{
	"", "plain", "\x1b[2J\x1b]0;title\a", "\u0085\u009b", "\u202e\u2066\u200b\u3164\ufeff", "\x80\xff\xc3", "\r\n\t\v\f", "\x7f", "\U000e0001", "é\u0301", `\u202e`,
}

func FuzzEscape(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		escaped := terminal.Escape(text)
		requirePrintable(t, escaped, "\n\t")
		require.Equal(t, escaped, terminal.Escape(escaped), "escaping once is enough")
		line := terminal.Line(text)
		requirePrintable(t, line, "")
		require.Equal(t, line, terminal.Line(escaped))
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var document bytes.Buffer
		enc := json.NewEncoder(&document)
		enc.SetEscapeHTML(false)
		require.NoError(t, enc.Encode(map[string]any{text: []string{text}}))
		escaped := terminal.JSON(document.Bytes())
		requirePrintable(t, string(escaped), "\n")
		var was, is any
		require.NoError(t, json.Unmarshal(document.Bytes(), &was))
		require.NoError(t, json.Unmarshal(escaped, &is))
		require.Equal(t, was, is)
	})
}

func requirePrintable(t *testing.T, text, keep string) {
	t.Helper()
	require.True(t, utf8.ValidString(text), "%q", text)
	for _, r := range text {
		require.True(t, printable.Rune(r) || strings.ContainsRune(keep, r), "%q of %q", r, text)
	}
}
