package move_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/move"
)

func TestRemedyOf_NamesTheCellToEndTheMoveWithout(t *testing.T) {
	ledger := func(cell string) move.Lack { return move.Lack{Cell: cell, Ledger: true, Table: true} }
	queue, data := move.Lack{Cell: "c1"}, move.Lack{Cell: "c1", Table: true}
	for name, c := range map[string]struct {
		lacks []move.Lack
		want  move.Remedy
	}{
		"nothing":                       {},
		"a queue":                       {[]move.Lack{queue}, move.Remedy{}},
		"a data table":                  {[]move.Lack{data}, move.Remedy{Table: true}},
		"a ledger":                      {[]move.Lack{ledger("c2")}, move.Remedy{Ledger: true, Table: true, Abandon: "c2"}},
		"a ledger, and a queue":         {[]move.Lack{queue, ledger("c2")}, move.Remedy{Ledger: true, Table: true, Abandon: "c2", AgainFirst: "c1"}},
		"both ledgers: neither is home": {[]move.Lack{ledger("c1"), ledger("c2")}, move.Remedy{Ledger: true, Table: true}},
	} {
		require.Equal(t, c.want, move.RemedyOf(c.lacks), name)
	}
}

func TestWays_AreThoseWhoseCellsHaveWhatTheyNeed(t *testing.T) {
	for name, c := range map[string]struct {
		at       move.Phase
		drop     func(w *world)
		on, back bool
	}{
		"nothing is lost":                {move.Copy, func(*world) {}, true, true},
		"the new cell's ledger":          {move.Copy, func(w *world) { w.db.Drop(w.cells["beta"].ResultsTable) }, false, false},
		"the old cell's ledger":          {move.Redirect, func(w *world) { w.db.Drop(w.cells["alpha"].ResultsTable) }, false, false},
		"the new cell's queue":           {move.Redirect, func(w *world) { w.noQueue = w.cells["beta"].QueueURL }, false, true},
		"the old cell's queue":           {move.Copy, func(w *world) { w.noQueue = w.cells["alpha"].QueueURL }, true, false},
		"nothing, and it forgets by now": {move.Forget, func(*world) {}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.toPhase(t, c.at, false)
			m, err := w.mover(&hooks{}).Get(t.Context(), tenant)
			require.NoError(t, err)
			require.Equal(t, c.at, m.Phase)
			c.drop(w)
			ways, err := w.mover(&hooks{}).Ways(t.Context(), m)
			require.NoError(t, err)
			require.Equal(t, c.on, ways.GoesOn(), "%+v", ways)
			require.Equal(t, c.back, ways.GoesBack(), "%+v", ways)
		})
	}
}
