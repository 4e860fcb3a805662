package pulumitest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// Resource is one registration.
type Resource struct {
	Type, Name, URN     string
	Parent              string // URN
	Provider            string // name of the explicit provider, empty for the default one and for components
	Custom              bool   // false for a component
	Protect             bool
	DeleteBeforeReplace bool
	Aliases             []string
	Dependencies        []string             // URNs, those that follow from inputs and those of DependsOn
	Inputs              resource.PropertyMap // unknown values are kept

	// Request is the whole request, for the options that have no field here.
	Request *pulumirpc.RegisterResourceRequest
}

func newResource(args pulumi.MockResourceArgs, inputs resource.PropertyMap, urn string) *Resource {
	rpc := args.RegisterRPC
	res := &Resource{
		Type: args.TypeToken, Name: args.Name, URN: urn,
		Parent:              rpc.GetParent(),
		Provider:            providerName(rpc.GetProvider()),
		Custom:              args.Custom,
		Protect:             rpc.GetProtect(),
		DeleteBeforeReplace: rpc.GetDeleteBeforeReplace(),
		Dependencies:        slices.Sorted(slices.Values(rpc.GetDependencies())),
		Inputs:              inputs,
		Request:             rpc,
	}
	for _, a := range rpc.GetAliases() {
		res.Aliases = append(res.Aliases, aliasText(a))
	}
	res.Aliases = append(res.Aliases, rpc.GetAliasURNs()...)
	slices.Sort(res.Aliases)
	return res
}

// providerName takes the name out of a provider reference, which is URN::ID.
func providerName(reference string) string {
	urn, _ := cutLast(reference, "::")
	_, name := cutLast(urn, "::")
	return name
}

func cutLast(s, sep string) (before, after string) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):]
	}
	return s, ""
}

func aliasText(a *pulumirpc.Alias) string {
	if a.GetUrn() != "" {
		return a.GetUrn()
	}
	s := a.GetSpec()
	parent := s.GetParentUrn()
	if s.GetNoParent() {
		parent = "none"
	}
	return fmt.Sprintf("type=%s name=%s parent=%s", s.GetType(), s.GetName(), parent)
}

func (r *Resource) isProvider() bool { return strings.HasPrefix(r.Type, "pulumi:providers:") }

func (r *Resource) String() string { return r.Type + " " + r.Name }

// DependsOn reports whether the resource waits for the other, through an input or through DependsOn.
func (r *Resource) DependsOn(other *Resource) bool { return slices.Contains(r.Dependencies, other.URN) }

// Input returns the input at a property path such as "loggingConfig.logGroup" or "globalSecondaryIndexes[0].name",
// without its secret marker. It is false if there is none.
func (r *Resource) Input(path string) (resource.PropertyValue, bool) {
	p, err := resource.ParsePropertyPath(path)
	if err != nil {
		panic(fmt.Sprintf("property path %q: %v", path, err))
	}
	v, ok := p.Get(resource.NewProperty(r.Inputs))
	if !ok {
		return resource.PropertyValue{}, false
	}
	for v.IsSecret() {
		v = v.SecretValue().Element
	}
	return v, true
}

// Has reports whether there is an input at the path, known or not.
func (r *Resource) Has(path string) bool {
	v, ok := r.Input(path)
	return ok && !v.IsNull()
}

// Unknown reports whether the input at the path depends on something that a preview does not know.
func (r *Resource) Unknown(path string) bool {
	v, ok := r.Input(path)
	return ok && v.ContainsUnknowns()
}

// Value returns the input at the path as a plain Go value: string, float64, bool, []any, map[string]any. The test
// stops if there is none, or if it is unknown.
func (r *Resource) Value(t testing.TB, path string) any {
	t.Helper()
	v, ok := r.Input(path)
	if !ok {
		t.Fatalf("%s has no input %s", r, path)
	}
	if v.ContainsUnknowns() {
		t.Fatalf("%s: input %s is unknown", r, path)
	}
	return v.MapRepl(nil, func(p resource.PropertyValue) (any, bool) {
		if p.IsSecret() {
			return p.SecretValue().Element.Mappable(), true
		}
		return nil, false
	})
}

// Str returns the string input at the path. The test stops if there is none.
func (r *Resource) Str(t testing.TB, path string) string {
	t.Helper()
	s, ok := r.Value(t, path).(string)
	if !ok {
		t.Fatalf("%s: input %s is no string", r, path)
	}
	return s
}

// JSON decodes the string input at the path, for example a policy document, into v. The test stops if it cannot.
func (r *Resource) JSON(t testing.TB, path string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Str(t, path)), v); err != nil {
		t.Fatalf("%s: input %s is no JSON: %v", r, path, err)
	}
}
