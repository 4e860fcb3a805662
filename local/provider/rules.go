package provider

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// rule checks one known value, whose kind is already right. nil stands for "any value".
type rule func(resource.PropertyValue) error

// text makes a rule of a check on a string.
func text(check func(string) error) rule {
	return func(v resource.PropertyValue) error {
		if !v.IsString() {
			return fmt.Errorf("must be a string, got %s", describe(v))
		}
		return check(v.StringValue())
	}
}

func oneOf(allowed ...string) rule {
	return text(func(s string) error {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("is %q, allowed: %s", s, strings.Join(allowed, ", "))
		}
		return nil
	})
}

// between bounds a number, both ends included.
func between(min, max float64) rule {
	return func(v resource.PropertyValue) error {
		if n := v.NumberValue(); n < min || n > max {
			return fmt.Errorf("is %v, allowed: %v to %v", n, min, max)
		}
		return nil
	}
}

func numberIn(allowed ...float64) rule {
	return func(v resource.PropertyValue) error {
		if !slices.Contains(allowed, v.NumberValue()) {
			return fmt.Errorf("is %v, allowed: %v", v.NumberValue(), allowed)
		}
		return nil
	}
}

// named bounds a name's length and restricts its characters to those of a regular expression's class.
func named(class string, min, max int) rule {
	re := regexp.MustCompile("^[" + class + "]*$")
	return text(func(s string) error {
		switch {
		case len(s) < min || len(s) > max:
			return fmt.Errorf("is %q, %d characters long, allowed: %d to %d", s, len(s), min, max)
		case !re.MatchString(s):
			return fmt.Errorf("is %q, which has a character outside of %s", s, class)
		}
		return nil
	})
}

// length bounds the number of elements of a list, or of bytes of a string.
func length(min, max int) rule {
	return func(v resource.PropertyValue) error {
		n, what := 0, "entries"
		if v.IsString() {
			n, what = len(v.StringValue()), "bytes"
		} else {
			n = len(v.ArrayValue())
		}
		if n < min || n > max {
			return fmt.Errorf("has %d %s, allowed: %d to %d", n, what, min, max)
		}
		return nil
	}
}

// arnOf requires an ARN of one of the services.
func arnOf(services ...string) rule {
	return text(func(s string) error {
		parts := strings.SplitN(s, ":", 6)
		if len(parts) != 6 || parts[0] != "arn" || !slices.Contains(services, parts[2]) || parts[5] == "" {
			return fmt.Errorf("is %q, which is not the ARN of a resource of %s", s, strings.Join(services, " or "))
		}
		return nil
	})
}

// document requires a JSON object that has no member but those of T, and passes check.
func document[T any](check func(T) error) rule {
	return text(func(s string) error {
		dec := json.NewDecoder(strings.NewReader(s))
		dec.DisallowUnknownFields()
		var v T
		if err := dec.Decode(&v); err != nil {
			return fmt.Errorf("is not a valid document: %w", err)
		}
		if dec.More() {
			return fmt.Errorf("has text after the end of the JSON document")
		}
		return check(v)
	})
}

// tagMap checks the tags of a resource.
func tagMap(v resource.PropertyValue) error {
	tags := v.ObjectValue()
	if len(tags) > 50 {
		return fmt.Errorf("has %d tags, allowed: 50", len(tags))
	}
	for k, e := range tags {
		switch {
		case len(k) < 1 || len(k) > 128:
			return fmt.Errorf("has the tag key %q of %d characters, allowed: 1 to 128", k, len(k))
		case strings.HasPrefix(strings.ToLower(string(k)), "aws:"):
			return fmt.Errorf("has the tag key %q: the prefix aws: is reserved", k)
		case e.IsString() && len(e.StringValue()) > 256:
			return fmt.Errorf("has the tag %q with a value of %d characters, allowed: 256", k, len(e.StringValue()))
		}
	}
	return nil
}
