package health

import (
	"context"
	"errors"
	"slices"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/placement"
)

// maxRecounts is how often a cell's tenants are counted until they have not changed meanwhile. Each count takes Settle and
// some requests.
const maxRecounts = 5

// counts compares the count of each cell with the mapping. It goes by the indexes first, which lag while placements go on,
// and recounts the cells that are off by those.
func (d Doctor) counts(ctx context.Context, p published, c Control, moves []Move, states map[string]placement.CellState) []Finding {
	open := make([]placement.OpenMove, len(moves))
	for i, m := range moves {
		open[i] = placement.OpenMove{TenantID: m.TenantID, From: m.From, To: m.To}
	}
	each := make([][]Finding, len(p.cells))
	d.each("counts of tenants", p.cells, func(i int, cell manifest.Cell) {
		l := d.look(countCheck, cell.ID)
		state := states[cell.ID]
		n, err := c.Estimate(ctx, cell.ID, open)
		switch {
		case err != nil:
			l.unseen(err)
		case n != state.Tenants:
			each[i] = d.recount(ctx, c, cell)
			return
		}
		each[i] = counted(l, cell, state.Tenants)
	})
	return slices.Concat(each...)
}

// counted is the finding about a cell whose count is right, unless something else was found.
func counted(l *look, cell manifest.Cell, tenants int) []Finding {
	if len(l.findings) == 0 && tenants > cell.MaxTenants {
		l.add(Warn, "move tenants out, or raise its maxTenants", "it has %d tenants, and its cap is %d", tenants, cell.MaxTenants)
	}
	return l.end("%d of at most %d", tenants, cell.MaxTenants)
}

// recount counts the tenants of a cell, and corrects its count if that is wrong and is to be corrected. Where the cell's
// tenants keep changing, nobody can tell whether the count is wrong, and nothing is corrected.
func (d Doctor) recount(ctx context.Context, c Control, cell manifest.Cell) []Finding {
	l := d.look(countCheck, cell.ID)
	for range maxRecounts {
		r, err := c.Recount(ctx, cell.ID, c.Moves, d.Settle)
		fix := err == nil && r.Count != r.Correct && d.FixCounts
		if fix {
			err = c.Correct(ctx, r)
		}
		switch {
		case errors.Is(err, placement.ErrChanged):
			continue
		case err != nil && fix:
			l.fix = "run doctor again"
			l.fail("it counts %d tenants, not %d, and could not be corrected: %v", r.Count, r.Correct, err)
		case err != nil:
			l.unseen(err)
		case fix:
			l.add(Fixed, "", "corrected from %d to %d", r.Count, r.Correct)
		case r.Count != r.Correct:
			l.add(Fail, "'cellctl doctor --fix' corrects it", "it counts %d tenants, and %d are mapped to it or reserved by open moves", r.Count, r.Correct)
		default:
			return counted(l, cell, r.Count)
		}
		return l.findings
	}
	l.add(Warn, "run doctor again when fewer tenants come and go",
		"whether its count is right is not known, and nothing was corrected: in each of %d recounts the count changed meanwhile", maxRecounts)
	return l.findings
}
