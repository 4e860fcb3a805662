package consumer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"cellular/internal/runtime/telemetry"
	"cellular/internal/testkit/emftest"
)

// log is what a consumer has logged, as text. It is safe for concurrent use.
type log struct {
	mu      sync.Mutex
	text    bytes.Buffer
	records []map[string]any // each as it was written
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// recordsOf returns records whose lines are in the log as text, like all others.
func recordsOf(l *log, level slog.Level) *telemetry.Records {
	return telemetry.NewCellRecords(emftest.Strict(recordLog{l}), "Cellular/test", level, "alpha")
}

type recordLog struct{ *log }

func (l recordLog) Write(line []byte) (int, error) {
	var record map[string]any
	if err := json.Unmarshal(line, &record); err != nil {
		panic(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, record)
	writeText(&l.text, line)
	return len(line), nil
}

// textTo writes records as text.
type textTo struct{ io.Writer }

func (w textTo) Write(line []byte) (int, error) {
	var text bytes.Buffer
	writeText(&text, line)
	_, err := w.Writer.Write(text.Bytes())
	return len(line), err
}

// writeText writes the fields of a JSON line, up to the one that says which of them are metrics, as key=value.
func writeText(to *bytes.Buffer, line []byte) {
	fields := json.NewDecoder(bytes.NewReader(line))
	fields.UseNumber()
	_, _ = fields.Token() // {
	for separator := ""; fields.More(); separator = " " {
		name, _ := fields.Token()
		if name == "_aws" {
			break
		}
		value, _ := fields.Token()
		text := fmt.Sprint(value)
		if strings.ContainsAny(text, " \"=\n\t") {
			text = strconv.Quote(text)
		}
		fmt.Fprintf(to, "%s%s=%s", separator, name, text)
	}
	to.WriteByte('\n')
}
