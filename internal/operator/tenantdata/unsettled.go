package tenantdata

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
)

// Unsettled counts the events of a tenant that a cell has accepted and neither processed nor given up on, as far as that
// can be told: of an event that is older than the cell keeps outcomes, nothing says whether it ever had one.
func Unsettled(ctx context.Context, client DynamoDB, cell manifest.Cell, tenantID string, now time.Time) (int, error) {
	n := 0
	since := now.Add(-time.Duration(cell.Settings.ResultTTL))
	err := EventKeys(ctx, client, cell.DataTable, tenantID, since, func(keys []string) error {
		outcomes, err := Read(ctx, client, cell.ResultsTable, keys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if !settled(outcomes[key], now) {
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

func settled(outcome Item, now time.Time) bool {
	status, ok := outcome[event.AttrStatus].(*types.AttributeValueMemberS)
	return ok && !event.UnderWay(outcome, now) && (event.Status(status.Value) == event.Processed || event.Status(status.Value) == event.Failed)
}
