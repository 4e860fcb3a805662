package provider

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// diff compares the inputs in force with the inputs wanted, property by property.
func diff(k *kind, old, wanted resource.PropertyMap, tagsBefore, tagsAfter map[string]string) *pulumirpc.DiffResponse {
	resp := &pulumirpc.DiffResponse{
		Changes:         pulumirpc.DiffResponse_DIFF_NONE,
		HasDetailedDiff: true,
		DetailedDiff:    map[string]*pulumirpc.PropertyDiff{},
	}
	wanted = keepEquivalent(old, wanted)
	detailed := plugin.NewDetailedDiffFromObjectDiff(old.Diff(wanted, resource.IsInternalPropertyKey), true)
	if k.tagged() && !maps.Equal(tagsBefore, tagsAfter) {
		detailed["tagsAll"] = plugin.PropertyDiff{Kind: plugin.DiffUpdate}
	}
	for _, path := range sortedKeys(detailed) {
		d := detailed[path]
		property, _, _ := strings.Cut(path, ".")
		property, _, _ = strings.Cut(property, "[")
		if slices.Contains(k.replaceOn, property) {
			d = d.ToReplace()
			resp.Replaces = append(resp.Replaces, property)
		}
		resp.Diffs = append(resp.Diffs, property)
		resp.DetailedDiff[path] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_Kind(d.Kind), InputDiff: d.InputDiff}
	}
	resp.Replaces, resp.Diffs = slices.Compact(resp.Replaces), slices.Compact(resp.Diffs)
	if len(resp.Diffs) > 0 {
		resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
	}
	// Two resources cannot have one physical name at the same time.
	name := old[k.nameProperty()]
	resp.DeleteBeforeReplace = len(resp.Replaces) > 0 && name.IsString() && name.DeepEquals(wanted[k.nameProperty()])
	return resp
}

// keepEquivalent returns wanted with the old value wherever it means the same.
func keepEquivalent(old, wanted resource.PropertyMap) resource.PropertyMap {
	out := wanted.Copy()
	for key, v := range out {
		if o, ok := old[key]; ok && equivalent(o, v) {
			out[key] = o
		}
	}
	return out
}

// equivalent tells whether two values mean the same to AWS: the order of a list does not count, nor the spelling of a
// JSON document.
func equivalent(a, b resource.PropertyValue) bool {
	switch {
	case a.IsString() && b.IsString():
		return a.StringValue() == b.StringValue() || sameJSON(a.StringValue(), b.StringValue())
	case a.IsArray() && b.IsArray():
		return sameElements(a.ArrayValue(), b.ArrayValue())
	case a.IsObject() && b.IsObject():
		return maps.EqualFunc(withoutNulls(a.ObjectValue()), withoutNulls(b.ObjectValue()), equivalent)
	}
	return a.DeepEquals(b)
}

func withoutNulls(m resource.PropertyMap) resource.PropertyMap {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(_ resource.PropertyKey, v resource.PropertyValue) bool { return v.IsNull() })
	return m
}

func sameElements(a, b []resource.PropertyValue) bool {
	if len(a) != len(b) {
		return false
	}
	left := slices.Clone(b)
	for _, v := range a {
		i := slices.IndexFunc(left, func(w resource.PropertyValue) bool { return equivalent(v, w) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

func sameJSON(a, b string) bool {
	if !strings.HasPrefix(strings.TrimSpace(a), "{") || !strings.HasPrefix(strings.TrimSpace(b), "{") {
		return false
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func stringValue(s string) resource.PropertyValue { return resource.NewProperty(s) }
