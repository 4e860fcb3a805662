package jsontext_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/jsontext"
)

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`1`, ` 1 `, true},
		{`1`, `1.0`, false},
		{`100`, `1e2`, false},
		{`1e2`, `1E2`, false},
		{`0`, `-0`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`0.1`, `0.10000000000000001`, false},
		{`1e99999999999999999999`, `1e99999999999999999998`, false},
		{`"1"`, `1`, false},
		{`"\u00e9"`, `"é"`, true},
		{`"\/\b\f\n\r\t\"\\"`, `"/\u0008\u000C\u000a\u000d\u0009\u0022\u005c"`, true},
		{`"\ud83d\ude00"`, `"😀"`, true},
		{`"\ud83d\ude00"`, `"\uD83D\uDE00"`, true},
		{`"\ud800"`, `"\ufffd"`, false},
		{`"\ud800"`, `"\ud801"`, false},
		{`"\ud800"`, `"\udc00"`, false},
		{`"\ud800"`, `"\uD800"`, true},
		{`"\ud800\ud83d\ude00"`, `"\ud801😀"`, false},
		{`"\ude00\ud83d"`, `"😀"`, false},
		{`"\ud83d\u0061"`, `"\ud83da"`, true},
		{`"a"`, `"A"`, false},
		{`"["`, `[]`, false},
		{`null`, `false`, false},
		{`null`, `{}`, false},
		{`null`, `"null"`, false},
		{`{}`, `[]`, false},
		{`[1,2]`, `[ 1 , 2 ]`, true},
		{`[1,2]`, `[2,1]`, false},
		{`[1]`, `[1,1]`, false},
		{`{"a":1,"b":[{}]}`, `{"b" : [ { } ], "a":1}`, true},
		{`{"a":null}`, `{}`, false},
		{`{"a":null}`, `{"b":null}`, false},
		{`{"a":1,"a":2}`, `{"a":2}`, false},
		{`{"a":1,"a":2}`, `{"a":2,"a":1}`, false},
		{`{"a":1,"\u0061":2,"b":3}`, `{"b":3,"a":1,"a":2}`, true},
		{`{"a":1,"A":2}`, `{"A":2,"a":1}`, false},
		{`{"k":1,"b":0,"\u212a":2}`, `{"K":2,"k":1,"b":0}`, false},
		{`{"\ud800":1,"\ud801":2}`, `{"\ud801":2,"\ud800":1}`, false},
		{`[[1]]`, `[1]`, false},
		{`[1]`, `{"0":1}`, false},
		{"\"\xff\"", "\"\xff\"", true},
		{"\"\xff\"", "\"\xfe\"", false},
		{"\"\xff\"", `"\ufffd"`, false},
		{"\"\xed\xa0\x80\"", `"\ud800"`, false},
		{``, `x`, false},
		{`{"a":1`, `{"a": 1`, false},
	} {
		require.Equal(t, c.same, jsontext.Same([]byte(c.a), []byte(c.b)), "%s and %s", c.a, c.b)
		require.Equal(t, c.same, jsontext.Same([]byte(c.b), []byte(c.a)), "%s and %s", c.b, c.a)
	}
}

func TestSame_IsTrueOfATextThatWasFormattedAgain(t *testing.T) {
	value := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.Float64()))
	rapid.Check(t, func(t *rapid.T) {
		v := value.Draw(t, "value")
		compact, err := json.Marshal(v)
		require.NoError(t, err)
		indented, err := json.MarshalIndent(v, " ", "\t")
		require.NoError(t, err)
		require.True(t, jsontext.Same(compact, indented))
	})
}

// text draws a JSON text of few names, strings and numbers, so that two of them are often nearly the same.
func text(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", "", " "})
	str := rapid.SampledFrom([]string{`"a"`, `"A"`, `"\u0061"`, `"b"`, `"k"`, `"\u212a"`, `"\ud800"`, `"\ud801"`, `"\ufffd"`, `"😀"`, `"\ud83d\ude00"`})
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch kind := rapid.IntRange(0, kinds-1).Draw(t, "kind"); kind {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word")
	case 1:
		return str.Draw(t, "string")
	case 2, 3:
		return rapid.SampledFrom([]string{"0", "-0", "1", "1.0", "1e0", "10e-1", "9007199254740993", "9007199254740992", "1e400"}).Draw(t, "number")
	default:
		var parts []string
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			part := text(t, depth-1)
			if kind == 4 {
				part = str.Draw(t, "name") + space.Draw(t, "space") + ":" + part
			}
			parts = append(parts, part+space.Draw(t, "space"))
		}
		if kind == 4 {
			return "{" + strings.Join(parts, ",") + "}"
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
}

// variant draws a text that is like another one: with parts written differently, or in another order.
func variant(t *rapid.T, of string) string {
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		pairs := [][2]string{
			{`"a"`, `"\u0061"`}, {`"a"`, `"A"`}, {`"\ud800"`, `"\ud801"`}, {`"\ud800"`, `"\ufffd"`}, {`"😀"`, `"\ud83d\ude00"`},
			{`1.0`, `1`}, {`-0`, `0`}, {`,`, ` ,`}, {`"k"`, `"\u212a"`}, {`9007199254740993`, `9007199254740992`},
		}
		pair := rapid.SampledFrom(pairs).Draw(t, "pair")
		of = strings.Replace(of, pair[0], pair[1], 1)
		if rapid.Bool().Draw(t, "swap") && strings.HasPrefix(of, "{") {
			var fields []string
			w := jsontext.Walk([]byte(of))
			for w.Skip(); w.Next() != '}'; {
				if w.Next() == ',' {
					w.Skip()
				}
				name := w.Value()
				w.Skip()
				fields = append(fields, string(name)+":"+string(w.Value()))
			}
			slices.Reverse(fields)
			of = "{" + strings.Join(fields, ",") + "}"
		}
	}
	return of
}

// readings are what programs may make of a text: each decodes it in a way of its own.
func readings(text string) []string {
	var all []string
	read := func(v any, numbers bool) {
		d := json.NewDecoder(strings.NewReader(text))
		if numbers {
			d.UseNumber()
		}
		err := d.Decode(v)
		all = append(all, fmt.Sprintf("%s %v", show(reflect.ValueOf(v).Elem().Interface()), err != nil))
	}
	type fields struct {
		A, B, K any
		Same    json.Number `json:"😀"`
	}
	read(new(any), true)
	read(new(any), false)
	read(new(fields), false)
	read(new(int), false)
	read(new([]int), false)
	read(new(map[string]int), false)
	read(new(map[string]float64), false)
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var names []string // of fields given twice, which a reader of tokens sees
	for token, err := d.Token(); err == nil; token, err = d.Token() {
		names = append(names, show(token))
	}
	slices.Sort(names)
	return append(all, strings.Join(names, " "))
}

// show tells -0 from 0, which %v does for floating point.
func show(v any) string {
	if f, ok := v.(float64); ok && math.Signbit(f) {
		return fmt.Sprintf("negative %v", -f)
	}
	return fmt.Sprintf("%T %v", v, v)
}

func TestSame_IsFalseOfTextsThatAProgramCanTellApart(t *testing.T) {
	alike := 0
	rapid.Check(t, func(t *rapid.T) {
		a := text(t, 2)
		b := variant(t, a)
		require.True(t, json.Valid([]byte(a)) && json.Valid([]byte(b)), "%s %s", a, b)
		if !jsontext.Same([]byte(a), []byte(b)) {
			return
		}
		require.Equal(t, readings(a), readings(b), "%s %s", a, b)
		if a != b {
			alike++
		}
	})
	if !testing.Short() { // too few are tried then
		require.NotZero(t, alike, "no two texts were the same and written differently")
	}
}

func FuzzSame(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1,"b":[{}]}`, `{"b":[{}],"a":1}`}, {`"\ud800"`, `"\ufffd"`}, {`{"a":1,"A":2}`, `{"A":2,"a":1}`}, {"\"\xff\"", `""`}, {`[1,2`, `1`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		require.True(t, jsontext.Same(a, a))
		same := jsontext.Same(a, b)
		require.Equal(t, same, jsontext.Same(b, a))
		if same && !bytes.Equal(a, b) {
			require.Equal(t, readings(string(a)), readings(string(b)))
		}
		if json.Valid(a) {
			var compact bytes.Buffer
			require.NoError(t, json.Compact(&compact, a))
			require.Equal(t, bytes.Equal(a, compact.Bytes()) || bytes.Equal(bytes.ToValidUTF8(a, nil), a), jsontext.Same(a, compact.Bytes()))
		}
	})
}
