package config

import (
	"slices"

	"cellular/internal/model/event"
	"cellular/internal/model/naming"
)

// Drop is the operator's word that the stack may lose one cell with these tenants, or the control plane. Package stack
// compares it with what is there.
type Drop struct {
	Cell    string   // "" where a control plane is named
	Tenants []string // every tenant of the cell, sorted; none for a cell that has none

	ControlPlane naming.Stack // the deployment's name; "" where a cell is named
}

// readDrops returns the entries of cellular:drop.
func readDrops(top *object) []Drop {
	var drops []Drop
	first := map[string]string{} // what is named -> path
	const wantEntry = "an object with a cell and its tenants, or with a controlPlane"
	readEntries(top, "drop", "a list of what the stack may lose", wantEntry, func(path string, values map[string]any) {
		d, ok := readDrop(path, values, top.problems)
		if !ok {
			return
		}
		name := d.Cell + "/" + string(d.ControlPlane)
		if earlier, taken := first[name]; taken {
			top.problems.add(path, "", "names the same as %s, want one entry", earlier)
			return
		}
		first[name] = path
		drops = append(drops, d)
	})
	return drops
}

// readDrop returns one entry, and whether it names one thing.
func readDrop(path string, values map[string]any, p *problems) (Drop, bool) {
	var d Drop
	o := given(path+".", "", values, p)
	o.text("cell", &d.Cell, naming.ValidCellID, wantCellID)
	field(o, "controlPlane", &d.ControlPlane, func(raw any) (naming.Stack, bool) {
		name, ok := raw.(string)
		return naming.Stack(name), ok
	}, func(d naming.Stack) bool { return deploymentName.MatchString(string(d)) }, "the name of the deployment whose control plane it is: "+wantDeployment)
	field(o, "tenants", &d.Tenants, parseTexts, func(all []string) bool {
		distinct := len(slices.Compact(slices.Sorted(slices.Values(all)))) == len(all)
		return distinct && !slices.ContainsFunc(all, func(id string) bool { return !event.ValidTenantID(id) })
	}, "a list of different tenants' ids, [] for a cell that has none")
	o.refuseUnknown()

	_, cell := values["cell"]
	_, controlPlane := values["controlPlane"]
	_, tenants := values["tenants"]
	switch {
	case cell == controlPlane:
		p.add(path, "", "is %s, want either a cell and its tenants, or a controlPlane", show(values))
		return Drop{}, false
	case cell && !tenants:
		p.add(o.at("tenants"), "", "is not set, want every tenant of cell %s by its id, [] if it has none", show(values["cell"]))
	case controlPlane && tenants:
		p.add(o.at("tenants"), "", "is set beside a controlPlane, want it beside a cell only")
	}
	slices.Sort(d.Tenants)
	return d, d.Cell != "" || d.ControlPlane != ""
}
