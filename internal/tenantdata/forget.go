package tenantdata

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/event"
	"cellular/internal/facts"
	"cellular/internal/transact"
)

// Deleter is the part of the client that Forget needs.
type Deleter interface {
	DynamoDB
	BatchWriteItem(context.Context, *dynamodb.BatchWriteItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchWriteItemOutput, error)
}

// errFound ends a listing at its first page.
var errFound = errors.New("found")

// Any reports whether a cell holds anything of a tenant: an event, an outcome, or what the business logic keeps. A fence
// is the cell's, and does not count.
func Any(ctx context.Context, client DynamoDB, cell facts.Cell, tenantID string) (bool, error) {
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

// Forget deletes all that a cell holds of a tenant, except the cell's fence, which goes on diverting what arrives late. It
// calls progress, which may be nil, with what it has deleted so far after each page. What was deleted is gone: only the
// caller can know that nobody needs it.
//
// After an error, or a crash, run it again: it goes on with what is left. So it does with what the indexes did not show
// yet, and with what arrived meanwhile; Any tells whether there is some.
//
// Events go first, so that nothing that is sent again can find one whose outcome is gone.
func Forget(ctx context.Context, client Deleter, cell facts.Cell, tenantID string, progress func(Summary)) (Summary, error) {
	var done Summary
	page := func(table string, count func(key string) *int) func(keys []string) error {
		return func(keys []string) error {
			if err := remove(ctx, client, table, keys); err != nil {
				return err
			}
			for _, key := range keys {
				*count(key)++
			}
			if progress != nil {
				progress(done)
			}
			return nil
		}
	}
	events := page(cell.DataTable, func(string) *int { return &done.Events })
	results := page(cell.ResultsTable, func(key string) *int { _, count := done.result(key); return count })
	err := EventKeys(ctx, client, cell.DataTable, tenantID, time.Time{}, events)
	if err == nil {
		err = ResultKeys(ctx, client, cell.ResultsTable, tenantID, results)
	}
	if err != nil {
		return done, fmt.Errorf("forget tenant %q in cell %s: %w", tenantID, cell.ID, err)
	}
	return done, nil
}

func remove(ctx context.Context, client Deleter, table string, keys []string) error {
	var deletes []types.WriteRequest
	for _, key := range keys {
		deletes = append(deletes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: Item{event.AttrKey: text(key)}}})
	}
	if err := (transact.Retrier{}).WriteAll(ctx, client, table, deletes); err != nil {
		return fmt.Errorf("delete %d items of table %s: %w", len(keys), table, err)
	}
	return nil
}
