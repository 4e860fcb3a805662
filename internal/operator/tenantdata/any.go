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

func found([]string) error { return errFound }

// Any reports whether a cell holds anything of a tenant: an event, an outcome, or what the business logic keeps. What has expired
// counts for as long as the table has it: a removal deletes it. A fence is the cell's, and does not count; nor do failed attempts
// at events, which a move leaves behind.
func Any(ctx context.Context, client DynamoDB, cell manifest.Cell, tenantID string) (bool, error) {
	err := EventKeys(ctx, client, cell.DataTable, tenantID, time.Time{}, found)
	if err == nil {
		err = ResultKeys(ctx, client, cell.ResultsTable, tenantID, found)
	}
	return isFound(err, cell)
}

// AnyAttempts reports whether a cell holds failed attempts at events of a tenant.
func AnyAttempts(ctx context.Context, client DynamoDB, cell manifest.Cell, tenantID string) (bool, error) {
	return isFound(AttemptKeys(ctx, client, cell.ResultsTable, tenantID, found), cell)
}

func isFound(err error, cell manifest.Cell) (bool, error) {
	if errors.Is(err, errFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look into cell %s: %w", cell.ID, err)
	}
	return false, nil
}
