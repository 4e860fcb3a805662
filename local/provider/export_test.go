package provider

import (
	"reflect"
	"slices"
	"strings"
)

// UnknownToSDK names what the definitions of the resource types mention and the SDK does not have.
func UnknownToSDK() []string {
	var wrong []string
	for _, token := range sortedKeys(kinds) {
		k := kinds[token]
		inputs := slices.Concat(sortedKeys(k.rules), k.required, sortedKeys(k.defaults), k.replaceOn, sortedKeys(k.renews))
		for _, path := range inputs {
			if !resolves(k.args, path) {
				wrong = append(wrong, token+" input "+path)
			}
		}
		for _, outputs := range k.renews {
			for _, name := range outputs {
				if !resolves(k.state, name) {
					wrong = append(wrong, token+" output "+name)
				}
			}
		}
	}
	return wrong
}

func resolves(t reflect.Type, path string) bool {
	for step := range strings.SplitSeq(path, ".") {
		name, elements := strings.CutSuffix(step, "[]")
		s, _ := structOf(t)
		f, ok := fieldByTag(s, name)
		if !ok || elements && f.Type.Kind() != reflect.Slice {
			return false
		}
		if t = f.Type; elements {
			t = t.Elem()
		}
	}
	return true
}
