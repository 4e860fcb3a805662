package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxLine bounds what is kept of a line that has no end; CloudWatch Logs takes events of up to 256 KB.
const maxLine = 256 << 10

// sink takes whole lines from all environments of a function.
type sink struct {
	mu sync.Mutex
	to io.Writer
}

func (s *sink) line(line []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.to.Write(line) // a log that cannot be written must not fail the function
}

// platform logs what Lambda itself has to say, in the function's format. subject names what the message is about.
func (s *sink) platform(format, subject, id, message string) {
	text := fmt.Sprintf("%s: %s %s\n", subject, id, message)
	if format == "JSON" {
		entry, err := json.Marshal(map[string]string{
			"timestamp": time.Now().UTC().Format(time.RFC3339Nano), "level": "ERROR", "message": message, subject: id,
		})
		if err == nil {
			text = string(entry) + "\n"
		}
	}
	s.line([]byte(text))
}

// sink returns the log of a function.
func (s *Service) sink(function string) *sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sinks[function] == nil {
		s.sinks[function] = &sink{to: s.options.Logs(function)}
	}
	return s.sinks[function]
}

// lines cuts the output of one process into lines, and passes on those that are logged.
type lines struct {
	to     *sink
	logged func(line []byte) bool
	mu     sync.Mutex
	held   []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, p...)
	for {
		end := bytes.IndexByte(l.held, '\n') + 1
		if end == 0 && len(l.held) >= maxLine {
			l.flush()
		}
		if end == 0 {
			return len(p), nil
		}
		l.pass(l.held[:end])
		l.held = l.held[end:]
	}
}

// Close passes on a last line that has no end.
func (l *lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	return nil
}

func (l *lines) flush() {
	if len(l.held) > 0 {
		l.pass(append(l.held, '\n'))
		l.held = nil
	}
}

func (l *lines) pass(line []byte) {
	if l.logged(line) {
		l.to.line(line)
	}
}
