package health

import (
	"context"
	"time"

	"cellular/internal/facts"
	"cellular/internal/placement"
)

// drifted is a cell whose count is wrong.
type drifted struct {
	cell          facts.Cell
	seen, correct int
}

// counts compares the count of each cell with the mapping. Placements go on meanwhile, and the mapping's index lags, so a
// cell that is off is looked at again a while later: it has drifted if it is off by the same number then.
func (d Doctor) counts(ctx context.Context, p published, c Control, moves []Move, states map[string]placement.CellState) []Finding {
	var found []Finding
	suspects := map[string]drifted{}
	open, err := openMoves(ctx, c, moves)
	if err != nil {
		l := d.look(countCheck, string(d.Stack))
		l.unseen(err)
		return l.findings
	}
	for _, cell := range p.cells {
		l := d.look(countCheck, cell.ID)
		state := states[cell.ID]
		n, err := c.Recount(ctx, cell.ID, open)
		switch {
		case err != nil:
			l.unseen(err)
		case n != state.Tenants:
			suspects[cell.ID] = drifted{cell, state.Tenants, n}
			continue
		case state.Tenants > cell.MaxTenants:
			l.add(Warn, "move tenants out, or raise its maxTenants", "it has %d tenants, and its cap is %d", state.Tenants, cell.MaxTenants)
		}
		found = append(found, l.end("%d of at most %d", state.Tenants, cell.MaxTenants)...)
	}
	if len(suspects) == 0 {
		return found
	}
	select {
	case <-time.After(d.Settle):
	case <-ctx.Done():
	}
	for _, cell := range p.cells {
		if s, ok := suspects[cell.ID]; ok {
			found = append(found, d.again(ctx, c, s)...)
		}
	}
	return found
}

// again looks at a suspect once more, and corrects its count if it has drifted and is to be corrected.
func (d Doctor) again(ctx context.Context, c Control, s drifted) []Finding {
	l := d.look(countCheck, s.cell.ID)
	now, err := d.compare(ctx, c, s.cell)
	switch {
	case err != nil:
		l.unseen(err)
	case now.seen == now.correct:
	case now.seen-now.correct != s.seen-s.correct:
		l.add(Warn, "run doctor again", "it counts %d tenants, and %d are mapped to it or reserved: it changes while it is looked at", now.seen, now.correct)
	case !d.FixCounts:
		l.add(Fail, "'cellctl doctor --fix' corrects it", "it counts %d tenants, and %d are mapped to it or reserved by open moves", now.seen, now.correct)
	default:
		if err := c.SetCount(ctx, s.cell.ID, now.seen, now.correct); err != nil {
			l.fix = "run doctor again"
			l.fail("it counts %d tenants, not %d, and could not be corrected: %v", now.seen, now.correct, err)
			return l.findings
		}
		l.add(Fixed, "", "corrected from %d to %d", now.seen, now.correct)
		return l.findings
	}
	return l.end("%d of at most %d", now.seen, s.cell.MaxTenants)
}

func (d Doctor) compare(ctx context.Context, c Control, cell facts.Cell) (drifted, error) {
	moves, err := c.OpenMoves(ctx)
	if err != nil {
		return drifted{}, err
	}
	open, err := openMoves(ctx, c, moves)
	if err != nil {
		return drifted{}, err
	}
	n, err := c.Recount(ctx, cell.ID, open)
	if err != nil {
		return drifted{}, err
	}
	states, err := c.States(ctx, []string{cell.ID})
	if err != nil {
		return drifted{}, err
	}
	return drifted{cell, states[cell.ID].Tenants, n}, nil
}

// openMoves adds where each move's tenant is mapped to now.
func openMoves(ctx context.Context, c Control, moves []Move) ([]placement.OpenMove, error) {
	open := make([]placement.OpenMove, len(moves))
	for i, m := range moves {
		now, err := c.Get(ctx, m.TenantID)
		if err != nil {
			return nil, err
		}
		open[i] = placement.OpenMove{From: m.From, To: m.To, CellNow: now.CellID}
	}
	return open, nil
}
