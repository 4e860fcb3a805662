package health

import (
	"context"
	"slices"

	"cellular/internal/model/manifest"
)

// maxStranded is how many tenants doctor names of a cell: an operator mends them one by one.
const maxStranded = 20

// stranded finds tenants whose data is in a cell and whose mapping is gone: what they sent is answered as if it had never
// been accepted.
func (d Doctor) stranded(ctx context.Context, p published, c Control) []Finding {
	each := make([][]Finding, len(p.cells))
	d.each("mappings of tenants", p.cells, func(i int, cell manifest.Cell) {
		l := d.look(lackCheck, cell.ID)
		tenants, more, err := c.Stranded(ctx, cell, maxStranded)
		if err != nil {
			l.unseen(err)
		}
		for _, tenant := range tenants {
			l.add(Fail, "'cellctl tenants assign "+tenant+" --cell "+cell.ID+"' gives it back to the cell",
				"the cell holds data of tenant %s, which has no mapping", tenant)
		}
		if more {
			l.add(Warn, "run doctor again once these have their mappings", "there may be more tenants without a mapping")
		}
		each[i] = l.end("no tenant lacks its mapping")
	})
	return slices.Concat(each...)
}
