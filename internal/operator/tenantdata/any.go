package tenantdata

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cellular/internal/model/manifest"
)

// errFound ends a listing at its first page.
var errFound = errors.New("found")

// Any reports whether a cell holds anything of a tenant: an event, an outcome, or what the business logic keeps. What has expired
// counts for as long as the table has it: a removal deletes it. A fence is the cell's, and does not count.
func Any(ctx context.Context, client DynamoDB, cell manifest.Cell, tenantID string) (bool, error) {
	found := func([]string) error { return errFound }
	err := EventKeys(ctx, client, cell.DataTable, tenantID, time.Time{}, found)
	if err == nil {
		err = ResultKeys(ctx, client, cell.ResultsTable, tenantID, found)
	}
	if errors.Is(err, errFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look into cell %s: %w", cell.ID, err)
	}
	return false, nil
}
