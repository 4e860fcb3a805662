package printable_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/printable"
)

func TestBounded_IsOnePrintableLine(t *testing.T) {
	require.Equal(t, "all of it", printable.Bounded("all of it", 9))
	require.Equal(t, "all o...", printable.Bounded("all of it", 8))
	require.Equal(t, `one; two\r\t\x1b[2J\u202e\xff`, printable.Bounded("one\ntwo\r\t\x1b[2J\u202e\xff", 99))
	require.Equal(t, "é...", printable.Bounded("ééé", 5), "no half of a character")
	require.Equal(t, "..", printable.Bounded("more", 2))
	require.Empty(t, printable.Bounded("", 0))
	require.Len(t, printable.Bounded(strings.Repeat("x", 1<<20), 512), 512)
}

// A text that was kept is shown by what bounds it once more.
func TestBounded_LeavesWhatItMadeAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		checkBounded(t, text, rapid.IntRange(0, 40).Draw(t, "most"))
	})
}

func FuzzBounded(f *testing.F) {
	f.Add("an error\nof two lines", 8)
	f.Add("\x1b[31m\u202e\U000e0001\xe2\x80", 512)
	f.Fuzz(func(t *testing.T, text string, most int) { checkBounded(t, text, max(0, most%2048)) })
}

func checkBounded(t require.TestingT, text string, most int) {
	got := printable.Bounded(text, most)
	require.LessOrEqual(t, len(got), most)
	require.True(t, printable.Text(got, ""), "%q", got)
	require.Equal(t, got, printable.Bounded(got, most))
	if whole := printable.Escape(strings.ReplaceAll(text, "\n", "; "), ""); len(whole) <= most {
		require.Equal(t, whole, got, "nothing is cut that fits")
	} else if most >= 3 {
		require.True(t, strings.HasPrefix(whole, strings.TrimSuffix(got, "...")), "%q of %q", got, whole)
		require.GreaterOrEqual(t, len(got), most-utf8.UTFMax+1, "no more is cut than has to be")
	}
}
