// Package filter decides which records of an event source reach a function: the filter criteria of an event source
// mapping, which are event patterns.
//
// It knows exact values, which is what the program filters by. An operator, such as prefix, is an error of Compile, never
// a pattern that silently matches everything or nothing.
package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Lambda's quotas for the filter criteria of one mapping.
const (
	maxPatterns      = 5
	maxPatternLength = 4096 // characters
)

// Set is the filter criteria of one mapping. The zero value lets every record through.
type Set struct {
	patterns []node
}

// Compile reads event patterns, which are JSON objects whose leaves are lists of what is allowed there.
func Compile(patterns []string) (Set, error) {
	if len(patterns) > maxPatterns {
		return Set{}, fmt.Errorf("%d filter patterns, at most %d are allowed", len(patterns), maxPatterns)
	}
	var set Set
	var errs []error
	for i, text := range patterns {
		n, err := compile(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("filter pattern %d: %w", i+1, err))
			continue
		}
		set.patterns = append(set.patterns, n)
	}
	if err := errors.Join(errs...); err != nil {
		return Set{}, err
	}
	return set, nil
}

// Match says whether the record, a JSON object as the function would get it, matches at least one of the patterns.
func (s Set) Match(record []byte) (bool, error) {
	if len(s.patterns) == 0 {
		return true, nil
	}
	value, err := decode(record)
	if err != nil {
		return false, fmt.Errorf("decode the record for its filter: %w", err)
	}
	return slices.ContainsFunc(s.patterns, func(n node) bool { return n.match(value, true) }), nil
}

// node is one place in a pattern: either fields, all of which must match, or values, one of which must be there.
type node struct {
	fields  map[string]node
	allowed []any
}

func (n node) match(value any, present bool) bool {
	if n.fields != nil {
		object, _ := value.(map[string]any)
		for name, field := range n.fields {
			v, ok := object[name]
			if !field.match(v, ok) {
				return false
			}
		}
		return true
	}
	if elements, ok := value.([]any); ok {
		return slices.ContainsFunc(elements, n.allows)
	}
	return present && n.allows(value)
}

func (n node) allows(value any) bool {
	return slices.ContainsFunc(n.allowed, func(allowed any) bool {
		switch value.(type) {
		case map[string]any, []any: // an allowed value is a leaf, and this is none
			return false
		}
		return value == allowed
	})
}

func compile(text string) (node, error) {
	if len(text) > maxPatternLength {
		return node{}, fmt.Errorf("%d characters, at most %d are allowed", len(text), maxPatternLength)
	}
	value, err := decode([]byte(text))
	if err != nil {
		return node{}, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return node{}, errors.New("not a JSON object")
	}
	return compileFields(object, "")
}

func compileFields(object map[string]any, path string) (node, error) {
	if len(object) == 0 {
		return node{}, fmt.Errorf("%s: an empty object matches nothing in particular", place(path))
	}
	n := node{fields: map[string]node{}}
	for name, value := range object {
		at := strings.TrimPrefix(path+"."+name, ".")
		var err error
		switch value := value.(type) {
		case map[string]any:
			n.fields[name], err = compileFields(value, at)
		case []any:
			n.fields[name], err = compileValues(value, at)
		default:
			err = fmt.Errorf("%s: want a list of allowed values or an object", at)
		}
		if err != nil {
			return node{}, err
		}
	}
	return n, nil
}

func compileValues(list []any, path string) (node, error) {
	if len(list) == 0 {
		return node{}, fmt.Errorf("%s: an empty list allows nothing", path)
	}
	for _, element := range list {
		switch element := element.(type) {
		case []any:
			return node{}, fmt.Errorf("%s: a list inside a list is no value", path)
		case map[string]any:
			return node{}, fmt.Errorf("%s: the operator %v is not one that the local cloud knows (it knows exact values)",
				path, slices.Sorted(maps.Keys(element)))
		}
	}
	return node{allowed: list}, nil
}

func place(path string) string {
	if path == "" {
		return "the pattern"
	}
	return path
}

// decode keeps numbers as they are written, so that large ones compare exactly.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not valid JSON: more than one value")
	}
	return value, nil
}
