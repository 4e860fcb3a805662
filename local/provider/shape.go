package provider

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// problem is something wrong with one property.
type problem struct {
	path   string // of the property, as the user would write it: "attributes[0].type"
	reason string // reads on from the path: "is required"
}

var archiveType = reflect.TypeFor[pulumi.Archive]()

// checkShape compares the properties with the SDK's own types, which come from the real provider's schema, and applies
// the rules of the type: a property that is misspelt, invented, of the wrong kind, missing, unsupported by the local
// cloud, or has a value that AWS refuses is a problem.
func checkShape(k *kind, in resource.PropertyMap) []problem {
	s := &shape{kind: k}
	s.object(k.args, "", "", in)
	for _, key := range k.required {
		if v, ok := in[resource.PropertyKey(key)]; !ok || v.IsNull() {
			s.add(key, "is required")
		}
	}
	slices.SortStableFunc(s.problems, func(a, b problem) int { return strings.Compare(a.path, b.path) })
	return s.problems
}

type shape struct {
	kind     *kind
	problems []problem
}

func (s *shape) add(path, format string, args ...any) {
	s.problems = append(s.problems, problem{path, fmt.Sprintf(format, args...)})
}

// object checks the members of an object. ruleAt is the object's path in kind.rules, at the one shown to the user.
func (s *shape) object(t reflect.Type, ruleAt, at string, in resource.PropertyMap) {
	allowed := fieldNames(t)
	for _, key := range in.StableKeys() {
		name := string(key)
		f, ok := fieldByTag(t, name)
		switch {
		case resource.IsInternalPropertyKey(key):
		case !ok:
			s.add(join(at, name), "is an unknown property of %s, allowed: %s", s.kind.token, strings.Join(allowed, ", "))
		default:
			s.value(f.Type, join(ruleAt, name), join(at, name), in[key])
		}
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("pulumi")
		if v, ok := in[resource.PropertyKey(name)]; required(f.Type) && (!ok || v.IsNull()) {
			s.add(join(at, name), "is required")
		}
	}
}

func (s *shape) value(t reflect.Type, ruleAt, at string, v resource.PropertyValue) {
	if v.IsNull() {
		return
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !s.supported(ruleAt) {
		s.add(at, "is a property of %s that the local cloud does not support, supported: %s", s.kind.token, strings.Join(sortedKeys(s.kind.rules), ", "))
		return
	}
	if unknown(v) {
		return
	}
	if want := kindOf(t); want != "" && !isKind(t, v) {
		s.add(at, "must be %s, got %s", want, describe(v))
		return
	}
	if check := s.kind.rules[ruleAt]; check != nil {
		if err := check(v); err != nil {
			s.add(at, "%v", err)
			return
		}
	}
	switch {
	case t.Kind() == reflect.Struct:
		s.object(t, ruleAt, at, v.ObjectValue())
	case t.Kind() == reflect.Slice:
		for i, e := range v.ArrayValue() {
			s.value(t.Elem(), ruleAt+"[]", fmt.Sprintf("%s[%d]", at, i), e)
		}
	case t.Kind() == reflect.Map:
		for _, key := range v.ObjectValue().StableKeys() {
			e := v.ObjectValue()[key]
			if !unknown(e) && !isKind(t.Elem(), e) {
				s.add(join(at, string(key)), "must be %s, got %s", kindOf(t.Elem()), describe(e))
			}
		}
	}
}

// supported tells whether there is a rule for the path or for something inside it.
func (s *shape) supported(path string) bool {
	if _, ok := s.kind.rules[path]; ok {
		return true
	}
	for p := range s.kind.rules {
		if rest, ok := strings.CutPrefix(p, path); ok && (rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func unknown(v resource.PropertyValue) bool {
	return v.IsComputed() || v.IsOutput() && !v.OutputValue().Known
}

func required(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Float64, reflect.Struct:
		return true
	}
	return false
}

// kindOf names the kind of value that a property of type t takes; "" if it takes any.
func kindOf(t reflect.Type) string {
	switch {
	case t == archiveType:
		return "an archive"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Bool:
		return "a boolean"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return "an object"
	}
	return ""
}

func isKind(t reflect.Type, v resource.PropertyValue) bool {
	switch {
	case t == archiveType:
		return v.IsArchive()
	case t.Kind() == reflect.String:
		return v.IsString()
	case t.Kind() == reflect.Bool:
		return v.IsBool()
	case t.Kind() == reflect.Int:
		return v.IsNumber() && v.NumberValue() == math.Trunc(v.NumberValue())
	case t.Kind() == reflect.Float64:
		return v.IsNumber()
	case t.Kind() == reflect.Slice:
		return v.IsArray()
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return v.IsObject()
	}
	return true
}

func describe(v resource.PropertyValue) string {
	switch {
	case v.IsString():
		return fmt.Sprintf("the string %q", v.StringValue())
	case v.IsNumber(), v.IsBool():
		return fmt.Sprintf("%v", v.V)
	}
	return "a value of type " + v.TypeString()
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func fieldByTag(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("pulumi") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("pulumi"); tag != "" {
			names = append(names, tag)
		}
	}
	slices.Sort(names)
	return names
}
