package jsontext

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Same reports whether no program that decodes two JSON texts can tell them apart. White space, escapes in strings and the
// order of an object's fields do not matter. All else does:
//   - numbers, as they are written: a program may read 1 into an integer, and not 1.0 or 1e0, and a decimal keeps its zeros;
//   - fields of one name, and their order;
//   - the order of fields whose names differ in case alone: encoding/json decodes each into the same field of a struct;
//   - halves of surrogate pairs without the other half.
//
// Texts that are not valid JSON in valid UTF-8 are the same only if their bytes are.
func Same(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if !utf8.Valid(a) || !utf8.Valid(b) || !json.Valid(a) || !json.Valid(b) {
		return false
	}
	x, y := Walk(a), Walk(b)
	return same(x.node(), y.node())
}

// node is a value of a text.
type node struct {
	kind   byte   // the first byte of an object, an array or a string, 0 for all others
	text   string // what a string says, see plain; what is written for a number, a boolean and null
	items  []node
	fields []field // those whose names differ in case alone are neighbours, in the order of the text
}

type field struct {
	folded, name string
	value        node
}

func same(a, b node) bool {
	return a.kind == b.kind && a.text == b.text && slices.EqualFunc(a.items, b.items, same) &&
		slices.EqualFunc(a.fields, b.fields, func(a, b field) bool { return a.name == b.name && same(a.value, b.value) })
}

// node moves past the next value.
func (j *Walker) node() node {
	n := node{kind: j.Next()}
	switch n.kind {
	case '{':
		for j.Skip(); j.Next() != '}'; {
			j.separator()
			raw := j.Value()
			decoded, _ := DecodeString(raw)
			j.Skip() // :
			n.fields = append(n.fields, field{fold(decoded), plain(raw), j.node()})
		}
		j.Skip()
		slices.SortStableFunc(n.fields, func(a, b field) int { return cmp.Compare(a.folded, b.folded) })
	case '[':
		for j.Skip(); j.Next() != ']'; {
			j.separator()
			n.items = append(n.items, j.node())
		}
		j.Skip()
	case '"':
		n.text = plain(j.Value())
	default:
		n.kind, n.text = 0, string(j.Value())
	}
	return n
}

// separator moves past a comma, if one is next.
func (j *Walker) separator() {
	if j.Next() == ',' {
		j.Skip()
		j.Next()
	}
}

// plain is what the text of a string says, without its escapes. A half of a surrogate pair without the other half stays as
// three bytes that no valid text has.
func plain(raw []byte) string {
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	var out []byte
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		if raw[i] != 'u' {
			out = append(out, unescaped(raw[i]))
			continue
		}
		unit := hex(raw[i+1:])
		i += 4
		if pair, ok := completed(unit, raw[i+1:]); ok {
			out = utf8.AppendRune(out, pair)
			i += 6
			continue
		}
		if 0xD800 <= unit && unit < 0xE000 {
			out = append(out, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0x3F, 0x80|byte(unit)&0x3F)
			continue
		}
		out = utf8.AppendRune(out, unit)
	}
	return string(out)
}

// unescaped is what a backslash and a character say.
func unescaped(b byte) byte {
	if i := strings.IndexByte("bfnrt", b); i >= 0 {
		return "\b\f\n\r\t"[i]
	}
	return b // a quote, a backslash or a slash
}

// fold is the same for names that encoding/json takes for the same field of a struct.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next // the smallest of those that differ in case alone
			}
			r = next
		}
	}, name)
}
