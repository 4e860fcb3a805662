package placement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/residence"
)

// Request is a tenant that wants a cell.
type Request struct {
	TenantID string
	CellID   string // the only cell that will do; "" for the best one
	Tier     string // mapping.TierStandard or mapping.TierDedicated; "" for that of CellID, or else standard
	// Search has every cell looked into for data of the tenant before it is placed, for a tenant of which no record is kept.
	Search bool
	// Find, if not nil, finds a cell that is not among those that are given: its error wraps fleet.ErrUnknownCell for one that
	// is not there. Whoever names CellID and does not Search need give no other cell then.
	Find func(ctx context.Context, cellID string) (manifest.Cell, error)
}

// find finds a cell among those that are given, or with Find.
func (r Request) find(ctx context.Context, cells []manifest.Cell, cellID string) (cell manifest.Cell, there bool, err error) {
	if at := slices.IndexFunc(cells, func(c manifest.Cell) bool { return c.ID == cellID }); at >= 0 {
		return cells[at], true, nil
	}
	if r.Find == nil || cellID == "" {
		return manifest.Cell{}, false, nil
	}
	cell, err = r.Find(ctx, cellID)
	if errors.Is(err, fleet.ErrUnknownCell) {
		return manifest.Cell{}, false, nil
	}
	return cell, err == nil, err
}

// Assign places a tenant that has no mapping yet in one of the cells, and returns its mapping: active, and in the first
// epoch that the cell applies. Its errors are
//   - mapping.ErrExists, with the mapping that the tenant has,
//   - ErrInvalid for a request that no state of the cells could satisfy,
//   - ErrNoRoom where the cell asked for, or every cell of the tier, is full, draining or retired,
//   - ErrRefused where another cell holds data of the tenant: that cell takes it, also while it is draining,
//   - the client's. The tenant may then be placed or not: assigning it again tells.
//
// Who loses a cell's last place, or a race for its count, to somebody else looks again and chooses again, for 30 seconds.
func (s *Store) Assign(ctx context.Context, cells []manifest.Cell, r Request) (mapping.Mapping, error) {
	m, err := s.assign(ctx, cells, r)
	if err != nil {
		err = fmt.Errorf("place tenant %q: %w", r.TenantID, err)
	}
	return m, err
}

func (s *Store) assign(ctx context.Context, cells []manifest.Cell, r Request) (mapping.Mapping, error) {
	all := cells
	cells, tier, err := r.choices(cells)
	if err != nil {
		return mapping.Mapping{}, err
	}
	var m mapping.Mapping
	var before *past // nil until it is known
	err = contended(ctx, func(ctx context.Context) error {
		var err error
		if m, err = s.Get(ctx, r.TenantID); err == nil {
			if err := notRemoving(m); err != nil {
				return err
			}
			return fmt.Errorf("%w, to cell %s", mapping.ErrExists, m.CellID)
		} else if !errors.Is(err, mapping.ErrUnknownTenant) {
			return err
		}
		if before == nil {
			found, err := s.past(ctx, all, r)
			if err != nil {
				return err
			}
			before = &found
		}
		if err := before.elsewhere(r); err != nil {
			return err
		}
		states, err := s.States(ctx, cellIDs(cells))
		if err != nil {
			return err
		}
		admit := Admit
		if back := states[r.CellID]; len(before.holders) > 0 && back.Status == Draining {
			back.Status = Active
			states[r.CellID], admit = back, readmit
		}
		candidates, err := Candidates(cells, states, tier)
		if err != nil {
			return err
		}
		best := candidates[0]
		m, err = s.create(ctx, r.TenantID, best, before.least, admit(s.tables.CellTable, best))
		return err
	})
	return m, err
}

// choices are the cells that the tenant may go to, as far as the request alone tells, and the tier that it will have.
func (r Request) choices(cells []manifest.Cell) ([]manifest.Cell, string, error) {
	invalid := func(format string, args ...any) ([]manifest.Cell, string, error) {
		return nil, "", fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
	}
	switch {
	case !event.ValidTenantID(r.TenantID):
		return invalid("a tenant's id has to match %s", event.TenantIDPattern)
	case mapping.IsProbeTenant(r.TenantID):
		return invalid("ids that start with %s are kept for the tenants that cells are probed with", mapping.ProbeTenant(""))
	case r.Tier != "" && r.Tier != mapping.TierStandard && r.Tier != mapping.TierDedicated:
		return invalid("the tier is %q, want %s or %s", r.Tier, mapping.TierStandard, mapping.TierDedicated)
	case r.CellID == "" && r.Tier == "":
		return cells, mapping.TierStandard, nil
	case r.CellID == "":
		return cells, r.Tier, nil
	}
	at := slices.IndexFunc(cells, func(c manifest.Cell) bool { return c.ID == r.CellID })
	if at < 0 {
		return invalid("there is no cell %q, there are %s", r.CellID, names(cells))
	}
	pinned := cells[at]
	if r.Tier != "" && r.Tier != pinned.Tier {
		return invalid("cell %s is of tier %s, not %s: leave out the tier, or choose another cell", pinned.ID, pinned.Tier, r.Tier)
	}
	return cells[at : at+1], pinned.Tier, nil
}

func names(cells []manifest.Cell) string {
	if len(cells) == 0 {
		return "none"
	}
	var ids []string
	for _, c := range cells[:min(len(cells), maxExplained)] {
		ids = append(ids, c.ID)
	}
	if more := len(cells) - maxExplained; more > 0 {
		ids = append(ids, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(ids, ", ")
}

// create writes the mapping of a tenant that has none, in one transaction with whatever else has to happen, under the epoch
// least or a higher one. That the cell applies the mapping's epoch is a condition too: a fence that rose since it was read
// would divert all that the tenant sends. So is that the tenant never had the epoch, as far as its record knows.
func (s *Store) create(ctx context.Context, tenantID string, cell manifest.Cell, least int64, also ...types.TransactWriteItem) (mapping.Mapping, error) {
	// A tenant that was in the cell before, and comes back, starts no lower than the floor of the fence that it left there.
	floor, err := ledger.ReadFloor(ctx, s.client, cell, tenantID)
	if err != nil {
		return mapping.Mapping{}, err
	}
	now := s.now().UTC().Truncate(time.Millisecond) // as it will be read
	epoch := max(floor, least)
	if !mapping.IsProbeTenant(tenantID) {
		record, err := residence.Get(ctx, s.client, s.tables.MoveTable, tenantID)
		if err != nil {
			return mapping.Mapping{}, err
		}
		epoch = max(epoch, record.NextEpoch())
		if !record.Known() && floor > 1 {
			epoch = max(epoch, floor+1) // the epoch of the floor may have been given to the tenant in another cell
		}
		also = append(also, residence.GiveEpoch(s.tables.MoveTable, tenantID, cell.ID, epoch, now))
	}
	m := mapping.Mapping{
		TenantID: tenantID, CellID: cell.ID, Epoch: epoch, State: mapping.Active, Tier: cell.Tier, UpdatedAt: now,
	}
	attributes := m.Item()
	if _, err := mapping.FromItem(attributes); err != nil { // the router would refuse it
		return mapping.Mapping{}, err
	}
	put := types.TransactWriteItem{Put: &types.Put{
		TableName:           &s.tables.MappingTable,
		Item:                attributes,
		ConditionExpression: aws.String("attribute_not_exists(" + mapping.AttrTenantID + ")"),
	}}
	writes := append([]types.TransactWriteItem{put, ledger.FloorAtMost(cell.ResultsTable, tenantID, epoch)}, also...)
	if err := s.transact(ctx, writes...); err != nil {
		return mapping.Mapping{}, err
	}
	return m, nil
}
