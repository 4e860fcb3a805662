package console

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"cellular/internal/operator/terminal"
)

// maxText bounds what is shown of a text, in characters. The whole of it is in the log's file.
const maxText = 400

// column is one of the columns before the text. It is as wide as the widest of what it has shown, up to a bound.
type column struct {
	title      string
	width, max int
}

// layout is the columns, and remembers whether it has shown their titles.
type layout struct {
	colours bool
	begun   bool
	columns [4]column
}

func newLayout(colours bool) layout {
	return layout{colours: colours, columns: [...]column{
		// What ids have in the sample, to begin with. Longer ones widen their column, and the longest lose their middle.
		{"CELL", 5, 16}, {"TENANT", 14, 24}, {"EVENT", 10, 36}, {"PART", len("cloudwatch"), 16},
	}}
}

const timeFormat = "15:04:05.000"

// line is an entry as a line, the titles before the first.
func (l *layout) line(e entry) string {
	var b strings.Builder
	if !l.begun {
		l.begun = true
		l.write(&b, "TIME (UTC)", l.columns[0].title, l.columns[1].title, l.columns[2].title, l.columns[3].title)
		b.WriteString("WHAT HAPPENED\n")
	}
	l.write(&b, e.at.UTC().Format(timeFormat), e.cell, e.tenant, e.event, e.part)
	text := terminal.Line(shorten(strings.TrimSpace(e.text), maxText))
	if colour := e.colour(); l.colours && colour != "" {
		text = colour + text + reset
	}
	b.WriteString(text)
	b.WriteByte('\n')
	return b.String()
}

func (l *layout) write(b *strings.Builder, at string, values ...string) {
	fmt.Fprintf(b, "%-*s  ", len(timeFormat), at)
	for i, value := range values {
		c := &l.columns[i]
		value = terminal.Line(value)
		if value == "" {
			value = "-"
		}
		value = middle(value, c.max)
		c.width = max(c.width, utf8.RuneCountInString(value))
		b.WriteString(value)
		b.WriteString(strings.Repeat(" ", c.width-utf8.RuneCountInString(value)+len("  ")))
	}
}

// middle shortens a text to n characters by its middle: ids differ at their ends.
func middle(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	head := n / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(n-head-1):])
}

// shorten shortens a text to n characters by its end.
func shorten(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// colour is the colour of an entry's text; "" is the terminal's own.
func (e entry) colour() string {
	switch {
	case e.recovered:
		return green
	case e.level >= slog.LevelError:
		return red
	case e.level >= slog.LevelWarn:
		return yellow
	}
	return ""
}
