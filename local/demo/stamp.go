package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cellular/local"
)

// stamp compares the cells as the engine's state has them: the same types of resources, as many of each.
func (d *demo) stamp(ctx context.Context) (finding, error) {
	state, err := d.cloud.State(ctx)
	if err != nil {
		return finding{}, err
	}
	types := map[string][]string{} // cell -> the types of its resources
	for _, r := range state.Resources {
		for id := range d.outputs.Cells {
			if strings.HasPrefix(r.URN.Name(), "cell-"+id+"-") || r.URN.Name() == "cell-"+id {
				types[id] = append(types[id], string(r.Type))
			}
		}
	}
	for _, list := range types {
		slices.Sort(list)
	}
	ids := slices.Sorted(maps.Keys(types))
	if len(ids) != len(d.outputs.Cells) {
		return finding{}, fmt.Errorf("the stack's state has resources of the cells %v, want %v", ids, slices.Sorted(maps.Keys(d.outputs.Cells)))
	}
	f := finding{Invariant: "I1 Stamp", Seen: fmt.Sprintf("each of %d cells is the same %d resources", len(ids), len(types[ids[0]]))}
	for _, id := range ids[1:] {
		if !slices.Equal(types[id], types[ids[0]]) {
			f.Err = fmt.Errorf("cell %s has %v, cell %s has %v", id, types[id], ids[0], types[ids[0]])
		}
	}
	return f, nil
}

// containedChange judges the preview of one more cell.
func containedChange(preview local.Changes) finding {
	f := finding{Invariant: "I3 Contained change", Seen: fmt.Sprintf("one more cell would create %d resources and touch none of the other %d", preview["create"], preview["same"])}
	for operation, n := range preview {
		if operation != "create" && operation != "same" && n > 0 {
			f.Err = fmt.Errorf("one more cell would also %s %d resources", operation, n)
		}
	}
	return f
}
