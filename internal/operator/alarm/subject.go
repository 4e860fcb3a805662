package alarm

import (
	"cmp"
	"slices"
	"strings"

	"cellular/internal/model/naming"
)

// Subject is what an alarm is about: a cell, or a part of the global plane.
type Subject struct {
	Owner naming.AlarmOwner
	Cell  string // the cell's id; "" where the owner is another
}

// The subjects beside the cells.
var (
	ControlPlane = Subject{Owner: naming.OwnerControlPlane}
	Router       = Subject{Owner: naming.OwnerRouter}
	Probe        = Subject{Owner: naming.OwnerProbe}
)

// Cell is the subject of a cell's alarms.
func Cell(id string) Subject { return Subject{naming.OwnerCell, id} }

// String names a subject in a sentence.
func (s Subject) String() string {
	switch s {
	case ControlPlane:
		return "the control plane"
	case Router:
		return "the router"
	case Probe:
		return "the probe"
	}
	return "cell " + s.Cell
}

// Health is the name of the subject's composite alarm.
func (s Subject) Health(stack naming.Stack) string {
	switch s {
	case ControlPlane:
		return stack.ControlPlaneHealth()
	case Router:
		return stack.RouterHealth()
	case Probe:
		return stack.ProbeHealth()
	}
	return stack.Cell(s.Cell).Health()
}

// owners are in the order in which alarms are listed: what may be the cause of the others' trouble comes first.
var owners = []naming.AlarmOwner{naming.OwnerControlPlane, naming.OwnerRouter, naming.OwnerProbe, naming.OwnerCell}

func (s Subject) compare(other Subject) int {
	return cmp.Or(cmp.Compare(slices.Index(owners, s.Owner), slices.Index(owners, other.Owner)), strings.Compare(s.Cell, other.Cell))
}
