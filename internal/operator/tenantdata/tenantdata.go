// Package tenantdata finds and reads all that a cell holds of one tenant, a page at a time: its events, their outcomes,
// and what the business logic keeps for it.
//
// What there is comes from the tables' indexes, which are eventually consistent: an item that was written a moment ago
// may be missing from a listing. What an item says is read consistently. Whoever must not miss an item lists again
// later; whoever deletes deletes only what it has read.
package tenantdata

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// DynamoDB is the part of the client that is needed.
type DynamoDB interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
}

// Item is an item of a table.
type Item = map[string]types.AttributeValue

// PageSize is how many keys a page has at most: what one BatchGetItem reads.
const PageSize = transact.MaxReads

// EventKeys calls each with the keys of the events that a data table holds of a tenant and that were accepted at since
// or later, oldest first, a page at a time. It ends with the first error of each.
func EventKeys(ctx context.Context, client DynamoDB, dataTable, tenantID string, since time.Time, each func(keys []string) error) error {
	return EventKeysBetween(ctx, client, dataTable, tenantID, since, endOfTime, each)
}

// endOfTime is later than any time that event.TimeLayout can tell.
var endOfTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// byKey is the order of the listings of a results table.
var byKey = order{rangeKey: event.AttrKey, pageSize: PageSize}

// EventKeysBetween is EventKeys up to a time, which is included. A listing that follows a tenant's writers has an end by it.
func EventKeysBetween(
	ctx context.Context, client DynamoDB, dataTable, tenantID string, since, until time.Time, each func(keys []string) error,
) error {
	if err := merge(ctx, client, eventQueries(dataTable, tenantID, since, until), order{event.AttrAcceptedAt, PageSize, false}, keysOf(each)); err != nil {
		return fmt.Errorf("list the events of tenant %q: %w", tenantID, err)
	}
	return nil
}

// Listed is an event as an index of a data table shows it.
type Listed struct {
	Key        string
	AcceptedAt time.Time // zero where the index has no time
}

// LatestEvents calls each with the events that data tables hold of a tenant and that were accepted from since to until, both
// included, the newest first, up to pageSize at a time. An event that two of the tables have may come twice. It ends with the
// first error of each, so that a listing costs what of it is looked at: a page of each shard, and what more it takes.
func LatestEvents(
	ctx context.Context, client DynamoDB, dataTables []string, tenantID string, since, until time.Time, pageSize int, each func([]Listed) error,
) error {
	var queries []*dynamodb.QueryInput
	for _, table := range dataTables {
		queries = append(queries, eventQueries(table, tenantID, since, until)...)
	}
	err := merge(ctx, client, queries, order{event.AttrAcceptedAt, pageSize, true}, func(page []Item) error {
		listed := make([]Listed, 0, len(page))
		for _, found := range page {
			at, _ := time.Parse(event.TimeLayout, textOf(found, event.AttrAcceptedAt)) // zero where it fails
			listed = append(listed, Listed{Key(found), at})
		}
		return each(listed)
	})
	if err != nil {
		return fmt.Errorf("list the latest events of tenant %q: %w", tenantID, err)
	}
	return nil
}

// ResultKeys calls each with the keys of all that a results table holds of a tenant, in their order: the items of the business
// logic, whose keys start with "#", and the outcomes of its events.
func ResultKeys(ctx context.Context, client DynamoDB, resultsTable, tenantID string, each func(keys []string) error) error {
	if err := merge(ctx, client, ledger.OfTenant(resultsTable, tenantID), byKey, keysOf(each)); err != nil {
		return fmt.Errorf("list the results of tenant %q: %w", tenantID, err)
	}
	return nil
}

// StateKeys is ResultKeys for the items of the business logic alone.
func StateKeys(ctx context.Context, client DynamoDB, resultsTable, tenantID string, each func(keys []string) error) error {
	if err := merge(ctx, client, ledger.StateOf(resultsTable, tenantID), byKey, keysOf(each)); err != nil {
		return fmt.Errorf("list the business logic's items of tenant %q: %w", tenantID, err)
	}
	return nil
}

// WaitingKeys calls each with the keys of a tenant's diverted events that wait in a cell.
func WaitingKeys(ctx context.Context, client DynamoDB, resultsTable, tenantID string, each func(keys []string) error) error {
	if err := merge(ctx, client, ledger.WaitingOf(resultsTable, tenantID), byKey, keysOf(each)); err != nil {
		return fmt.Errorf("list the diverted events of tenant %q: %w", tenantID, err)
	}
	return nil
}

// AttemptKeys calls each with the keys of the failed attempts that a results table holds at events of a tenant. They are among
// none of the other listings.
func AttemptKeys(ctx context.Context, client DynamoDB, resultsTable, tenantID string, each func(keys []string) error) error {
	if err := merge(ctx, client, ledger.AttemptsOfTenant(resultsTable, tenantID), byKey, keysOf(each)); err != nil {
		return fmt.Errorf("list the failed attempts at events of tenant %q: %w", tenantID, err)
	}
	return nil
}

// Read reads the items with the given keys from a table, consistently, and returns those that are there by their keys.
func Read(ctx context.Context, client DynamoDB, table string, keys []string) (map[string]Item, error) {
	return ReadBy(ctx, client, table, event.AttrKey, keys)
}

// ReadBy is Read for a table with a hash key of another name, a text.
func ReadBy(ctx context.Context, client DynamoDB, table, hash string, keys []string) (map[string]Item, error) {
	found := make(map[string]Item, len(keys))
	var wanted []Item
	for _, key := range keys {
		wanted = append(wanted, Item{hash: item.Text(key)})
	}
	err := transact.Retrier{}.ReadAll(ctx, client, table, wanted, func(item Item) error {
		found[textOf(item, hash)] = item
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %d items of table %s: %w", len(keys), table, err)
	}
	return found, nil
}

// Key is an item's key, or "" where it has none.
func Key(item Item) string { return textOf(item, event.AttrKey) }

// ClonedFrom returns the cell that an item of a data table was copied from, or "" for one that was accepted where it is.
func ClonedFrom(stored Item) string { return textOf(stored, event.AttrClonedFrom) }

func textOf(item Item, attribute string) string {
	if s, ok := item[attribute].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
