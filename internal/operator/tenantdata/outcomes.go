package tenantdata

import (
	"context"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
)

// Outcomes reads what a cell's ledger has of events, by their keys, without outcomes of an earlier acceptance of an id than the one
// that the data table has: these say nothing about the event. The data is read of those only whose acceptance may have ended.
func Outcomes(ctx context.Context, client DynamoDB, cell manifest.Cell, keys []string, now time.Time) (map[string]Item, error) {
	outcomes, err := Read(ctx, client, cell.ResultsTable, keys)
	if err != nil {
		return nil, err
	}
	var ended []string
	for key, outcome := range outcomes {
		if ledger.Peek(outcome).Ended(now) {
			ended = append(ended, key)
		}
	}
	if len(ended) == 0 {
		return outcomes, nil
	}
	data, err := Read(ctx, client, cell.DataTable, ended)
	if err != nil {
		return nil, err
	}
	for _, key := range ended {
		if e, err := event.FromItem(data[key]); err == nil && ledger.Peek(outcomes[key]).Before(e) {
			delete(outcomes, key)
		}
	}
	return outcomes, nil
}

// Expired reports whether an item of a data table is as good as deleted. One that is no event never is.
func Expired(stored Item, now time.Time) bool {
	e, err := event.FromItem(stored)
	return err == nil && e.Expired(now)
}
