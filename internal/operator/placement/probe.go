package placement

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
)

// PutProbe makes sure that the tenant that a cell is probed with has its mapping, and returns it. That tenant is not
// counted, and is placed whatever the cell's status and cap: full and draining cells serve tenants, and are to be probed.
func (s *Store) PutProbe(ctx context.Context, cell manifest.Cell) (mapping.Mapping, error) {
	tenantID := mapping.ProbeTenant(cell.ID)
	var m mapping.Mapping
	err := contended(ctx, func(ctx context.Context) error {
		var err error
		if m, err = s.Get(ctx, tenantID); err == nil || !errors.Is(err, mapping.ErrUnknownTenant) {
			return err
		}
		m, err = s.create(ctx, tenantID, cell, 1)
		return err
	})
	if err != nil {
		return mapping.Mapping{}, fmt.Errorf("place the tenant that cell %s is probed with: %w", cell.ID, err)
	}
	return m, nil
}

// RemoveProbe deletes the mapping of the tenant that a cell is probed with, if there is one. The standing probe puts it
// again while the cell publishes its manifest. One that outlives its cell does no harm: it counts as no tenant, and a later cell of the
// same id is probed with it.
func (s *Store) RemoveProbe(ctx context.Context, cellID string) error {
	err := s.transact(ctx, types.TransactWriteItem{Delete: &types.Delete{
		TableName: &s.tables.MappingTable, Key: mappingKey(mapping.ProbeTenant(cellID)),
	}})
	if err != nil {
		return fmt.Errorf("remove the tenant that cell %s is probed with: %w", cellID, err)
	}
	return nil
}
