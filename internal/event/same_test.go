package event_test

import (
	"encoding/json"
	"math/big"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/event"
)

func TestSameJSON(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`1`, `1`, true},
		{`1`, `1.0`, true},
		{`100`, `1e2`, true},
		{`0.001`, `1E-3`, true},
		{`12.50`, `1.25e+1`, true},
		{`0`, `-0.0e7`, true},
		{`-1`, `1`, false},
		{`10`, `1`, false},
		{`9007199254740993`, `9007199254740992`, false},
		{`0.1`, `0.10000000000000001`, false},
		{`1e99999999999999999999`, `1e99999999999999999999`, true},
		{`1e99999999999999999999`, `1e99999999999999999998`, false},
		{`1e-99999999999999999999`, `0`, false},
		{`"1"`, `1`, false},
		{`"\u00e9"`, `"é"`, true},
		{`"a"`, `"A"`, false},
		{`null`, `false`, false},
		{`null`, `{}`, false},
		{`{}`, `[]`, false},
		{`[1,2]`, `[ 1.0 , 2 ]`, true},
		{`[1,2]`, `[2,1]`, false},
		{`[1]`, `[1,1]`, false},
		{`{"a":1,"b":[{}]}`, `{"b":[{}],"a":1}`, true},
		{`{"a":null}`, `{}`, false},
		{`{"a":null}`, `{"b":null}`, false},
		{`[[1]]`, `[1]`, false},
		{`[1]`, `{"0":1}`, false},
	} {
		require.Equal(t, c.same, event.SameJSON([]byte(c.a), []byte(c.b)), "%s and %s", c.a, c.b)
		require.Equal(t, c.same, event.SameJSON([]byte(c.b), []byte(c.a)), "%s and %s", c.b, c.a)
	}
}

func TestSameNumbersAreTheSameExactly(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		require.Equal(t, x.Cmp(y) == 0, event.SameJSON([]byte(a), []byte(b)))

		whole := rapid.IntRange(-10000, 10000).Draw(t, "whole")
		zeros := rapid.SampledFrom([]string{"", ".0", ".000", "e0", "E+00", ".0e-0"}).Draw(t, "zeros")
		require.True(t, event.SameJSON([]byte(strconv.Itoa(whole)), []byte(strconv.Itoa(whole)+zeros)))
	})
}

func TestReformattingChangesNothing(t *testing.T) {
	value := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.Float64()))
	rapid.Check(t, func(t *rapid.T) {
		v := value.Draw(t, "value")
		compact, err := json.Marshal(v)
		require.NoError(t, err)
		indented, err := json.MarshalIndent(v, " ", "\t")
		require.NoError(t, err)
		require.True(t, event.SameJSON(compact, indented))
	})
}
