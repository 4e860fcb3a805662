package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Read returns what is there: for a refresh or an import.
func (s *service) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	k, err := kindOfURN(req.GetUrn())
	if err != nil {
		return nil, err
	}
	in, err := unmarshal(req.GetInputs())
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetProperties())
	if err != nil {
		return nil, err
	}
	ctx, done := s.operation(ctx)
	defer done()
	found, err := k.read(ctx, s.clients, request{id: req.GetId(), in: props(in), out: props(state)})
	if errors.Is(err, errGone) {
		return &pulumirpc.ReadResponse{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", k.token, err)
	}
	there := found.propertyMap()
	if tags, ok := there["tagsAll"]; ok {
		there["tags"] = resource.NewProperty(ownTags(tags.ObjectValue(), connectionOf(ctx).defaultTags()))
	}
	out, err := marshal(mergeState(state, there))
	if err != nil {
		return nil, err
	}
	inputs, err := marshal(readInputs(k, in, there))
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: out, Inputs: inputs}, err
}

// ownTags are the tags that do not come from the provider's default tags.
func ownTags(all resource.PropertyMap, defaults map[string]string) resource.PropertyMap {
	out := resource.PropertyMap{}
	for key, v := range all {
		if d, ok := defaults[string(key)]; !ok || !v.IsString() || v.StringValue() != d {
			out[key] = v
		}
	}
	return out
}

// mergeState is the state with what was found in place of what was known.
func mergeState(state, there resource.PropertyMap) resource.PropertyMap {
	out := state.Copy()
	maps.Copy(out, keepEquivalent(state, there))
	return out
}

// readInputs are the inputs that would give what was found. A refresh reports on the properties that the program sets; an
// import on all that are not empty.
func readInputs(k *kind, in, there resource.PropertyMap) resource.PropertyMap {
	if len(in) == 0 {
		return imported(k, there)
	}
	return refreshed(k.args, in, keepEquivalent(in, there))
}

func imported(k *kind, there resource.PropertyMap) resource.PropertyMap {
	out := k.defaults.propertyMap() // among them the settings that no service tells
	for key, v := range there {
		if _, isInput := fieldByTag(k.args, string(key)); isInput && !isEmpty(v) {
			out[key] = v
		}
	}
	return out
}

// refreshed is in with what was found in place of it, down through the objects of t.
func refreshed(t reflect.Type, in, there resource.PropertyMap) resource.PropertyMap {
	out := in.Copy()
	for key, v := range there {
		was, set := in[key]
		f, isInput := fieldByTag(t, string(key))
		if !set || !isInput {
			continue
		}
		if inner, ok := structOf(f.Type); ok && was.IsObject() && v.IsObject() {
			v = resource.NewProperty(refreshed(inner, was.ObjectValue(), v.ObjectValue()))
		}
		out[key] = v
	}
	return out
}

func structOf(t reflect.Type) (reflect.Type, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t, t.Kind() == reflect.Struct
}

func isEmpty(v resource.PropertyValue) bool {
	switch {
	case v.IsString():
		return v.StringValue() == ""
	case v.IsArray():
		return len(v.ArrayValue()) == 0
	case v.IsObject():
		return len(v.ObjectValue()) == 0
	}
	return v.IsNull()
}
