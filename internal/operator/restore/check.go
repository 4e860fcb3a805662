package restore

import (
	"context"
	"errors"
	"fmt"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/residence"
)

// The errors of a tenant of which Cell would put nothing back.
var (
	ErrRemoved    = errors.New("the tenant was removed since, and has no mapping")
	ErrElsewhere  = errors.New("the tenant is in another cell now")
	ErrNotRevived = errors.New("the tenant's mapping was not revived, or has changed since")
)

// Check looks for what keeps all that a cell had of a tenant from being put back, before AWS makes tables for hours. revive
// says that the tenant is to be revived. Its error is ErrRemoved, mapping.ErrUnknownTenant, ErrElsewhere, move.ErrMoving,
// removal.ErrUnderWay or ErrNotRevived; the mapping is the tenant's, if it has one.
func (r *Restorer) Check(ctx context.Context, cell manifest.Cell, tenant string, revive bool) (mapping.Mapping, error) {
	m, err := mapping.NewStore(r.DynamoDB, r.ControlPlane.MappingTable).Get(ctx, tenant)
	unmapped := errors.Is(err, mapping.ErrUnknownTenant)
	if err != nil && !unmapped {
		return mapping.Mapping{}, err
	}
	record, failed := residence.Get(ctx, r.DynamoDB, r.ControlPlane.MoveTable, tenant)
	switch {
	case failed != nil:
		return m, failed
	case unmapped && record.Removed():
		return m, ErrRemoved
	case unmapped:
		return m, err
	case m.CellID != cell.ID:
		return m, fmt.Errorf("%w, %s", ErrElsewhere, m.CellID)
	case m.MovingTo != "":
		return m, move.ErrMoving
	case m.Removing != 0:
		return m, removal.ErrUnderWay
	case revive && (!record.Revived() || record.RevivedEpoch != m.Epoch):
		return m, ErrNotRevived
	}
	return m, nil
}
