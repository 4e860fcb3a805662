package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
)

// Candidates are the cells that take another tenant of a tier, the best first: the one with most headroom by share of its
// cap, so that cells of different sizes fill evenly; of equals the one whose id comes first. A cell that has no state is
// active and empty. Without any candidate its error wraps ErrNoRoom and says of each cell what stands against it.
func Candidates(cells []manifest.Cell, states map[string]CellState, tier string) ([]manifest.Cell, error) {
	fit := slices.DeleteFunc(slices.Clone(cells), func(c manifest.Cell) bool { return unfit(c, states, tier) != "" })
	if len(fit) == 0 {
		return nil, noRoom(cells, states, tier)
	}
	slices.SortFunc(fit, func(a, b manifest.Cell) int {
		// (cap - tenants) / cap of both, multiplied out: no rounding makes equals of cells that are not.
		freeA, freeB := int64(a.MaxTenants-states[a.ID].Tenants), int64(b.MaxTenants-states[b.ID].Tenants)
		return cmp.Or(cmp.Compare(freeB*int64(a.MaxTenants), freeA*int64(b.MaxTenants)), strings.Compare(a.ID, b.ID))
	})
	return fit, nil
}

// unfit says why a cell takes no tenant of a tier; "" if it does.
func unfit(cell manifest.Cell, states map[string]CellState, tier string) string {
	state, known := states[cell.ID]
	if !known {
		state = untouched(cell.ID)
	}
	switch {
	case cell.Tier != tier:
		return "is of tier " + cell.Tier
	case state.Status != Active:
		return "is " + string(state.Status)
	case state.Full(cell):
		return fmt.Sprintf("is full, with %d of %d tenants", state.Tenants, cell.MaxTenants)
	}
	return ""
}

// maxExplained is how many cells an error goes through one by one: a screenful.
const maxExplained = 20

func noRoom(cells []manifest.Cell, states map[string]CellState, tier string) error {
	var why strings.Builder
	for _, c := range cells[:min(len(cells), maxExplained)] {
		fmt.Fprintf(&why, "\n  cell %s %s", c.ID, unfit(c, states, tier))
	}
	if more := len(cells) - maxExplained; more > 0 {
		fmt.Fprintf(&why, "\n  and %d more", more)
	}
	if len(cells) == 0 {
		why.WriteString("\n  there are no cells")
	}
	return fmt.Errorf("%w for a tenant of tier %s:%s\nadd a cell or raise maxTenants of one in the stack's configuration, or set a draining cell active again",
		ErrNoRoom, tier, why.String())
}

// Others are the cells that take a tenant besides the one that it is in: see Candidates.
func Others(cells []manifest.Cell, states map[string]CellState, m mapping.Mapping) ([]manifest.Cell, error) {
	return Candidates(without(cells, m.CellID), states, m.Tier)
}

func without(cells []manifest.Cell, cellID string) []manifest.Cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c manifest.Cell) bool { return c.ID == cellID })
}
