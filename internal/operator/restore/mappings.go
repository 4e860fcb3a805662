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

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// The reasons for leaving a mapping alone, besides Moving.
const (
	NoMapping Reason = "not a valid mapping"
	NoCell    Reason = "its cell is not there any more"
	HasLeft   Reason = "the tenant has left that cell since"
	Removed   Reason = "the tenant was removed since"
	HeldBy    Reason = "another cell holds data of the tenant"
	Raised    Reason = "the cell's fence, or something else of the tenant, changed meanwhile"
	NoRoom    Reason = "the cell takes no tenant, or something of the tenant changed meanwhile"
	Mapped    Reason = "it is mapped to that cell now"
	Replaced  Reason = "it was removed since, and placed again in that cell"
)

// MappingReport is what became of the mappings of the time.
type MappingReport struct {
	Part
	Tenants []Placed // the first maxListed that were put back or left alone; those that have a mapping come last
	Revived int      // of those put back: tenants that were removed. Their cells count them
}

// Placed is a tenant whose mapping was missing, or is another one now.
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
// tenant's last move and the tenant's record have seen. One that is being removed gets the mapping that its removal needs.
// One that was removed comes back only if it is to be revived: suspended, counted, and under an epoch of its own.
func (r *Restorer) Mappings(ctx context.Context, scratch Scratch, cells []manifest.Cell, o Options) (MappingReport, error) {
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
	m.report.Tenants = append(m.report.Tenants, m.mapped[:min(len(m.mapped), maxListed-len(m.report.Tenants))]...)
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
	cells   []manifest.Cell
	options Options
	limit   *rate.Limiter
	report  MappingReport
	mapped  []Placed
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
	records, err := residence.GetAll(ctx, m.DynamoDB, m.ControlPlane.MoveTable, tenants)
	if err != nil {
		return err
	}
	for _, place := range then {
		if live[place.TenantID] != nil {
			m.there(place, live[place.TenantID], records[place.TenantID])
			continue
		}
		if err := m.restore(ctx, place); err != nil {
			return fmt.Errorf("tenant %q: %w", place.TenantID, err)
		}
	}
	return nil
}

// there counts a mapping that is there, and says where, if the tenant is elsewhere now or is another one.
func (m *mappingRun) there(then mapping.Mapping, item tenantdata.Item, record residence.Record) {
	now, err := mapping.FromItem(item)
	switch {
	case err != nil:
		m.report.There++
	case record.RemovedEpoch >= then.Epoch && !(record.Revived() && now.Epoch >= record.RevivedEpoch):
		m.leaveMapped(then, now.CellID, Replaced)
	case now.CellID != then.CellID:
		m.leaveMapped(then, now.CellID, Mapped)
	default:
		m.report.There++
	}
}

// restore puts one mapping back.
func (m *mappingRun) restore(ctx context.Context, place mapping.Mapping) error {
	if err := m.limit.Wait(ctx); err != nil {
		return err
	}
	open, err := m.Removals.Get(ctx, place.TenantID)
	switch {
	case err == nil:
		place = open.Mapping(place.Tier, m.Now().UTC().Truncate(time.Millisecond))
		return m.put(ctx, place, []types.TransactWriteItem{open.UnderWay(m.ControlPlane.MoveTable)}, Raised, false)
	case !errors.Is(err, removal.ErrNone):
		return err
	}
	at := slices.IndexFunc(m.cells, func(c manifest.Cell) bool { return c.ID == place.CellID })
	if at < 0 {
		m.leave(place, place.CellID, NoCell)
		return nil
	}
	cell := m.cells[at]
	floor, elsewhere, why, err := m.standing(ctx, place, cell)
	if err != nil {
		return err
	}
	changed, revived := Raised, false
	now := m.Now().UTC().Truncate(time.Millisecond)
	var also []types.TransactWriteItem
	switch {
	case why == Removed && slices.Contains(m.options.Revive, place.TenantID):
		if place, elsewhere, why, err = m.revived(ctx, place, floor); err != nil {
			return err
		}
		if why != "" {
			m.leave(place, elsewhere, why)
			return nil
		}
		changed, revived = NoRoom, true
		also = append(also, residence.Revive(m.ControlPlane.MoveTable, place.TenantID, cell.ID, place.Epoch, now),
			placement.Admit(m.ControlPlane.CellTable, cell))
	case why != "":
		m.leave(place, elsewhere, why)
		return nil
	default:
		place.Epoch = max(place.Epoch, floor)
		if place.State == mapping.Moving {
			place.State = mapping.Active // no move of it is under way any more
		}
		if !mapping.IsProbeTenant(place.TenantID) {
			also = append(also, residence.Settle(m.ControlPlane.MoveTable, place.TenantID, cell.ID, place.Epoch, now))
		}
	}
	also = append(also, ledger.FloorAtMost(cell.ResultsTable, place.TenantID, place.Epoch))
	place.MovingTo, place.Removing, place.UpdatedAt = "", 0, now
	return m.put(ctx, place, also, changed, revived)
}

// put puts a mapping back together with what else is to be written, unless it is a dry run. changed is the reason if a
// condition of the latter does not hold.
func (m *mappingRun) put(ctx context.Context, place mapping.Mapping, also []types.TransactWriteItem, changed Reason, revived bool) error {
	if !revived && !mapping.IsProbeTenant(place.TenantID) {
		also = append(also, placement.Touch(m.ControlPlane.CellTable, place.CellID))
	}
	if !m.options.DryRun {
		outcomes, err := m.putMissing(ctx, m.ControlPlane.MappingTable, mapping.AttrTenantID, []missing{{place.TenantID, place.Item()}},
			func(string) []types.TransactWriteItem { return also })
		if err != nil {
			return err
		}
		switch outcomes[0] {
		case taken:
			m.report.There++
			return nil
		case forbidden:
			m.leave(place, place.CellID, changed)
			return nil
		}
	}
	m.report.PutBack++
	if revived {
		m.report.Revived++
	}
	m.list(Placed{TenantID: place.TenantID, Cell: place.CellID, Epoch: place.Epoch, State: place.State})
	return nil
}

func (m *mappingRun) leave(place mapping.Mapping, cell string, why Reason) {
	m.report.leave(why)
	m.list(Placed{TenantID: place.TenantID, Cell: cell, Reason: why})
}

// leaveMapped leaves alone what is not missing. Its tenants are listed behind those that have no mapping.
func (m *mappingRun) leaveMapped(place mapping.Mapping, cell string, why Reason) {
	m.report.leave(why)
	if len(m.mapped) < maxListed {
		m.mapped = append(m.mapped, Placed{TenantID: place.TenantID, Cell: cell, Reason: why})
	}
}

func (m *mappingRun) list(p Placed) {
	if len(m.report.Tenants) < maxListed {
		m.report.Tenants = append(m.report.Tenants, p)
	}
}

// standing says why a tenant is not given back to a cell, and which cell it is in instead, or else the lowest epoch that
// it may come back under.
func (m *mappingRun) standing(ctx context.Context, place mapping.Mapping, cell manifest.Cell) (floor int64, elsewhere string, why Reason, err error) {
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
			why, elsewhere = HasLeft, home // unless it was removed there
		}
	}
	record, err := residence.Get(ctx, m.DynamoDB, m.ControlPlane.MoveTable, place.TenantID)
	floor = max(floor, record.LastEpoch)
	switch {
	case err != nil:
		return 0, "", "", err
	case record.RemovedEpoch >= place.Epoch && !record.Removed():
		return 0, record.LastCell, Replaced, nil // and the mapping of the later one is lost, too
	case record.RemovedEpoch >= place.Epoch:
		return floor, "", Removed, nil
	case why != "":
		return 0, elsewhere, why, nil
	case record.LastEpoch > place.Epoch && record.LastCell != cell.ID:
		return 0, record.LastCell, HasLeft, nil
	}
	items, err := tenantdata.Read(ctx, m.DynamoDB, cell.ResultsTable, []string{ledger.FenceKey(place.TenantID)})
	if err != nil {
		return 0, "", "", err
	}
	fenced, err := fence(items[ledger.FenceKey(place.TenantID)])
	if err != nil {
		return 0, "", "", err
	}
	if fenced != nil && fenced.Removed(place.Epoch) { // and the record was lost
		return 0, "", Removed, nil
	}
	if fenced != nil {
		leaving := fenced.State == ledger.Outgoing || fenced.State == ledger.Left
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

// revived is the mapping of a tenant that was removed as it comes back, and why it does not, in which cell. Its epoch is
// above what anything of the tenant has seen.
func (m *mappingRun) revived(ctx context.Context, place mapping.Mapping, last int64) (_ mapping.Mapping, elsewhere string, why Reason, err error) {
	highest := max(place.Epoch, last)
	for _, cell := range m.cells {
		f, _, err := ledger.ReadFence(ctx, m.DynamoDB, cell.ResultsTable, place.TenantID)
		if err != nil {
			return place, "", "", fmt.Errorf("read the fence in cell %s: %w", cell.ID, err)
		}
		copied, err := ledger.HighestCopy(ctx, m.DynamoDB, cell.ResultsTable, place.TenantID)
		if err != nil {
			return place, "", "", fmt.Errorf("cell %s: %w", cell.ID, err)
		}
		highest = max(highest, f.Floor, f.RemovedBelow, copied)
	}
	if elsewhere, err = m.heldBy(ctx, place.TenantID, place.CellID); err != nil || elsewhere != "" {
		return place, elsewhere, HeldBy, err
	}
	place.Epoch, place.State = highest+1, mapping.Suspended
	return place, "", "", nil
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
