package event

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// SameJSON reports whether two JSON texts mean the same: white space, the order of an object's fields, escapes in
// strings and the notation of numbers do not matter. Numbers are compared exactly, not as floating point, in which two
// large ids could be one.
func SameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, okX := decodeAny(a)
	y, okY := decodeAny(b)
	return okX && okY && sameValue(x, y)
}

func decodeAny(text []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	return v, d.Decode(&v) == nil
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameValue)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || decimalOf(a) == decimalOf(b))
	}
	return a == b // strings, booleans, null
}

// decimal is a number in the one form digits * 10^exponent whose digits neither begin nor end with a zero.
type decimal struct {
	negative bool
	digits   string // "" is zero
	exponent int
}

// decimalOf leaves a number as it is written if its exponent is beyond all reason (32 bits).
func decimalOf(n json.Number) decimal {
	text, negative := strings.CutPrefix(string(n), "-")
	exponent := int64(0)
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.ParseInt(text[i+1:], 10, 32)
		if err != nil {
			return decimal{digits: string(n)}
		}
		text, exponent = text[:i], e
	}
	whole, fraction, _ := strings.Cut(text, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return decimal{}
	}
	return decimal{negative, significant, int(exponent) + len(digits) - len(significant) - len(fraction)}
}
