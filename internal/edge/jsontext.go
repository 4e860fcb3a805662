package edge

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// jsonText walks JSON text that is known to be valid.
type jsonText struct {
	text []byte
	at   int
}

// checkJSON returns a problem that says where body is not valid JSON in valid UTF-8, or nil.
func checkJSON(body []byte) *problem {
	if !utf8.Valid(body) {
		valid := 0
		for {
			r, size := utf8.DecodeRune(body[valid:])
			if r == utf8.RuneError && size <= 1 {
				return malformed.problem("The body is not valid UTF-8: byte %d.", valid+1)
			}
			valid += size
		}
	}
	if json.Valid(body) {
		return nil
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(body, new(json.RawMessage)); errors.As(err, &syntax) {
		return malformed.problem("The body is not valid JSON: %s, byte %d.", syntax, syntax.Offset)
	}
	return malformed.problem("The body is not valid JSON.")
}

// next returns the first byte of the next token without moving past it.
func (j *jsonText) next() byte {
	for strings.IndexByte(" \t\r\n", j.text[j.at]) >= 0 {
		j.at++
	}
	return j.text[j.at]
}

// skip moves past the next token, which is one byte long, and returns it.
func (j *jsonText) skip() byte {
	b := j.next()
	j.at++
	return b
}

// value moves past the next value and returns its text.
func (j *jsonText) value() []byte {
	first := j.next()
	start := j.at
	switch first {
	case '"':
		j.string()
	case '{', '[':
		for depth := 0; ; {
			switch j.text[j.at] {
			case '"':
				j.string()
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			j.at++
			if depth == 0 {
				break
			}
		}
	default:
		for j.at < len(j.text) && strings.IndexByte(",]} \t\r\n", j.text[j.at]) < 0 {
			j.at++
		}
	}
	return j.text[start:j.at]
}

// string moves past a string whose opening quote is next.
func (j *jsonText) string() {
	for j.at++; j.text[j.at] != '"'; j.at++ {
		if j.text[j.at] == '\\' {
			j.at++
		}
	}
	j.at++
}

// decodeString returns the string whose JSON text is raw, or false where raw is another value.
func decodeString(raw []byte) (string, bool) {
	if raw[0] != '"' {
		return "", false
	}
	for _, b := range raw {
		if b == '\\' {
			var s string
			err := json.Unmarshal(raw, &s)
			return s, err == nil
		}
	}
	return string(raw[1 : len(raw)-1]), true
}

// nameOfKind says what kind of value raw is.
func nameOfKind(raw []byte) string {
	switch raw[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
