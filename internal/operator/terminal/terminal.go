// Package terminal writes text that may come from anybody where a terminal may show it. A terminal obeys control
// characters: a payload with some of them could erase lines, write others in their place, or type for the operator.
// What is not printable is written as an escape instead, in the way of Go: \x1b, \u202e.
package terminal

import (
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"

	"cellular/internal/model/printable"
)

// Writer escapes everything that is written to it, except for ends of lines and tabs.
type Writer struct{ to io.Writer }

// NewWriter returns a Writer to a stream; a Writer is returned as it is.
func NewWriter(to io.Writer) *Writer {
	if w, ok := to.(*Writer); ok {
		return w
	}
	return &Writer{to}
}

// Write writes p escaped. A character has to come as a whole.
func (w *Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, Escape(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Raw is the stream itself, for what has no text of others in it or has it escaped by Line.
func (w *Writer) Raw() io.Writer { return w.to }

// Is reports whether a stream is a terminal, or a Writer or a Stream to one.
func Is(stream any) bool {
	switch s := stream.(type) {
	case *Writer:
		return Is(s.Raw())
	case *Stream:
		return Is(s.file)
	case *os.File:
		return term.IsTerminal(int(s.Fd()))
	}
	return false
}

// Escape makes a text visible that may have many lines: ends of lines and tabs stay.
func Escape(text string) string { return printable.Escape(text, "\n\t") }

// Line makes a text visible within one line.
func Line(text string) string { return printable.Escape(text, "") }

// JSON escapes a document of valid JSON with JSON's own escapes, so that it has the same values and is printable.
func JSON(document []byte) []byte {
	text := string(document)
	if printable.Text(text, "\n\t\r") {
		return document
	}
	var b []byte
	for _, r := range text { // an invalid byte is U+FFFD, as it is to a JSON parser
		switch high, low := utf16.EncodeRune(r); {
		case r < utf8.RuneSelf && r != 0x7f, printable.Rune(r):
			b = utf8.AppendRune(b, r)
		case high != unicode.ReplacementChar:
			b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}
