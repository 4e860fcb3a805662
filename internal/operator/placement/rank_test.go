package placement_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
)

func cell(id, tier string, most int) manifest.Cell {
	return manifest.Cell{ID: id, Tier: tier, MaxTenants: most, ResultsTable: stack.Cell(id).ResultsTable(), DataTable: stack.Cell(id).DataTable()}
}

func state(id string, status placement.Status, tenants int) placement.CellState {
	return placement.CellState{CellID: id, Status: status, Tenants: tenants}
}

func ids(cells []manifest.Cell) []string {
	var ids []string
	for _, c := range cells {
		ids = append(ids, c.ID)
	}
	return ids
}

// headroom is the share of a cell's cap that is free.
func headroom(c manifest.Cell, states map[string]placement.CellState) *big.Rat {
	return big.NewRat(int64(c.MaxTenants-states[c.ID].Tenants), int64(c.MaxTenants))
}

// fleet draws cells, and the states of some of them: also of cells whose cap was lowered below what they have.
func fleet(t *rapid.T) ([]manifest.Cell, map[string]placement.CellState) {
	var cells []manifest.Cell
	states := map[string]placement.CellState{}
	for n := range rapid.IntRange(0, 8).Draw(t, "cells") {
		c := cell(fmt.Sprintf("cell-%d", n), rapid.SampledFrom([]string{"standard", "dedicated"}).Draw(t, "tier"), rapid.SampledFrom([]int{1, 2, 3, 6, 1_000_000}).Draw(t, "cap"))
		if rapid.Bool().Draw(t, "known") {
			status := rapid.SampledFrom([]placement.Status{placement.Active, placement.Active, placement.Draining, placement.Retired}).Draw(t, "status")
			states[c.ID] = state(c.ID, status, rapid.IntRange(0, min(c.MaxTenants+1, 10)).Draw(t, "tenants"))
		}
		cells = append(cells, c)
	}
	return cells, states
}

func TestCandidatesAreTheCellsWithRoomAndTheEmptiestIsFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells, states := fleet(t)
		var fit []string
		for _, c := range cells {
			s, known := states[c.ID]
			if c.Tier == "standard" && (!known || s.Status == placement.Active && s.Tenants < c.MaxTenants) {
				fit = append(fit, c.ID)
			}
		}
		candidates, err := placement.Candidates(cells, states, mapping.TierStandard)
		if len(fit) == 0 {
			require.ErrorIs(t, err, placement.ErrNoRoom)
			return
		}
		require.NoError(t, err)
		require.ElementsMatch(t, fit, ids(candidates))
		for i := range candidates[1:] {
			a, b := candidates[i], candidates[i+1]
			order := headroom(a, states).Cmp(headroom(b, states))
			require.True(t, order > 0 || order == 0 && a.ID < b.ID, "%v before %v", a, b)
		}
		shuffled := rapid.Permutation(cells).Draw(t, "shuffled")
		again, err := placement.Candidates(shuffled, states, mapping.TierStandard)
		require.NoError(t, err)
		require.Equal(t, ids(candidates), ids(again), "the order of the cells does not matter")
	})
}

func TestCellsFillEvenlyByTheShareOfTheirCaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var cells []manifest.Cell
		room := 0
		for n, most := range rapid.SliceOfN(rapid.IntRange(1, 12), 1, 5).Draw(t, "caps") {
			cells = append(cells, cell(fmt.Sprintf("cell-%d", n), "standard", most))
			room += most
		}
		states := map[string]placement.CellState{}
		for range room {
			candidates, err := placement.Candidates(cells, states, mapping.TierStandard)
			require.NoError(t, err)
			best := candidates[0].ID
			states[best] = state(best, placement.Active, states[best].Tenants+1)
			for _, a := range cells {
				for _, b := range cells { // before its latest tenant came, no cell was fuller than another
					before := new(big.Rat).Add(headroom(a, states), big.NewRat(1, int64(a.MaxTenants)))
					require.GreaterOrEqual(t, before.Cmp(headroom(b, states)), 0, "%v", states)
				}
			}
		}
		_, err := placement.Candidates(cells, states, mapping.TierStandard)
		require.ErrorIs(t, err, placement.ErrNoRoom)
	})
}

func TestNoRoomSaysOfEachCellWhy(t *testing.T) {
	cells := []manifest.Cell{cell("alpha", "standard", 100), cell("beta", "standard", 10), cell("gamma", "standard", 10), cell("solo", "dedicated", 1), cell("delta", "standard", 5)}
	_, err := placement.Candidates(cells, map[string]placement.CellState{
		"alpha": state("alpha", placement.Active, 100),
		"beta":  state("beta", placement.Draining, 3),
		"gamma": state("gamma", placement.Retired, 0),
		"delta": state("delta", placement.Active, 7),
	}, mapping.TierStandard)
	require.EqualError(t, err, `no room for a tenant of tier standard:
  cell alpha is full, with 100 of 100 tenants
  cell beta is draining
  cell gamma is retired
  cell solo is of tier dedicated
  cell delta is full, with 7 of 5 tenants
add a cell or raise maxTenants of one in the stack's configuration, or set a draining cell active again`)
	_, err = placement.Candidates(nil, nil, mapping.TierStandard)
	require.ErrorContains(t, err, "there are no cells")
	_, err = placement.Candidates(slices.Repeat(cells[3:4], 25), nil, mapping.TierStandard)
	require.ErrorContains(t, err, "\n  and 5 more\n")
}
