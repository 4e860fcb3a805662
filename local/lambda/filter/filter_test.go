package filter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/local/lambda/filter"
)

const insert = `{
	"eventName": "INSERT",
	"dynamodb": {
		"Keys": {"id": {"S": "acme#order-1"}},
		"NewImage": {"id": {"S": "acme#order-1"}, "kind": {"S": "Order"}, "tags": {"SS": ["red", "blue"]}, "flag": {"BOOL": true}, "none": {"NULL": null}},
		"SizeBytes": 12345678901234567
	}
}`

func TestAPatternMatchesTheValuesThatItLists(t *testing.T) {
	for name, c := range map[string]struct {
		pattern string
		match   bool
	}{
		"exact value":                           {`{"eventName":["INSERT"]}`, true},
		"one of several":                        {`{"eventName":["MODIFY","INSERT"]}`, true},
		"other value":                           {`{"eventName":["REMOVE"]}`, false},
		"all fields must match":                 {`{"eventName":["INSERT"],"dynamodb":{"Keys":{"id":{"S":["other"]}}}}`, false},
		"boolean":                               {`{"dynamodb":{"NewImage":{"flag":{"BOOL":[true]}}}}`, true},
		"null":                                  {`{"dynamodb":{"NewImage":{"none":{"NULL":[null]}}}}`, true},
		"null is not an absent field":           {`{"dynamodb":{"NewImage":{"missing":{"NULL":[null]}}}}`, false},
		"a large number is exact":               {`{"dynamodb":{"SizeBytes":[12345678901234567]}}`, true},
		"a neighbouring number differs":         {`{"dynamodb":{"SizeBytes":[12345678901234568]}}`, false},
		"a value is a leaf":                     {`{"dynamodb":{"NewImage":[null]}}`, false},
		"an element of a list is enough":        {`{"dynamodb":{"NewImage":{"tags":{"SS":["blue"]}}}}`, true},
		"no element of a list":                  {`{"dynamodb":{"NewImage":{"tags":{"SS":["green"]}}}}`, false},
		"a field that is not an object, deeper": {`{"eventName":{"deeper":["x"]}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := filter.Compile([]string{c.pattern})
			require.NoError(t, err)
			matched, err := set.Match([]byte(insert))
			require.NoError(t, err)
			require.Equal(t, c.match, matched)
		})
	}
}

func TestOneOfSeveralPatternsIsEnough(t *testing.T) {
	set, err := filter.Compile([]string{`{"eventName":["REMOVE"]}`, `{"eventName":["INSERT"]}`})
	require.NoError(t, err)
	matched, err := set.Match([]byte(insert))
	require.NoError(t, err)
	require.True(t, matched)
}

func TestNoPatternLetsEverythingThrough(t *testing.T) {
	set, err := filter.Compile(nil)
	require.NoError(t, err)
	matched, err := set.Match([]byte(insert))
	require.NoError(t, err)
	require.True(t, matched)
}

func TestAPatternThatIsNotUnderstoodIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ pattern, want string }{
		"operator":           {`{"a":{"b":[{"numeric":[">",1]}]}}`, `a.b: the operator [numeric]`},
		"or of fields":       {`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `the operator [a]`},
		"value without list": {`{"a":"x"}`, "a: want a list"},
		"empty list":         {`{"a":[]}`, "a: an empty list"},
		"empty object":       {`{"a":{}}`, "a: an empty object"},
		"empty pattern":      {`{}`, "the pattern: an empty object"},
		"list in a list":     {`{"a":[["x"]]}`, "a list inside a list"},
		"not an object":      {`["a"]`, "not a JSON object"},
		"not JSON":           {`{"a":`, "not valid JSON"},
		"two values":         {`{"a":["x"]} {}`, "more than one value"},
		"too long":           {`{"a":["` + strings.Repeat("x", 5000) + `"]}`, "at most 4096"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := filter.Compile([]string{c.pattern})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "filter pattern 1")
		})
	}
	_, err := filter.Compile(make([]string, 6))
	require.ErrorContains(t, err, "at most 5")
}
