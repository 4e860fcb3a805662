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

// ErrMapped is the error for a tenant of which Mappings would put nothing back.
var ErrMapped = errors.New("the tenant has a mapping")

// CheckMapping looks for what keeps the mapping of a tenant from being put back, or a tenant from being revived, before AWS
// makes tables for hours. Its error is ErrMapped, with the mapping, where there is one.
func (r *Restorer) CheckMapping(ctx context.Context, tenant string) (mapping.Mapping, error) {
	m, err := mapping.NewStore(r.DynamoDB, r.ControlPlane.MappingTable).Get(ctx, tenant)
	switch {
	case errors.Is(err, mapping.ErrUnknownTenant):
		return mapping.Mapping{}, nil
	case err != nil:
		return mapping.Mapping{}, err
	}
	return m, fmt.Errorf("%w, to cell %s", ErrMapped, m.CellID)
}

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
