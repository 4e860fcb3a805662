// Package printable makes texts that may come from anybody into ones that can be kept, logged and shown: what is not printable
// is written as an escape instead, in the way of Go: \x1b, \u202e.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rune reports whether a terminal shows a character and does nothing else. Controls of the sets C0 and C1, formats
// such as the order of writing, other spaces than ' ', and characters without a width are not.
func Rune(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// Text reports whether a text is valid UTF-8 of nothing but printable characters and those in keep.
func Text(text, keep string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if !Rune(r) && !strings.ContainsRune(keep, r) {
			return false
		}
	}
	return true
}

// Escape makes all of a text visible but the characters in keep, which stay as they are.
func Escape(text, keep string) string {
	if Text(text, keep) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case Rune(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 1<<16:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// Bounded makes of a text one printable line of at most so many bytes, with a mark where its end is missing. Ends of lines, which
// joined errors have, become "; ". Of a line that is both already it makes the same.
func Bounded(text string, most int) string {
	if len(text) > most+utf8.UTFMax {
		text = text[:most+utf8.UTFMax] // an escape is never shorter than what it stands for, so that this is too long still
	}
	return Cut(Escape(strings.ReplaceAll(text, "\n", "; "), ""), most)
}

const cutMark = "..."

// Cut returns a text, or as many of its characters as fit into so many bytes with a mark where its end is missing.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := max(0, most-len(cutMark))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + cutMark[:min(most, len(cutMark))]
}
