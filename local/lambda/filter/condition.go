package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// condition says whether a leaf of a record is as a pattern wants it; present is false where the record has no such leaf.
type condition func(value any, present bool) bool

// operators by name; each is given its operand.
var operators = map[string]func(operand any) (condition, error){
	"prefix":             textOperator(strings.HasPrefix),
	"suffix":             textOperator(strings.HasSuffix),
	"equals-ignore-case": textOperator(strings.EqualFold),
	"exists":             exists,
	"anything-but":       anythingBut,
}

func compileCondition(element any) (condition, error) {
	switch element := element.(type) {
	case []any:
		return nil, errors.New("a list inside a list is not a condition")
	case map[string]any:
		if len(element) != 1 {
			return nil, fmt.Errorf("a condition has exactly one operator, this one has %d", len(element))
		}
		for name, operand := range element {
			compile, ok := operators[name]
			if !ok {
				return nil, fmt.Errorf("unknown operator %q (known: anything-but, equals-ignore-case, exists, prefix, suffix)", name)
			}
			c, err := compile(operand)
			if err != nil {
				return nil, fmt.Errorf("operator %q: %w", name, err)
			}
			return c, nil
		}
	}
	return func(value any, present bool) bool { return present && value == element }, nil
}

func textOperator(holds func(value, operand string) bool) func(any) (condition, error) {
	return func(operand any) (condition, error) {
		want, ok := operand.(string)
		if !ok {
			return nil, errors.New("want a string")
		}
		return func(value any, present bool) bool {
			text, ok := value.(string)
			return present && ok && holds(text, want)
		}, nil
	}
}

func exists(operand any) (condition, error) {
	want, ok := operand.(bool)
	if !ok {
		return nil, errors.New("want true or false")
	}
	return func(_ any, present bool) bool { return present == want }, nil
}

func anythingBut(operand any) (condition, error) {
	refused, ok := operand.([]any)
	if !ok {
		refused = []any{operand}
	}
	for _, r := range refused {
		switch r.(type) {
		case map[string]any, []any:
			return nil, errors.New("want a value or a list of values")
		}
	}
	return func(value any, present bool) bool { return present && !slices.Contains(refused, value) }, nil
}
