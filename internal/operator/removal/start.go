package removal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
	"cellular/internal/operator/record"
	"cellular/internal/operator/residence"
)

// The errors of a removal that cannot begin. Nothing was done then.
var (
	ErrProbe        = errors.New("a tenant that cells are probed with is not removed")
	ErrNotSuspended = errors.New("the tenant is not suspended")
	ErrMoving       = errors.New("a move of the tenant is under way")
	ErrUnderWay     = errors.New("a removal of the tenant is under way")
	ErrTooSoon      = errors.New("a router may still know the tenant as active")
	ErrCellLost     = errors.New("the tenant's cell is lost")
	errContended    = errors.New("the mapping kept changing")
)

// Ready says what stands against beginning a removal of a tenant that has this mapping: ErrProbe, ErrNotSuspended, ErrMoving,
// ErrUnderWay, or ErrTooSoon together with the time from which on it may begin.
func (m *Remover) Ready(place mapping.Mapping) (from time.Time, err error) {
	from = place.UpdatedAt.Add(m.Quarantine)
	switch {
	case mapping.IsProbeTenant(place.TenantID): // its cell would drop, for good, what the standing probe goes on to send
		return from, ErrProbe
	case place.Removing != 0:
		return from, ErrUnderWay
	case place.MovingTo != "":
		return from, fmt.Errorf("%w, to cell %s", ErrMoving, place.MovingTo)
	case place.State != mapping.Suspended:
		return from, fmt.Errorf("%w, it is %s", ErrNotSuspended, place.State)
	case m.Now().Before(from):
		return from, fmt.Errorf("%w until %s", ErrTooSoon, event.FormatTime(from))
	}
	return from, nil
}

// maxStarts bounds how often Start looks again because the mapping has changed.
const maxStarts = 5

// Start marks the tenant as being removed, and records that. Nothing else happens until Run, but from then on nothing else
// may change the tenant's mapping. The errors are those of Ready, and mapping.ErrUnknownTenant.
func (m *Remover) Start(ctx context.Context, tenantID string) (Removal, error) {
	removal, err := m.start(ctx, tenantID)
	if err != nil {
		return Removal{}, fmt.Errorf("remove tenant %q: %w", tenantID, err)
	}
	m.Observe(removal)
	return removal, nil
}

func (m *Remover) start(ctx context.Context, tenantID string) (Removal, error) {
	for range maxStarts {
		place, err := mapping.NewStore(m.DynamoDB, m.ControlPlane.MappingTable).Get(ctx, tenantID)
		if err != nil {
			return Removal{}, err
		}
		if _, err := m.Ready(place); err != nil {
			return Removal{}, err
		}
		removal, err := m.newRemoval(ctx, place)
		if err != nil {
			return Removal{}, err
		}
		if err = m.mark(ctx, place, removal); !errors.Is(err, errContended) {
			return removal, err
		}
	}
	return Removal{}, errContended
}

// newRemoval chooses the epoch of a removal: one that neither the tenant's record, nor its mapping, nor a fence of any
// cell has seen.
func (m *Remover) newRemoval(ctx context.Context, place mapping.Mapping) (Removal, error) {
	cells, err := m.Cells(ctx)
	if err != nil {
		return Removal{}, err
	}
	found, err := m.lookIn(ctx, cells, place.TenantID)
	if err != nil {
		return Removal{}, err
	}
	known, err := residence.Get(ctx, m.DynamoDB, m.ControlPlane.MoveTable, place.TenantID)
	if err != nil {
		return Removal{}, err
	}
	at := now(&m.Options)
	removal := Removal{
		TenantID: place.TenantID, CellID: place.CellID, OldEpoch: place.Epoch, OldFloor: 1, Phase: Seal, SuspendedAt: place.UpdatedAt,
		StartedAt: at, UpdatedAt: at, Counts: Counts{},
	}
	highest, home := place.Epoch, false
	for _, f := range found {
		highest = max(highest, f.fence.Floor)
		if f.cell.ID == place.CellID {
			home = true
			removal.OldFloor = max(f.fence.Floor, 1)
		}
	}
	if !home && place.CellID != m.Lost {
		return Removal{}, fmt.Errorf("%w: its cell %s is not there", ErrCellLost, place.CellID)
	}
	removal.Epoch = max(highest+1, known.NextEpoch())
	return removal, nil
}

// mark makes the one transaction that begins a removal. Its condition is that the mapping is the one that was looked at:
// since it was last changed, the tenant has been suspended without a break.
func (m *Remover) mark(ctx context.Context, place mapping.Mapping, removal Removal) error {
	written, err := removal.item()
	if err != nil {
		return err
	}
	writes := []types.TransactWriteItem{
		{Update: &types.Update{
			TableName:        aws.String(m.ControlPlane.MappingTable),
			Key:              mappingKey(place.TenantID),
			UpdateExpression: aws.String("SET #removing = :removal"),
			ConditionExpression: aws.String("#state = :suspended AND #cell = :cell AND #epoch = :epoch AND #updated = :updated AND " +
				"attribute_not_exists(#moving) AND attribute_not_exists(#removing)"),
			ExpressionAttributeNames: map[string]string{
				"#removing": mapping.AttrRemoving, "#moving": mapping.AttrMovingTo, "#state": mapping.AttrState,
				"#cell": mapping.AttrCellID, "#epoch": mapping.AttrEpoch, "#updated": mapping.AttrUpdatedAt,
			},
			ExpressionAttributeValues: Item{
				":removal": item.Number(removal.Epoch), ":suspended": item.Text(string(mapping.Suspended)), ":cell": item.Text(place.CellID),
				":epoch": item.Number(place.Epoch), ":updated": item.Text(event.FormatTime(place.UpdatedAt)),
			},
		}},
		record.Create(m.ControlPlane.MoveTable, written),
		residence.GiveEpoch(m.ControlPlane.MoveTable, place.TenantID, place.CellID, removal.Epoch, removal.StartedAt),
	}
	err = m.retrier().Write(ctx, m.DynamoDB, writes...)
	if transact.Classify(err).Kind == transact.Condition {
		return errContended
	}
	return err
}

func (o *Options) retrier() transact.Retrier { return transact.Retrier{Sleep: o.Sleep} }

func mappingKey(tenantID string) Item { return Item{mapping.AttrTenantID: item.Text(tenantID)} }
