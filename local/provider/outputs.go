package provider

import (
	"maps"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// outputs are the inputs, the outputs that are kept from before, and those that were made.
func outputs(k *kind, r request, state resource.PropertyMap, made values) resource.PropertyMap {
	out := resource.PropertyMap{}
	for key, v := range state {
		if _, isInput := fieldByTag(k.args, string(key)); !isInput {
			out[key] = v
		}
	}
	maps.Copy(out, resource.PropertyMap(r.in))
	maps.Copy(out, keepEquivalent(resource.PropertyMap(r.in), made.propertyMap()))
	if k.tagged() {
		out["tagsAll"] = values{"": r.tags}.propertyMap()[""]
	}
	return out
}

// previewed are the outputs that a preview can tell: those that a create or the change of an input will give are unknown.
func previewed(k *kind, r request, state resource.PropertyMap) resource.PropertyMap {
	out := outputs(k, r, state, nil)
	if state == nil {
		for _, name := range k.outputs() {
			if _, ok := out[resource.PropertyKey(name)]; !ok {
				out[resource.PropertyKey(name)] = computed()
			}
		}
	}
	for _, input := range sortedKeys(k.renews) {
		if state != nil && r.changed(input) {
			for _, name := range k.renews[input] {
				out[resource.PropertyKey(name)] = computed()
			}
		}
	}
	return out
}

func computed() resource.PropertyValue { return resource.MakeComputed(resource.NewProperty("")) }
