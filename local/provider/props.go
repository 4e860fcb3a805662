package provider

import (
	"maps"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// props reads a resource's properties as plain Go values: the zero value for a property that is not set. The kinds of
// the values were checked before (see shape.go).
type props resource.PropertyMap

func (p props) get(key string) (resource.PropertyValue, bool) {
	v, ok := p[resource.PropertyKey(key)]
	return v, ok && !v.IsNull() && !v.IsComputed() && !v.IsOutput()
}

func (p props) has(key string) bool {
	_, ok := p.get(key)
	return ok
}

func (p props) str(key string) string {
	if v, ok := p.get(key); ok && v.IsString() {
		return v.StringValue()
	}
	return ""
}

func (p props) num(key string) int { return p.numOr(key, 0) }

func (p props) numOr(key string, otherwise int) int {
	if v, ok := p.get(key); ok && v.IsNumber() {
		return int(v.NumberValue())
	}
	return otherwise
}

// optional is the text of a property, nil if it is not set.
func (p props) optional(key string) *string {
	if v, ok := p.get(key); ok && v.IsString() {
		s := v.StringValue()
		return &s
	}
	return nil
}

// optionalInt is the whole number of a property, nil if it is not set.
func (p props) optionalInt(key string) *int32 {
	if v, ok := p.get(key); ok && v.IsNumber() {
		n := int32(v.NumberValue())
		return &n
	}
	return nil
}

// optionalFloat is the number of a property, nil if it is not set.
func (p props) optionalFloat(key string) *float64 {
	if v, ok := p.get(key); ok && v.IsNumber() {
		n := v.NumberValue()
		return &n
	}
	return nil
}

func (p props) flag(key string) bool { return p.flagOr(key, false) }

func (p props) flagOr(key string, otherwise bool) bool {
	if v, ok := p.get(key); ok && v.IsBool() {
		return v.BoolValue()
	}
	return otherwise
}

func (p props) object(key string) props {
	if v, ok := p.get(key); ok && v.IsObject() {
		return props(v.ObjectValue())
	}
	return nil
}

func (p props) objects(key string) []props {
	var out []props
	if v, ok := p.get(key); ok && v.IsArray() {
		for _, e := range v.ArrayValue() {
			if e.IsObject() {
				out = append(out, props(e.ObjectValue()))
			}
		}
	}
	return out
}

func (p props) strs(key string) []string {
	var out []string
	if v, ok := p.get(key); ok && v.IsArray() {
		for _, e := range v.ArrayValue() {
			if e.IsString() {
				out = append(out, e.StringValue())
			}
		}
	}
	return out
}

func (p props) strMap(key string) map[string]string {
	out := map[string]string{}
	for k, v := range p.object(key) {
		if v.IsString() {
			out[string(k)] = v.StringValue()
		}
	}
	return out
}

// values is what a handler reports: plain Go values by property name.
type values map[string]any

// set sets a property that is there and not empty.
func (v values) set(key string, text *string) {
	if text != nil && *text != "" {
		v[key] = *text
	}
}

func (v values) propertyMap() resource.PropertyMap {
	return resource.NewPropertyMapFromMap(plain(map[string]any(v)).(map[string]any))
}

// plain turns the typed maps and lists that handlers report into the untyped ones that the SDK converts.
func plain(v any) any {
	switch v := v.(type) {
	case values:
		return plain(map[string]any(v))
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case map[string]string:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = e
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = e
		}
		return out
	case []values:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	}
	return v
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
