package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"cellular/internal/facts"
	"cellular/internal/mapping"
	"cellular/internal/move"
	"cellular/internal/ownership"
	"cellular/internal/placement"
	"cellular/internal/residence"
	"cellular/internal/tenantdata"
)

// The reasons for leaving a mapping alone, besides Moving.
const (
	NoMapping Reason = "not a valid mapping"
	NoCell    Reason = "its cell is not there any more"
	HasLeft   Reason = "the tenant has left that cell since"
	Removed   Reason = "the tenant was removed since"
	HeldBy    Reason = "another cell holds data of the tenant"
	Raised    Reason = "the cell's fence changed meanwhile"
)

// MappingReport is what became of the mappings of the time.
type MappingReport struct {
	Part
	Tenants []Placed // the first maxListed that were put back or left alone
}

// Placed is a tenant whose mapping was missing.
type Placed struct {
	TenantID string
	Cell     string // of the mapping that was put back; where the tenant is left alone the other cell, if there is one
	Epoch    int64
	State    mapping.State
	Reason   Reason // why it was left alone; "" if it was not
}

// Mappings puts back the mappings that are missing out of the scratch table of the mapping table, each of a tenant that is
// in no other cell. It does not count the tenants: whether a cell's count still has them depends on how they were lost.
//
// A tenant is active or suspended then, as it was at the time, under an epoch that is no lower than the cell's fence, the
// tenant's last move and the tenant's record have seen.
func (r *Restorer) Mappings(ctx context.Context, scratch Scratch, cells []facts.Cell, o Options) (MappingReport, error) {
	m := &mappingRun{Restorer: r, cells: cells, options: o, limit: limiter(o)}
	var looked int64
	err := r.mappingPages(scratch.Name, o.Tenant)(ctx, func(items []tenantdata.Item) error {
		if err := m.page(ctx, items); err != nil {
			return err
		}
		looked += int64(len(items))
		if o.Progress != nil {
			o.Progress(looked)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("restore mappings: %w", err)
	}
	return m.report, err
}

func (r *Restorer) mappingPages(table, tenant string) pages {
	if tenant == "" {
		return r.scan(table)
	}
	return func(ctx context.Context, each func([]tenantdata.Item) error) error {
		found, err := tenantdata.ReadBy(ctx, r.DynamoDB, table, mapping.AttrTenantID, []string{tenant})
		if err != nil || found[tenant] == nil {
			return err
		}
		return each([]tenantdata.Item{found[tenant]})
	}
}

// mappingRun is one call of Mappings.
type mappingRun struct {
	*Restorer
	cells   []facts.Cell
	options Options
	limit   *rate.Limiter
	report  MappingReport
}

func (m *mappingRun) page(ctx context.Context, items []tenantdata.Item) error {
	var then []mapping.Mapping
	var tenants []string
	for _, item := range items {
		m.report.Found++
		place, err := mapping.FromItem(item)
		if err != nil || !place.State.Known() {
			m.report.leave(NoMapping)
			continue
		}
		then, tenants = append(then, place), append(tenants, place.TenantID)
	}
	live, err := tenantdata.ReadBy(ctx, m.DynamoDB, m.ControlPlane.MappingTable, mapping.AttrTenantID, tenants)
	if err != nil {
		return err
	}
	for _, place := range then {
		if live[place.TenantID] != nil {
			m.report.There++
			continue
		}
		if err := m.restore(ctx, place); err != nil {
			return fmt.Errorf("tenant %q: %w", place.TenantID, err)
		}
	}
	return nil
}

// restore puts one mapping back.
func (m *mappingRun) restore(ctx context.Context, place mapping.Mapping) error {
	if err := m.limit.Wait(ctx); err != nil {
		return err
	}
	at := slices.IndexFunc(m.cells, func(c facts.Cell) bool { return c.ID == place.CellID })
	if at < 0 {
		m.leave(place, place.CellID, NoCell)
		return nil
	}
	cell := m.cells[at]
	floor, elsewhere, why, err := m.standing(ctx, place, cell)
	if err != nil {
		return err
	}
	if why != "" {
		m.leave(place, elsewhere, why)
		return nil
	}
	place.Epoch, place.MovingTo = max(place.Epoch, floor), ""
	if place.State == mapping.Moving {
		place.State = mapping.Active // no move of it is under way any more
	}
	place.UpdatedAt = m.Now().UTC().Truncate(time.Millisecond)
	if !m.options.DryRun {
		outcomes, err := m.putMissing(ctx, m.ControlPlane.MappingTable, mapping.AttrTenantID, []missing{{place.TenantID, place.Item()}},
			func(tenant string) []types.TransactWriteItem {
				also := []types.TransactWriteItem{ownership.MayApply(cell.ResultsTable, tenant, place.Epoch)}
				if !mapping.IsProbeTenant(tenant) {
					also = append(also, residence.Settle(m.ControlPlane.MoveTable, tenant, cell.ID, place.Epoch, place.UpdatedAt),
						placement.Touch(m.ControlPlane.CellTable, cell.ID))
				}
				return also
			})
		if err != nil {
			return err
		}
		switch outcomes[0] {
		case taken:
			m.report.There++
			return nil
		case forbidden:
			m.leave(place, place.CellID, Raised)
			return nil
		}
	}
	m.report.PutBack++
	m.list(Placed{TenantID: place.TenantID, Cell: place.CellID, Epoch: place.Epoch, State: place.State})
	return nil
}

func (m *mappingRun) leave(place mapping.Mapping, cell string, why Reason) {
	m.report.leave(why)
	m.list(Placed{TenantID: place.TenantID, Cell: cell, Reason: why})
}

func (m *mappingRun) list(p Placed) {
	if len(m.report.Tenants) < maxListed {
		m.report.Tenants = append(m.report.Tenants, p)
	}
}

// standing says why a tenant is not given back to a cell, and which cell it is in instead, or else the lowest epoch that
// it may come back under.
func (m *mappingRun) standing(ctx context.Context, place mapping.Mapping, cell facts.Cell) (floor int64, elsewhere string, why Reason, err error) {
	moves, err := m.Moves.History(ctx, place.TenantID)
	if err != nil {
		return 0, "", "", err
	}
	if len(moves) > 0 {
		last := moves[0]
		floor = last.Epoch
		switch home := endOf(last); {
		case !last.Phase.Ended():
			return 0, last.To, Moving, nil
		case last.Epoch > place.Epoch && home != cell.ID:
			return 0, home, HasLeft, nil
		}
	}
	record, err := residence.Get(ctx, m.DynamoDB, m.ControlPlane.MoveTable, place.TenantID)
	switch {
	case err != nil:
		return 0, "", "", err
	case record.RemovedEpoch >= place.Epoch:
		return 0, "", Removed, nil
	case record.LastEpoch > place.Epoch && record.LastCell != cell.ID:
		return 0, record.LastCell, HasLeft, nil
	}
	floor = max(floor, record.LastEpoch)
	items, err := tenantdata.Read(ctx, m.DynamoDB, cell.ResultsTable, []string{ownership.Key(place.TenantID)})
	if err != nil {
		return 0, "", "", err
	}
	fenced, err := fence(items[ownership.Key(place.TenantID)])
	if err != nil {
		return 0, "", "", err
	}
	if fenced != nil {
		leaving := fenced.State == ownership.Outgoing || fenced.State == ownership.Left
		if leaving && fenced.Floor > place.Epoch {
			return 0, fenced.Peer, HasLeft, nil
		}
		floor = max(floor, fenced.Floor)
	}
	if elsewhere, err = m.heldBy(ctx, place.TenantID, cell.ID); err != nil || elsewhere != "" {
		return 0, elsewhere, HeldBy, err
	}
	return floor, "", "", nil
}

// endOf is the cell that a move which has ended left its tenant in.
func endOf(last move.Move) string {
	if last.Phase == move.BackedOut {
		return last.From
	}
	return last.To
}

// errHeld ends a search.
var errHeld = errors.New("held")

// searchers is how many cells are asked at a time for data of a tenant: a fleet of dozens takes some tens of milliseconds
// then.
const searchers = 16

// heldBy is a cell other than the given one that holds anything of a tenant, or "". A tenant can have been removed and
// placed elsewhere without a move, and of that only its data tells.
func (m *mappingRun) heldBy(ctx context.Context, tenantID, except string) (string, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(searchers)
	holders := make([]bool, len(m.cells))
	for i, cell := range m.cells {
		if cell.ID == except {
			continue
		}
		group.Go(func() (err error) {
			holders[i], err = tenantdata.Any(ctx, m.DynamoDB, cell, tenantID)
			if err == nil && holders[i] {
				err = errHeld
			}
			return err
		})
	}
	if err := group.Wait(); err != nil && !errors.Is(err, errHeld) {
		return "", err
	}
	if i := slices.Index(holders, true); i >= 0 {
		return m.cells[i].ID, nil
	}
	return "", nil
}
