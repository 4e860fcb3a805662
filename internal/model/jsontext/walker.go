package jsontext

import (
	"encoding/json"
	"strings"
)

// Walker walks JSON text that is known to be valid.
type Walker struct {
	text []byte
	at   int
}

// Walk returns a walker at the beginning of a text.
func Walk(text []byte) Walker { return Walker{text: text} }

// Next returns the first byte of the next token without moving past it.
func (j *Walker) Next() byte {
	for strings.IndexByte(" \t\r\n", j.text[j.at]) >= 0 {
		j.at++
	}
	return j.text[j.at]
}

// Skip moves past the next token, which is one byte long, and returns it.
func (j *Walker) Skip() byte {
	b := j.Next()
	j.at++
	return b
}

// Value moves past the next value and returns its text.
func (j *Walker) Value() []byte {
	first := j.Next()
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
func (j *Walker) string() {
	for j.at++; j.text[j.at] != '"'; j.at++ {
		if j.text[j.at] == '\\' {
			j.at++
		}
	}
	j.at++
}

// DecodeString returns the string whose JSON text is raw, or false where raw is another value.
func DecodeString(raw []byte) (string, bool) {
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

// KindOf says what kind of value raw is.
func KindOf(raw []byte) string {
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
