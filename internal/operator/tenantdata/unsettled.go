package tenantdata

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/facts"
	"cellular/internal/model/ownership"
)

// Unsettled counts the events of a tenant that a cell has accepted and neither processed nor given up on, as far as that
// can be told: of an event that is older than the cell keeps outcomes, nothing says whether it ever had one. What an
// earlier tenant of the name has left, which was removed, does not count: nothing will ever settle it.
func Unsettled(ctx context.Context, client DynamoDB, cell facts.Cell, tenantID string, now time.Time) (int, error) {
	n := 0
	since := now.Add(-time.Duration(cell.Settings.ResultTTL) * time.Second)
	err := EventKeys(ctx, client, cell.DataTable, tenantID, since, func(keys []string) error {
		outcomes, err := Read(ctx, client, cell.ResultsTable, keys)
		if err != nil {
			return err
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return settled(outcomes[key], now) })
		if len(keys) > 0 {
			removed, err := ofRemoved(ctx, client, cell, tenantID, keys)
			if err != nil {
				return err
			}
			n += len(keys) - removed
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look for events of tenant %q in cell %s that are not settled: %w", tenantID, cell.ID, err)
	}
	return n, nil
}

// ofRemoved counts the events that belong to an earlier tenant of the name, by the fence of the cell.
func ofRemoved(ctx context.Context, client DynamoDB, cell facts.Cell, tenantID string, keys []string) (int, error) {
	fenceKey := ownership.Key(tenantID)
	fences, err := Read(ctx, client, cell.ResultsTable, []string{fenceKey})
	if err != nil || fences[fenceKey] == nil {
		return 0, err
	}
	fence, err := ownership.FromItem(fences[fenceKey])
	if err != nil || fence.RemovedBelow == 0 {
		return 0, err
	}
	items, err := Read(ctx, client, cell.DataTable, keys)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, item := range items {
		if e, err := event.FromItem(item); err == nil && fence.Removed(e.Epoch) {
			n++
		}
	}
	return n, nil
}

func settled(outcome Item, now time.Time) bool {
	status, ok := outcome[event.AttrStatus].(*types.AttributeValueMemberS)
	return ok && !event.UnderWay(outcome, now) && (event.Status(status.Value) == event.Processed || event.Status(status.Value) == event.Failed)
}
