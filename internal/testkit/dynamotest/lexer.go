package dynamotest

import "strings"

type tokenKind int

const (
	endToken    tokenKind = iota
	wordToken             // an attribute's name, a keyword or a function
	nameToken             // #name
	valueToken            // :value
	symbolToken           // ( ) , + - and the comparators
)

type token struct {
	kind tokenKind
	text string
}

// is reports whether a token is a keyword, in any case.
func (t token) is(keyword string) bool {
	return t.kind == wordToken && strings.EqualFold(t.text, keyword)
}

// scan splits an expression into tokens, of which the last is an endToken.
func scan(text string) ([]token, error) {
	var tokens []token
	for at := 0; at < len(text); {
		c := text[at]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			at++
			continue
		case isLetter(c):
			n := 1 + wordLength(text[at+1:])
			tokens = append(tokens, token{wordToken, text[at : at+n]})
			at += n
			continue
		case c == '#' || c == ':':
			n := wordLength(text[at+1:])
			if n == 0 {
				return nil, invalid("Syntax error; token: %q", text[at:])
			}
			kind := nameToken
			if c == ':' {
				kind = valueToken
			}
			tokens = append(tokens, token{kind, text[at : at+1+n]})
			at += 1 + n
			continue
		case c == '.' || c == '[':
			return nil, unknown("paths into a document: %q", text)
		}
		symbol := symbolAt(text[at:])
		if symbol == "" {
			return nil, invalid("Syntax error; token: %q", text[at:])
		}
		tokens = append(tokens, token{symbolToken, symbol})
		at += len(symbol)
	}
	return append(tokens, token{endToken, "<EOF>"}), nil
}

func symbolAt(text string) string {
	for _, symbol := range []string{"<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "+", "-"} {
		if strings.HasPrefix(text, symbol) {
			return symbol
		}
	}
	return ""
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func wordLength(text string) int {
	n := 0
	for n < len(text) && (isLetter(text[n]) || text[n] >= '0' && text[n] <= '9' || text[n] == '_') {
		n++
	}
	return n
}
