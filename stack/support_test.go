package stack_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/cell"
	"cellular/functions"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
	"cellular/stack"
)

// program is the Pulumi program with functions that nobody built.
func program() pulumi.RunFunc {
	return stack.Program(stack.Options{Package: func(_ context.Context, architecture string) (functions.Artifacts, error) {
		zip := func(name string) string { return "/built/" + architecture + "/" + name + ".zip" }
		return functions.Artifacts{Router: zip("router"), Producer: zip("producer"), Consumer: zip("consumer"), Probe: zip("probe")}, nil
	}})
}

// fataler is what a test and a rapid check have in common.
type fataler interface {
	require.TestingT
	Helper()
}

// deploy runs the program for the cells, with further configuration laid over, and returns what it registered.
func deploy(t fataler, cells []stack.Cell, changes ...string) *pulumitest.Recorder {
	t.Helper()
	r, err := pulumitest.RunErr(program(), pulumitest.WithConfig(configtest.Minimal(append([]string{"cellular:cells", configtest.CellsJSON(cells)}, changes...)...)))
	require.NoError(t, err)
	return r
}

// named are standard cells with these ids.
func named(ids ...string) []stack.Cell {
	cells := make([]stack.Cell, len(ids))
	for i, id := range ids {
		cells[i] = stack.Cell{ID: id, Tier: "standard", MaxTenants: 100}
	}
	return cells
}

// owners maps the URN of each resource of a cell, its component included, to the cell's id. What is of no cell is not
// in it.
func owners(r *pulumitest.Recorder) map[string]string {
	parents, roots := map[string]string{}, map[string]string{}
	for _, res := range r.Resources() {
		parents[res.URN] = res.Parent
		if res.Type == cell.TypeToken {
			roots[res.URN] = strings.TrimPrefix(res.Name, "cell-")
		}
	}
	all := map[string]string{}
	for urn := range parents {
		for at := urn; at != ""; at = parents[at] {
			if id, ok := roots[at]; ok {
				all[urn] = id
			}
		}
	}
	return all
}

// ofCell are the resources of one cell.
func ofCell(r *pulumitest.Recorder, id string) []*pulumitest.Resource {
	owner := owners(r)
	return slices.DeleteFunc(r.Resources(), func(res *pulumitest.Resource) bool { return owner[res.URN] != id })
}

// state is all that the engine compares of a resource between two updates.
type state struct {
	Type, Name, Parent, Provider string
	Protect, DeleteBeforeReplace bool
	Aliases, Dependencies        []string
	Inputs                       string
}

func stateOf(t require.TestingT, res *pulumitest.Resource) state {
	inputs, err := json.Marshal(res.Inputs.Mappable())
	require.NoError(t, err)
	return state{
		Type: res.Type, Name: res.Name, Parent: res.Parent, Provider: res.Provider, Protect: res.Protect,
		DeleteBeforeReplace: res.DeleteBeforeReplace, Aliases: res.Aliases, Dependencies: res.Dependencies, Inputs: string(inputs),
	}
}

// states are the states of all resources by URN.
func states(t require.TestingT, r *pulumitest.Recorder) map[string]state {
	all := map[string]state{}
	for _, res := range r.Resources() {
		all[res.URN] = stateOf(t, res)
	}
	require.NotEmpty(t, all)
	return all
}

// changed are the URNs that were added, changed or removed between two sets of states.
func changed(before, after map[string]state) []string {
	urns := map[string]bool{}
	for urn, s := range before {
		if other, ok := after[urn]; !ok || !equal(s, other) {
			urns[urn] = true
		}
	}
	for urn := range after {
		if _, ok := before[urn]; !ok {
			urns[urn] = true
		}
	}
	return slices.Sorted(maps.Keys(urns))
}

func equal(a, b state) bool {
	return a.Type == b.Type && a.Name == b.Name && a.Parent == b.Parent && a.Provider == b.Provider && a.Protect == b.Protect &&
		a.DeleteBeforeReplace == b.DeleteBeforeReplace && a.Inputs == b.Inputs &&
		slices.Equal(a.Aliases, b.Aliases) && slices.Equal(a.Dependencies, b.Dependencies)
}

// text is a resource as one text: what it says of itself and what it refers to.
func text(t require.TestingT, res *pulumitest.Resource) string {
	encoded, err := json.Marshal(stateOf(t, res))
	require.NoError(t, err)
	return string(encoded)
}
