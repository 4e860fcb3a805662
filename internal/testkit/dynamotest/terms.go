package dynamotest

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// terms are the names and values of a request, which its expressions refer to.
type terms struct {
	names  map[string]string
	values Item
	used   map[string]bool // "#name" and ":value"
}

func newTerms(names map[string]string, values Item) (*terms, error) {
	if names != nil && len(names) == 0 {
		return nil, invalid("ExpressionAttributeNames must not be empty")
	}
	if values != nil && len(values) == 0 {
		return nil, invalid("ExpressionAttributeValues must not be empty")
	}
	for name, attribute := range names {
		if !placeholder(name, "#") || attribute == "" {
			return nil, invalid("ExpressionAttributeNames contains invalid key: %q", name)
		}
	}
	for name := range values {
		if !placeholder(name, ":") {
			return nil, invalid("ExpressionAttributeValues contains invalid key: %q", name)
		}
	}
	accepted, err := acceptItem(values)
	if err != nil {
		return nil, err
	}
	return &terms{names: names, values: accepted, used: map[string]bool{}}, nil
}

func placeholder(text, sign string) bool {
	rest, ok := strings.CutPrefix(text, sign)
	return ok && rest != "" && wordLength(rest) == len(rest)
}

// attribute is the name that a token of an expression stands for.
func (t *terms) attribute(tok token) (string, error) {
	switch tok.kind {
	case nameToken:
		name, ok := t.names[tok.text]
		if !ok {
			return "", invalid("An expression attribute name used in the document path is not defined; attribute name: %s", tok.text)
		}
		t.used[tok.text] = true
		return name, nil
	case wordToken:
		if isReserved(tok.text) {
			return "", invalid("Attribute name is a reserved keyword; reserved keyword: %s", tok.text)
		}
		return tok.text, nil
	}
	return "", invalid("Syntax error; token: %q, want the name of an attribute", tok.text)
}

// value is the value that a token of an expression stands for.
func (t *terms) value(tok token) (types.AttributeValue, error) {
	v, ok := t.values[tok.text]
	if !ok {
		return nil, invalid("An expression attribute value used in expression is not defined; attribute value: %s", tok.text)
	}
	t.used[tok.text] = true
	return v, nil
}

// done returns an error for names and values that no expression has referred to. It is called when all are parsed.
func (t *terms) done() error {
	unused := func(keys []string) string {
		keys = slices.DeleteFunc(keys, func(key string) bool { return t.used[key] })
		return strings.Join(keys, ", ")
	}
	if keys := unused(slices.Sorted(maps.Keys(t.names))); keys != "" {
		return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", keys)
	}
	if keys := unused(slices.Sorted(maps.Keys(t.values))); keys != "" {
		return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", keys)
	}
	return nil
}
