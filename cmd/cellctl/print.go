package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/operator/terminal"
)

// view is what a command prints: as JSON it is a document of its fields, as text it writes itself to a sheet.
type view interface{ text(*sheet) }

// print writes a command's data to stdout.
func (a *app) print(v view) error {
	if a.options.output == outputJSON {
		var document bytes.Buffer
		enc := json.NewEncoder(&document)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		_, err := a.stdout.Write(terminal.JSON(document.Bytes()))
		return err
	}
	s := newSheet(a.stdout, a.colours())
	v.text(s)
	return s.flush()
}

// note tells the operator something that is not data.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }

// clearLine takes the live line of stderr away.
func (a *app) clearLine() { fmt.Fprint(a.stderr.Raw(), clearLine) }

const clearLine = "\r\x1b[K"

func (a *app) colours() bool {
	_, off := os.LookupEnv(envNoColor)
	return !off && !a.options.noColor && a.terminal(a.stdout)
}

// colour is a foreground colour as a terminal knows it. Every one is written in as many bytes, so that a coloured column
// stays aligned: a tabwriter counts what it cannot see.
type colour int

const (
	red    colour = 31
	green  colour = 32
	yellow colour = 33
	plain  colour = 39
)

// coloured is text of a sheet that stands out.
type coloured struct {
	text   string
	colour colour
}

func (c coloured) String() string { return c.text }

// sheet is aligned columns. Each cell is text of one line.
type sheet struct {
	to      io.Writer
	colours bool

	tw      *tabwriter.Writer
	block   bytes.Buffer     // what tw has aligned
	rows    int              // of the block
	details map[int][]string // lines below rows of the block, which have no columns, by how many rows are above them
	err     error            // the first of writing
}

func newSheet(w *terminal.Writer, colours bool) *sheet {
	var to io.Writer = w
	if colours {
		to = w.Raw() // which a row writes to only what it has escaped, and colours
	}
	s := &sheet{to: to, colours: colours, details: map[int][]string{}}
	s.tw = tabwriter.NewWriter(&s.block, 0, 0, 2, ' ', 0)
	return s
}

// row adds a line of cells.
func (s *sheet) row(cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(s.tw, "\t")
		}
		c, ok := cell.(coloured)
		if !ok {
			c = coloured{fmt.Sprint(cell), plain}
		}
		c.text = terminal.Line(c.text)
		if s.colours {
			fmt.Fprintf(s.tw, "\x1b[%dm%s\x1b[0m", c.colour, c.text)
		} else {
			fmt.Fprint(s.tw, c.text)
		}
	}
	fmt.Fprintln(s.tw)
	s.rows++
}

const detailIndent = "  "

// detail adds a line of text below the last row. It has no columns, and widens none.
func (s *sheet) detail(text string) {
	s.details[s.rows] = append(s.details[s.rows], detailIndent+terminal.Line(text))
}

// cut is a text of at most n characters, with an ellipsis where something was left out.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// blank ends a block of columns: those that follow have widths of their own.
func (s *sheet) blank() {
	s.row()
	_ = s.flush() // the last flush reports it
}

// flush writes what there is so far. Its error is the first of all flushes.
func (s *sheet) flush() error {
	_ = s.tw.Flush() // into memory
	var all bytes.Buffer
	for row := 0; row <= s.rows; row++ {
		if row > 0 {
			line, _ := s.block.ReadBytes('\n')
			all.Write(line)
		}
		for _, text := range s.details[row] {
			fmt.Fprintln(&all, text)
		}
	}
	s.rows = 0
	clear(s.details)
	if _, err := s.to.Write(all.Bytes()); s.err == nil {
		s.err = err
	}
	return s.err
}

// status colours a word that says how something is.
func status(word string) coloured {
	switch word {
	case "active":
		return coloured{word, green}
	case "draining", "moving", "suspended":
		return coloured{word, yellow}
	}
	return coloured{word, plain}
}

// trouble is a number that should be 0.
func trouble(n int, text string) coloured {
	if n > 0 {
		return coloured{text, red}
	}
	return coloured{text, plain}
}

// counted is a number of things: "1 event", "2 events".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// jsonTime is how JSON has a time: as everywhere in the system, and null where there is none.
func jsonTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(event.FormatTime(t))
}

// ago is how long ago something was, short enough for a column.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return short(max(0, now.Sub(t))) + " ago"
}

// short is a duration in its one or two largest units.
func short(d time.Duration) string {
	d = d.Truncate(time.Second)
	switch day := 24 * time.Hour; {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
}
