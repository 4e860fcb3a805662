package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/terminal"
)

func TestColoursLeaveColumnsAligned(t *testing.T) {
	rows := func(colours bool) string {
		var out bytes.Buffer
		s := newSheet(terminal.NewWriter(&out), colours)
		s.row("CELL", "STATUS", "DLQ")
		s.row("c01", status("active"), trouble(3, "3"))
		s.row("canary", status("draining"), trouble(0, "0"))
		require.NoError(t, s.flush())
		return out.String()
	}
	coloured := rows(true)
	require.Contains(t, coloured, "\x1b[32mactive\x1b[0m")
	require.Contains(t, coloured, "\x1b[33mdraining\x1b[0m")
	require.Contains(t, coloured, "\x1b[31m3\x1b[0m")
	bare := coloured
	for _, code := range []string{"\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[39m"} {
		bare = strings.ReplaceAll(bare, code, "")
	}
	require.Equal(t, rows(false), bare)
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	for _, c := range []struct {
		terminal, flag, env, want bool
	}{
		{true, false, false, true}, {false, false, false, false}, {true, true, false, false}, {true, false, true, false},
	} {
		t.Run("", func(t *testing.T) {
			if c.env {
				t.Setenv(envNoColor, "")
			}
			a := &app{terminal: func(any) bool { return c.terminal }, options: options{noColor: c.flag}}
			require.Equal(t, c.want, a.colours())
		})
	}
}

func TestDurationsAreShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1500 * time.Millisecond: "1s", 95 * time.Second: "1m35s", 3*time.Hour + 59*time.Minute: "3h59m", 50 * time.Hour: "2d2h",
	} {
		require.Equal(t, want, short(d))
	}
	now := time.Now()
	require.Equal(t, "never", ago(time.Time{}, now))
	require.Equal(t, "0s ago", ago(now.Add(time.Second), now), "a clock that is ahead")
}

func TestProgressOnATerminalIsABarInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{stderr: terminal.NewWriter(&out), terminal: func(any) bool { return true }}
		p := a.progress("copied", 200)
		p.at(0)
		time.Sleep(10 * time.Second)
		p.at(50)
		p.at(51) // too soon to be seen
		time.Sleep(time.Second)
		p.at(200)
		p.end()
		require.Equal(t, clearLine+"copied [........................] 0 of 200"+
			clearLine+"copied [######..................] 50 of 200, 30s left"+
			clearLine+"copied [########################] 200 of 200"+clearLine, out.String())
	})
}

func TestProgressElsewhereIsAFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{stderr: terminal.NewWriter(&out), terminal: func(any) bool { return false }}
		p := a.progress("copied", 0)
		for i := range 25 {
			p.at(int64(i))
			time.Sleep(time.Second)
		}
		p.end()
		require.Equal(t, "copied 0\ncopied 10\ncopied 20\ncopied 24\n", out.String())
	})
}
