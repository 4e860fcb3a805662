package placement_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

func TestLostCells_HaveAStateAndAreNotThere(t *testing.T) {
	w := newWorld(cell("c1", mapping.TierStandard, 10), cell("c2", mapping.TierStandard, 10))
	for _, id := range []string{"c9", "c1", "c7", "c8"} {
		w.set(id, placement.Active, 0)
	}
	lost, err := placement.LostCells(t.Context(), w.db, stack.CellTable(), ids(w.cells))
	require.NoError(t, err)
	require.Equal(t, []string{"c7", "c8", "c9"}, lost)
}

func TestRemains_AreTheTablesThatAreThereOrNotKnownToBeGone(t *testing.T) {
	down := errors.New("down")
	data, results := stack.Cell("c1").DataTable(), stack.Cell("c1").ResultsTable()
	for name, c := range map[string]struct {
		gone, down []string
		tables     []string
	}{
		"both are there":                  {nil, nil, []string{data, results}},
		"one is":                          {[]string{results}, nil, []string{data}},
		"none is":                         {[]string{data, results}, nil, nil},
		"one is gone, the other unknown":  {[]string{data}, []string{results}, nil},
		"one is there, the other unknown": {nil, []string{data}, []string{results}},
		"both are unknown":                {nil, []string{data, results}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(cell("c1", mapping.TierStandard, 10))
			for _, table := range c.gone {
				w.db.Drop(table)
			}
			w.db.Intercept = func(_ context.Context, call dynamotest.Call) error {
				if slices.Contains(c.down, call.Table) {
					return down
				}
				return nil
			}
			left := w.Remains(t.Context(), stack.Cell("c1"))
			require.Equal(t, c.tables, left.Tables)
			var unseen []string
			for _, u := range left.Unseen {
				require.ErrorIs(t, u.Err, down)
				unseen = append(unseen, u.Table)
			}
			require.Equal(t, c.down, unseen)
		})
	}
}
