package cellstatus

import (
	"context"
	"fmt"
	"time"

	"cellular/internal/model/ledger"
)

// Waiting is how many diverted events wait in a cell to be sent to their tenant's new one.
type Waiting struct {
	Total    int
	ByTenant map[string]int // never nil
	AtLeast  bool           // there are more, which were not counted
}

// maxWaitingPages bounds the count. A page is 1 MiB of keys, several thousand events: more wait only where moves have
// been left alone for long.
const maxWaitingPages = 20

// readWaiting counts through an index that is empty but for the time in which a tenant moves. To read the whole of it is
// therefore to read little, however many tenants and events the cell has.
func readWaiting(ctx context.Context, client DynamoDB, resultsTable string) (Waiting, error) {
	w := Waiting{ByTenant: map[string]int{}}
	in := ledger.AllWaiting(resultsTable)
	for range maxWaitingPages {
		out, err := client.Scan(ctx, in)
		if err != nil {
			return Waiting{}, fmt.Errorf("count the diverted events in table %s: %w", resultsTable, err)
		}
		for _, attributes := range out.Items {
			if tenant := ledger.WaitingTenant(attributes); tenant != "" {
				w.ByTenant[tenant]++
				w.Total++
			}
		}
		if len(out.LastEvaluatedKey) == 0 {
			return w, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
	w.AtLeast = true
	return w, nil
}

// readApplied reads when the cell last applied an event.
func readApplied(ctx context.Context, client DynamoDB, resultsTable string) (time.Time, error) {
	out, err := client.GetItem(ctx, ledger.GetApplied(resultsTable))
	if err != nil {
		return time.Time{}, fmt.Errorf("read when table %s last changed: %w", resultsTable, err)
	}
	at, err := ledger.AppliedFromItem(out.Item)
	if err != nil {
		return time.Time{}, fmt.Errorf("table %s: %w", resultsTable, err)
	}
	return at, nil
}
