// Package jsontext decides what JSON texts say, for those who compare a tenant's payloads. encoding/json cannot: it takes
// the last of several fields of one name, and one and the same character for each half of a surrogate pair that lacks its
// other half, so that texts which say different things to their readers decode alike.
package jsontext

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"
)

// Ambiguity is a place in a text that readers of JSON understand differently.
type Ambiguity struct {
	Path string // from the text's value, such as .lines[2].sku, its first maxPath bytes; "" is the value itself
	What string // such as "is given twice"
}

// maxPath bounds a path, which may be as long as the text.
const maxPath = 128

// FindAmbiguity returns the first place where a valid JSON text in valid UTF-8 names a field of an object twice, or has half
// of a surrogate pair without the other half; nil where there is none.
func FindAmbiguity(text []byte) *Ambiguity {
	if jsontext.Value(text).IsValid() { // by RFC 7493, which allows neither
		return nil
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(text))
	for {
		if _, err := d.ReadToken(); err != nil {
			return ambiguity(d, text, err)
		}
	}
}

// ambiguity says what a decoder of a text stopped at; nil where that is its end.
func ambiguity(d *jsontext.Decoder, text []byte, err error) *Ambiguity {
	fault, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return nil
	}
	a := &Ambiguity{What: "is given twice"}
	if !errors.Is(err, jsontext.ErrDuplicateName) {
		escape := text[fault.ByteOffset:][:len(`\ud800`)]
		a.What = "has half of a surrogate pair, " + string(escape) + ", without the other half"
	}
	level := 0
	for token := range fault.JSONPointer.Tokens() {
		level++
		if kind, _ := d.StackIndex(level); kind == jsontext.KindBeginArray {
			a.Path += "[" + token + "]"
		} else {
			a.Path += "." + token
		}
		if len(a.Path) > maxPath {
			a.Path = strings.ToValidUTF8(a.Path[:maxPath], "")
			break
		}
	}
	return a
}

// completed is the character of which a first half of a surrogate pair and the escape that text begins with are the halves.
func completed(first rune, text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	pair := utf16.DecodeRune(first, hex(text[2:]))
	return pair, pair != unicode.ReplacementChar
}

// hex is the number that the four digits of an escape are.
func hex(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return rune(n)
}
