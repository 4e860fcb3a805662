package console

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLayout_KeepsItsColumnsForLongIDs(t *testing.T) {
	l := newLayout(false)
	shown := l.line(entry{at: noon, cell: "alpha", tenant: "acme", event: "e-1", part: "consumer", text: "applied"})
	for _, id := range []string{"order-2026-11-30-000000000000000017", strings.Repeat("a", 100) + strings.Repeat("b", 100), "e-2"} {
		shown += l.line(entry{at: noon, cell: "alpha", tenant: "acme", event: id, part: "consumer", text: "applied"})
	}
	require.Equal(t, `TIME (UTC)    CELL   TENANT          EVENT       PART        WHAT HAPPENED
12:00:00.000  alpha  acme            e-1         consumer    applied
12:00:00.000  alpha  acme            order-2026-11-30-000000000000000017  consumer    applied
12:00:00.000  alpha  acme            aaaaaaaaaaaaaaaaaa…bbbbbbbbbbbbbbbbb  consumer    applied
12:00:00.000  alpha  acme            e-2                                   consumer    applied
`, shown)
}

func TestLayout_BoundsTexts(t *testing.T) {
	shown := row(entry{at: noon, text: strings.Repeat("é", 10_000)})
	require.True(t, strings.HasSuffix(shown, strings.Repeat("é", maxText-1)+"…\n"))
	require.Equal(t, maxText-1, strings.Count(shown, "é"))
}

func TestLayout_ColoursTextsAndNothingElse(t *testing.T) {
	entries := map[string]entry{
		"":     {level: slog.LevelInfo},
		yellow: {level: slog.LevelWarn},
		red:    {level: slog.LevelError},
		green:  {recovered: true},
	}
	for colour, e := range entries {
		e.at, e.text = noon, "applied"
		l := newLayout(true)
		l.begun = true
		want := "applied"
		if colour != "" {
			want = colour + "applied" + reset
		}
		require.Equal(t, "12:00:00.000  -      -               -           -           "+want+"\n", l.line(e))
		require.NotContains(t, row(e), "\x1b")
	}
}
