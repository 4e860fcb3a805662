package move

import "context"

// Ways are the ways that an open move has, as far as its cells have what those need.
type Ways struct {
	On, Back []Lack // what keeps the move from going on, and from being backed out
	OnlyOn   bool   // it cannot be backed out, whatever the cells have: see MayBackOut
}

// GoesOn reports whether Run finds what it needs.
func (w Ways) GoesOn() bool { return len(w.On) == 0 }

// GoesBack reports whether BackOut finds what it needs.
func (w Ways) GoesBack() bool { return !w.OnlyOn && len(w.Back) == 0 }

// Ways looks into the cells of an open move for what it needs to go on, and back. A move that is ended without one of its
// cells needs nothing of that one, and no look.
func (m *Mover) Ways(ctx context.Context, move Move) (Ways, error) {
	w := Ways{OnlyOn: move.MayBackOut() != nil}
	if move.Phase == Abandon {
		return w, nil
	}
	var err error
	if w.On, err = m.Lacks(ctx, move, false); err != nil {
		return Ways{}, err
	}
	if w.Back, err = m.Lacks(ctx, move, true); err != nil {
		return Ways{}, err
	}
	if move.Phase == GiveBack { // its way on is back
		w.On = w.Back
	}
	return w, nil
}

// Remedy is what gives the cells of a move back what they lack.
type Remedy struct {
	// Ledger says that a results table is gone: nothing but a restored one brings the tenant's outcomes and state back.
	Ledger bool
	// Table says that a table is gone. Made again, it is empty: it is restored, if it can be.
	Table bool
	// Abandon is the cell that the move can be ended without if its ledger is gone for good; "" for none: two cells have
	// lost theirs, or none has. AgainFirst is the other one, if it lacks parts that have to be made again before that.
	Abandon, AgainFirst string
}

// RemedyOf says what brings back what cells lack.
func RemedyOf(lacks []Lack) Remedy {
	var r Remedy
	lost, again := "", ""
	for _, l := range lacks {
		r.Table = r.Table || l.Table
		switch {
		case !l.Ledger:
			again = l.Cell
		case r.Ledger: // the second one
			lost = ""
		default:
			r.Ledger, lost = true, l.Cell
		}
	}
	if lost != "" {
		r.Abandon, r.AgainFirst = lost, again
	}
	return r
}
