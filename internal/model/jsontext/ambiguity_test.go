package jsontext_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/jsontext"
)

func TestFindAmbiguity(t *testing.T) {
	const lone = "has half of a surrogate pair, %s, without the other half"
	for text, want := range map[string]*jsontext.Ambiguity{
		`1`:                             nil,
		` { } `:                         nil,
		`[ ]`:                           nil,
		`{"a":{"a":[{"a":1},{"a":2}]}}`: nil,
		`{"a":1,"A":2}`:                 nil,
		`["\ud83d\ude00","\\ud800","\ufffd","😀"]`: nil,
		`{"a":1,"a":1}`:                        {Path: ".a", What: "is given twice"},
		`{"a":1,"\u0061":1}`:                   {Path: ".a", What: "is given twice"},
		`{"a":{"b":[0,{"c":1,"d":{},"c":2}]}}`: {Path: ".a.b[1].c", What: "is given twice"},
		`{"":1,"":1}`:                          {Path: ".", What: "is given twice"},
		`"\ud800"`:                             {What: fmt.Sprintf(lone, `\ud800`)},
		`"\udC00"`:                             {What: fmt.Sprintf(lone, `\udC00`)},
		`["x",{"n":"ab\ud83d"}]`:               {Path: "[1].n", What: fmt.Sprintf(lone, `\ud83d`)},
		`"\ud83d\ud83d\ude00"`:                 {What: fmt.Sprintf(lone, `\ud83d`)},
		`"\ud83d\\ude00"`:                      {What: fmt.Sprintf(lone, `\ud83d`)},
		`"\ud83d\n"`:                           {What: fmt.Sprintf(lone, `\ud83d`)},
		`{"o":{"\ud83d":1}}`:                   {Path: ".o", What: fmt.Sprintf(lone, `\ud83d`)},
	} {
		require.Equal(t, want, jsontext.FindAmbiguity([]byte(text)), text)
	}
}

// Many fields are not compared with one another.
func TestFindAmbiguity_OfAnObjectWithManyFields(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, `,"f%d":{"x":%d}`, i, i)
	}
	fields := b.String()[1:]
	require.Nil(t, jsontext.FindAmbiguity([]byte("{"+fields+"}")))
	for _, twice := range []int{0, 10, 15, 16, 17, 19_999} {
		want := &jsontext.Ambiguity{Path: fmt.Sprintf(".f%d", twice), What: "is given twice"}
		require.Equal(t, want, jsontext.FindAmbiguity(fmt.Appendf(nil, `{%s,"f%d":1}`, fields, twice)))
	}
}

// The router looks at every payload.
func BenchmarkFindAmbiguity(b *testing.B) {
	text := []byte(`{"order_id":"1","customer":{"name":"Ada","city":"Zürich"},"lines":[{"sku":"A","quantity":2},{"sku":"B","quantity":1}]}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = jsontext.FindAmbiguity(text)
	}
}

// ambiguous is FindAmbiguity by means of encoding/json.
func ambiguous(t require.TestingT, text string) bool {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	type level struct {
		names map[string]bool // nil for an array
		name  bool            // a name is next
	}
	var levels []level
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		top := len(levels) - 1
		switch token {
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:top]
			continue
		}
		if top >= 0 && levels[top].names != nil {
			if levels[top].name {
				name := token.(string)
				if levels[top].names[name] {
					return true
				}
				levels[top].names[name] = true
			}
			levels[top].name = !levels[top].name
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{names: map[string]bool{}, name: true})
		case json.Delim('['):
			levels = append(levels, level{})
		}
	}
	// Each half that lacks its other half decodes to a replacement character.
	said := strings.Count(strings.ToLower(strings.ReplaceAll(text, `\\`, "")), `\ufffd`) + strings.Count(text, string(utf8.RuneError))
	all, decoded := "", json.NewDecoder(strings.NewReader(text))
	decoded.UseNumber()
	for token, err := decoded.Token(); err == nil; token, err = decoded.Token() {
		if s, ok := token.(string); ok {
			all += s
		}
	}
	return strings.Count(all, string(utf8.RuneError)) > said
}

func FuzzFindAmbiguity(f *testing.F) {
	for _, seed := range []string{
		`{"a":{"b":[0,{"c":1,"d":{},"c":2}]}}`, `"\ud800"`, `["\ud83d\ude00",{"\uDFFF":1}]`, `{"a":1,"\u0061":1}`, `[[],{},[{}]]`, `-1.5e3`, `"\\ud800"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
			return
		}
		require.Equal(t, ambiguous(t, text), jsontext.FindAmbiguity([]byte(text)) != nil)
	})
}
