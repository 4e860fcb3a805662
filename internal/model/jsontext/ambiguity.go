// Package jsontext decides what JSON texts say, for those who compare a tenant's payloads. encoding/json cannot: it takes
// the last of several fields of one name, and one and the same character for each half of a surrogate pair that lacks its
// other half, so that texts which say different things to their readers decode alike.
package jsontext

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Ambiguity is a place in a text that readers of JSON understand differently.
type Ambiguity struct {
	Path string // from the text's value, such as .lines[2].sku, its first maxPath bytes; "" is the value itself
	What string // such as "is given twice"
}

// maxPath bounds a path, which is built level by level: unbounded, a text of some 100 KB that nests deeply would cost
// seconds.
const maxPath = 128

// under says that a is in the value at a path.
func (a *Ambiguity) under(path string) {
	a.Path = path + a.Path
	if len(a.Path) > maxPath {
		a.Path = strings.ToValidUTF8(a.Path[:maxPath], "")
	}
}

// FindAmbiguity returns the first place where a valid JSON text in valid UTF-8 names a field of an object twice, or has half
// of a surrogate pair without the other half; nil where there is none.
func FindAmbiguity(text []byte) *Ambiguity {
	f := finder{Walker: Walk(text), names: make([][]byte, 0, 2*few)}
	return f.value()
}

// finder walks a text once.
type finder struct {
	Walker
	names [][]byte // of the objects that the walk is in, each object's after those of the one around it
}

func (f *finder) value() *Ambiguity {
	switch f.Next() {
	case '{':
		return f.object()
	case '[':
		return f.array()
	case '"':
		return lone(f.Value())
	}
	f.Value()
	return nil
}

// few is how many names of an object are compared one by one: with so few, that takes less time than a map.
const few = 16

func (f *finder) object() *Ambiguity {
	f.Skip() // {
	if f.Next() == '}' {
		f.Skip()
		return nil
	}
	first := len(f.names)
	defer func() { f.names = f.names[:first] }()
	var seen map[string]bool // the names from first on, once they are more than a few
	for {
		raw := f.nextString()
		if found := lone(raw); found != nil {
			return found
		}
		name := raw[1 : len(raw)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			decoded, _ := DecodeString(raw)
			name = []byte(decoded)
		}
		if seen[string(name)] || seen == nil && slices.ContainsFunc(f.names[first:], func(n []byte) bool { return bytes.Equal(n, name) }) {
			return &Ambiguity{"." + string(name), "is given twice"}
		}
		if seen != nil {
			seen[string(name)] = true
		} else if f.names = append(f.names, name); len(f.names)-first == few {
			seen = make(map[string]bool, 2*few)
			for _, name := range f.names[first:] {
				seen[string(name)] = true
			}
		}
		f.Skip() // :
		if found := f.value(); found != nil {
			found.under("." + string(name))
			return found
		}
		if f.Skip() == '}' {
			return nil
		}
	}
}

func (f *finder) array() *Ambiguity {
	f.Skip() // [
	if f.Next() == ']' {
		f.Skip()
		return nil
	}
	for i := 0; ; i++ {
		if found := f.value(); found != nil {
			found.under("[" + strconv.Itoa(i) + "]")
			return found
		}
		if f.Skip() == ']' {
			return nil
		}
	}
}

func (f *finder) nextString() []byte {
	f.Next()
	return f.Value()
}

// lone finds half of a surrogate pair without the other half in the text of a string.
func lone(raw []byte) *Ambiguity {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		unit := hex(raw[i+1:])
		i += 4
		if !utf16.IsSurrogate(unit) {
			continue
		}
		if _, ok := completed(unit, raw[i+1:]); ok {
			i += 6
			continue
		}
		return &Ambiguity{What: `has half of a surrogate pair, ` + string(raw[i-5:i+1]) + `, without the other half`}
	}
	return nil
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
