package placement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// past is what is known of a tenant that has no mapping.
type past struct {
	holders []string // the cells that hold data of it, unless the tenant was removed
	least   int64    // the lowest epoch that it may be given, in any cell, as far as a search found
}

// past finds out where a tenant's data is that no mapping points to: in the cell that the tenant's record names, or in the
// one that this cell's fence points to, in case a move by a version without records took it there. With search, it looks
// into every cell as well. What a listing does not show yet, because it was written within the last second or so, it does
// not find.
func (s *Store) past(ctx context.Context, cells []manifest.Cell, r Request) (past, error) {
	record, err := residence.Get(ctx, s.client, s.tables.MoveTable, r.TenantID)
	if err != nil {
		return past{}, err
	}
	var p past
	if !record.Removed() {
		if p.holders, err = s.lastHolder(ctx, cells, r, record); err != nil {
			return past{}, err
		}
	}
	if !r.Search {
		return p, nil
	}
	found, floor, err := s.search(ctx, cells, r.TenantID)
	if err != nil {
		return past{}, err
	}
	if !record.Known() && floor > 0 {
		p.least = floor + 1
	}
	if !record.Removed() {
		p.holders = slices.Compact(slices.Sorted(slices.Values(append(p.holders, found...))))
	}
	return p, nil
}

// lastHolder is the cell that a tenant's record leads to, if it holds data of the tenant. A cell that is not there any
// more holds nothing that could be given back.
func (s *Store) lastHolder(ctx context.Context, cells []manifest.Cell, r Request, record residence.Record) ([]string, error) {
	next := record.LastCell
	for range 2 {
		cell, there, err := r.find(ctx, cells, next)
		if err != nil || !there {
			return nil, err
		}
		holds, err := tenantdata.Any(ctx, s.client, cell, record.TenantID)
		if err != nil {
			return nil, err
		}
		if holds {
			return []string{next}, nil
		}
		fence, _, err := ledger.ReadFence(ctx, s.client, cell.ResultsTable, record.TenantID)
		if err != nil {
			return nil, fmt.Errorf("read the fence in cell %s: %w", next, err)
		}
		next = fence.Peer
	}
	return nil, nil
}

// searchers is how many cells a search looks into at a time: a fleet of dozens takes some tens of milliseconds then.
const searchers = 16

// search finds the cells that hold data of a tenant, those left out that the tenant has left: they hold no more than what
// came late. floor is the highest one that a fence of the tenant, or a copy of one, has anywhere, 0 if there is none.
func (s *Store) search(ctx context.Context, cells []manifest.Cell, tenantID string) (holders []string, floor int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(searchers)
	holds, floors := make([]bool, len(cells)), make([]int64, len(cells))
	for i, cell := range cells {
		group.Go(func() error {
			fence, there, err := ledger.ReadFence(ctx, s.client, cell.ResultsTable, tenantID)
			if err != nil {
				return fmt.Errorf("read the fence in cell %s: %w", cell.ID, err)
			}
			if there {
				floors[i] = fence.Floor
			}
			copied, err := ledger.HighestCopy(ctx, s.client, cell.ResultsTable, tenantID)
			if err != nil {
				return fmt.Errorf("cell %s: %w", cell.ID, err)
			}
			floors[i] = max(floors[i], copied)
			if fence.State != ledger.Left {
				holds[i], err = tenantdata.Any(ctx, s.client, cell, tenantID)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, 0, fmt.Errorf("look for the tenant in %d cells: %w", len(cells), err)
	}
	for i, cell := range cells {
		if holds[i] {
			holders = append(holders, cell.ID)
		}
		floor = max(floor, floors[i])
	}
	return holders, floor, nil
}

// elsewhere refuses a cell that holds nothing of a tenant while another one does: what the tenant sent before would be
// answered as if it had never been accepted.
func (p past) elsewhere(r Request) error {
	switch {
	case len(p.holders) == 0, slices.Contains(p.holders, r.CellID):
		return nil
	case len(p.holders) == 1:
		return fmt.Errorf("%w: cell %[2]s holds its data: 'cellctl tenants assign %[3]s --cell %[2]s' gives it back to that cell",
			ErrRefused, p.holders[0], r.TenantID)
	}
	return fmt.Errorf("%w: each of the cells %s holds data of it: find out which one it was in last, 'cellctl moves show %[3]s' may tell, "+
		"then 'cellctl tenants assign %[3]s --cell CELL'", ErrRefused, strings.Join(p.holders, ", "), r.TenantID)
}

// Stranded are tenants whose data is in a cell that no mapping points to, at most limit of them. more reports that there may
// be others.
func (s *Store) Stranded(ctx context.Context, cell manifest.Cell, limit int) (tenants []string, more bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("look for tenants of cell %s that have no mapping: %w", cell.ID, err)
		}
	}()
	mapped := map[string]bool{}
	err = s.eachOf(ctx, cell.ID, func(tenantID string) { mapped[tenantID] = true })
	if err != nil {
		return nil, false, err
	}
	looked := 0
	for after := ""; ; {
		placed, next, err := residence.InCell(ctx, s.client, s.tables.MoveTable, cell.ID, after)
		if err != nil {
			return nil, false, err
		}
		for _, id := range placed {
			if mapped[id] {
				continue
			}
			if len(tenants) == limit || looked == maxLooked {
				return tenants, true, nil
			}
			looked++
			stranded, err := s.stranded(ctx, cell, id)
			if err != nil {
				return nil, false, fmt.Errorf("tenant %q: %w", id, err)
			}
			if stranded {
				tenants = append(tenants, id)
			}
		}
		if after = next; next == "" {
			return tenants, false, nil
		}
	}
}

// maxLooked bounds how many tenants without a mapping Stranded looks for in a cell: each takes some four requests.
const maxLooked = 200

// stranded looks at one tenant that the indexes show as stranded, consistently as far as it can.
func (s *Store) stranded(ctx context.Context, cell manifest.Cell, tenantID string) (bool, error) {
	switch _, err := s.Get(ctx, tenantID); {
	case err == nil, errors.Is(err, mapping.ErrMalformed): // there is a mapping
		return false, nil
	case !errors.Is(err, mapping.ErrUnknownTenant):
		return false, err
	}
	record, err := residence.Get(ctx, s.client, s.tables.MoveTable, tenantID)
	if err != nil || record.LastCell != cell.ID || record.Removed() || mapping.IsProbeTenant(tenantID) {
		return false, err
	}
	return tenantdata.Any(ctx, s.client, cell, tenantID)
}
