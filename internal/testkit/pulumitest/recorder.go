package pulumitest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Recorder implements pulumi.MockResourceMonitor: it answers every registration and remembers it. The SDK registers
// resources concurrently; read the Recorder after the program has ended.
type Recorder struct {
	stack  string
	dryRun bool
	before *Recorder // what the stack has deployed
	items  Items

	halfWritten int // how often the engine still meets a record that it is just writing

	mu        sync.Mutex
	resources []*Resource
	outputs   map[string]any // of each custom resource, by URN, as the engine records them
	calls     []Call
}

// Call is one invocation of a provider function.
type Call struct {
	Token    string
	Args     resource.PropertyMap
	Provider string // the provider's reference, empty for the default provider
}

// NewResource records a registration and answers with the type's computed outputs.
func (r *Recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	if args.ReadRPC != nil {
		return "", nil, fmt.Errorf("%s %s reads an existing resource: a program under test creates all it uses", args.TypeToken, args.Name)
	}
	// The inputs in args lack unknown values; the request has them.
	inputs, err := plugin.UnmarshalProperties(args.RegisterRPC.GetObject(), plugin.MarshalOptions{
		KeepUnknowns: true, KeepSecrets: true, KeepResources: true,
	})
	if err != nil {
		return "", nil, fmt.Errorf("%s %s: decode inputs: %w", args.TypeToken, args.Name, err)
	}
	res := newResource(args, inputs, r.urn(args))
	r.mu.Lock()
	r.resources = append(r.resources, res)
	r.mu.Unlock()

	if !args.Custom {
		r.record(res, nil)
		return "", resource.PropertyMap{}, nil
	}
	id, computed, err := computedOutputs(res)
	if err != nil {
		return "", nil, err
	}
	state := args.Inputs.Copy()
	if r.dryRun {
		return "", state, nil
	}
	for k, v := range computed {
		state[k] = v
	}
	r.record(res, state)
	return id, state, nil
}

// record keeps a resource's outputs.
func (r *Recorder) record(res *Resource, outputs resource.PropertyMap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outputs == nil {
		r.outputs = map[string]any{}
	}
	r.outputs[res.URN] = map[string]any{"type": res.Type, "outputs": resource.NewProperty(outputs)}
}

// urn is the URN that the engine would give to the resource.
func (r *Recorder) urn(args pulumi.MockResourceArgs) string {
	var parentType tokens.Type
	if p := resource.URN(args.RegisterRPC.GetParent()); p != "" && p.QualifiedType() != resource.RootStackType {
		parentType = p.QualifiedType()
	}
	return string(resource.NewURN(tokens.QName(r.stack), tokens.PackageName(Project), parentType, tokens.Type(args.TypeToken), args.Name))
}

// Call answers the provider functions that the program may use, and fails on any other. It records them; a function of the
// engine has no provider, and is not recorded.
func (r *Recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if out, ok, err := r.ofEngine(args); ok {
		return out, err
	}
	r.mu.Lock()
	r.calls = append(r.calls, Call{Token: args.Token, Args: args.Args, Provider: args.Provider})
	r.mu.Unlock()
	switch args.Token {
	case "aws:index/getCallerIdentity:getCallerIdentity":
		return properties(map[string]any{
			"accountId": Account, "id": Account, "userId": "AIDATESTUSER",
			"arn": fmt.Sprintf("arn:%s:iam::%s:user/tester", Partition, Account),
		}), nil
	case "aws:index/getPartition:getPartition":
		return properties(map[string]any{
			"partition": Partition, "id": Partition, "dnsSuffix": dnsSuffix, "reverseDnsPrefix": "com.amazonaws",
		}), nil
	case "aws:index/getRegion:getRegion":
		return properties(map[string]any{
			"name": Region, "id": Region, "description": "Test", "endpoint": "ec2." + Region + "." + dnsSuffix,
		}), nil
	}
	if args.Token == getTableItem {
		return r.tableItem(args.Args)
	}
	return nil, fmt.Errorf("function %s is not one that the program may call", args.Token)
}

// Resources returns everything that was registered, components and providers too, sorted by URN.
func (r *Recorder) Resources() []*Resource {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.resources)
	slices.SortStableFunc(all, func(a, b *Resource) int { return strings.Compare(a.URN, b.URN) })
	return all
}

// Calls returns every call of a provider function.
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// OfType returns the resources of a type, sorted by URN.
func (r *Recorder) OfType(typ string) []*Resource {
	return slices.DeleteFunc(r.Resources(), func(res *Resource) bool { return res.Type != typ })
}

// Named returns the resource with this type and name. The test stops if there is not exactly one.
func (r *Recorder) Named(t testing.TB, typ, name string) *Resource {
	t.Helper()
	return r.one(t, typ, "name "+name, func(res *Resource) bool { return res.Name == name })
}

// Only returns the one resource of a type. The test stops if there is not exactly one.
func (r *Recorder) Only(t testing.TB, typ string) *Resource {
	t.Helper()
	return r.one(t, typ, "any name", func(*Resource) bool { return true })
}

// WithInput returns the resource of a type that has this string as the input at path, for example the table whose
// name is "test-global-tenant-cell-mapping". The test stops if there is not exactly one.
func (r *Recorder) WithInput(t testing.TB, typ, path, want string) *Resource {
	t.Helper()
	return r.one(t, typ, path+" "+want, func(res *Resource) bool {
		v, ok := res.Input(path)
		return ok && v.IsString() && v.StringValue() == want
	})
}

func (r *Recorder) one(t testing.TB, typ, what string, match func(*Resource) bool) *Resource {
	t.Helper()
	var found []*Resource
	var names []string
	for _, res := range r.OfType(typ) {
		names = append(names, res.Name)
		if match(res) {
			found = append(found, res)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d resources of type %s with %s, want 1; of this type there are %q", len(found), typ, what, names)
		return nil
	}
	return found[0]
}
