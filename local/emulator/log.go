package emulator

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"sync"
)

// tailLines of a program's output are shown when it fails.
const tailLines = 15

// tail is a writer that keeps the last lines written to it.
type tail struct {
	onLine func(string) // called with each complete line, if not nil

	mu      sync.Mutex
	partial []byte
	lines   []string
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partial = append(t.partial, p...)
	for {
		line, rest, ok := bytes.Cut(t.partial, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		t.partial = rest
		t.lines = append(t.lines, string(line))
		t.lines = t.lines[max(0, len(t.lines)-tailLines):]
		if t.onLine != nil {
			t.onLine(string(line))
		}
	}
}

// escapes are the terminal's colors.
var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// String is the lines that are not blank, each on a line of its own and indented; empty if there is none.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s strings.Builder
	for _, line := range append(t.lines, string(t.partial)) {
		if line = strings.TrimRight(escapes.ReplaceAllString(line, ""), " \r"); line != "" {
			s.WriteString("\n    " + line)
		}
	}
	return s.String()
}

// serverLog passes the server's log on, and finds in it which moto it is and that it listens.
type serverLog struct {
	out     io.Writer
	tail    tail
	running chan string // receives the version when it does; "" if it has not said it
}

// running is how Werkzeug, the HTTP server under moto, says that it listens.
const running = " * Running on unix://"

// mended is what serial says of the moto that it has mended.
var mended = regexp.MustCompile(`^moto (\S+), mended for the local cloud$`)

func newServerLog(out io.Writer) *serverLog {
	if out == nil {
		out = io.Discard
	}
	l := &serverLog{out: out, running: make(chan string, 1)}
	version := ""
	l.tail.onLine = func(line string) {
		if m := mended.FindStringSubmatch(line); m != nil {
			version = m[1]
		}
		if strings.Contains(line, running) {
			select {
			case l.running <- version:
			default: // a request's log line that happens to look like it
			}
		}
	}
	return l
}

func (l *serverLog) Write(p []byte) (int, error) {
	_, _ = l.tail.Write(p) // never fails
	return l.out.Write(p)
}
