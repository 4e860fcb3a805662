package console

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// noon is when lines without a time of their own come in tests.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// TestConsole_ShowsTheLogOfARun shows what 'localcloud up --json' printed: of events that are applied, refused and failed, and
// of cells whose topic, tables and queue have been deleted under them. UPDATE_GOLDEN=1 writes what is shown.
func TestConsole_ShowsTheLogOfARun(t *testing.T) {
	for _, name := range []string{"events", "broken"} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", name+".log"))
			require.NoError(t, err)
			shown := replay(string(raw))
			golden := filepath.Join("testdata", name+".txt")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(golden, []byte(shown), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), shown)
		})
	}
}

// replay is what is shown of a log whose lines come when they say that they were written.
func replay(log string) string {
	var b strings.Builder
	l, f, now := newLayout(false), newFlood(), time.Time{}
	for line := range strings.Lines(log) {
		e, shown := read(line, now)
		if !shown {
			continue
		}
		if e.at.After(now) {
			now = e.at
		}
		for _, sum := range f.due(now) {
			b.WriteString(l.line(sum))
		}
		if f.admits(e, now) {
			b.WriteString(l.line(e))
		}
	}
	for _, sum := range f.end(now) {
		b.WriteString(l.line(sum))
	}
	return b.String()
}

const failing = `cell beta consumer | {"level":"WARN","message":"record handled","cell":"beta","tenant":"acme","event":"e-1","outcome":"retry","receive_count":1,"reason":"error","error":"injected"}` + "\n"

func TestConsole_ShowsSumsWhenTheyAreDueAndAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := New(&out, false)
		write := func(n int) {
			for range n {
				_, err := c.Write([]byte(failing))
				require.NoError(t, err)
			}
		}
		lines := func() int {
			synctest.Wait()
			c.mu.Lock()
			defer c.mu.Unlock()
			return strings.Count(out.String(), "\n")
		}
		write(200)
		require.Equal(t, 1+burst, lines(), "the titles, and the first of the kind")
		time.Sleep(window)
		require.Equal(t, 1+burst+1, lines())
		require.Contains(t, out.String(), "... and 195 more in 10 s: failed, to be tried again (error): injected\n")
		write(7)
		require.Equal(t, 1+burst+1, lines(), "a kind that goes on is only summed")
		c.Close()
		require.Equal(t, 1+burst+2, strings.Count(out.String(), "\n"))
		require.Contains(t, out.String(), "... and 7 more in 1 s: failed")
	})
}

func TestConsole_TakesLinesOfManyFunctionsAtATime(t *testing.T) {
	var out bytes.Buffer
	c := New(&out, false)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 50 {
				_, _ = c.Write([]byte("router | {\"message\":\"request\",\"method\":\"GET\",\"status\":200,\"total_ms\":12}\n"))
			}
		})
	}
	writers.Wait()
	c.Close()
	require.Equal(t, 8*50, strings.Count(out.String(), "  GET 200 in 12 ms\n"), "nothing is held back of what is as it should be")
}

func TestConsole_ReportsNoErrorOfItsStream(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "gone"))
	require.NoError(t, err)
	require.NoError(t, file.Close())
	c := New(file, false)
	n, err := c.Write([]byte(failing))
	require.NoError(t, err)
	require.Equal(t, len(failing), n)
	c.Close()
}
