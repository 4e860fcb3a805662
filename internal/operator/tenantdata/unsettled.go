package tenantdata

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
)

// Unsettled counts the events of a tenant that a cell has accepted and neither processed nor given up on, as far as that
// can be told: of an event that is older than the cell keeps outcomes, nothing says whether it ever had one. An event whose data
// has expired does not count: nobody can apply it any more.
func Unsettled(ctx context.Context, client DynamoDB, cell manifest.Cell, tenantID string, now time.Time) (int, error) {
	n := 0
	since := now.Add(-ledger.Memory(cell))
	err := EventKeys(ctx, client, cell.DataTable, tenantID, since, func(keys []string) error {
		outcomes, err := Outcomes(ctx, client, cell, keys, now)
		if err != nil {
			return err
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return ledger.Peek(outcomes[key]).Settled(now) })
		data, err := Read(ctx, client, cell.DataTable, keys)
		if err != nil {
			return err
		}
		for _, stored := range data {
			if !Expired(stored, now) {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look for events of tenant %q in cell %s that are not settled: %w", tenantID, cell.ID, err)
	}
	return n, nil
}
