package tenantdata

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// IndexError is the error of a listing that an index is missing for. Nothing can be said then of what there is: what is not
// listed is not absent.
type IndexError struct {
	Table, Index string
	err          error // what AWS said
}

func (e *IndexError) Error() string {
	return fmt.Sprintf("table %s has no index %s, or it is still being built: run 'pulumi up' for the cell, and wait until the index is ACTIVE: %v",
		e.Table, e.Index, e.err)
}

func (e *IndexError) Unwrap() error { return e.err }

// CheckIndex returns an IndexError unless an index of a table can be listed.
func CheckIndex(ctx context.Context, client DynamoDB, table, index, tenantID string) error {
	all := slices.Concat(eventQueries(table, tenantID, time.Time{}, endOfTime), ledger.OfTenant(table, tenantID), ledger.WaitingOf(table, tenantID))
	at := slices.IndexFunc(all, func(q *dynamodb.QueryInput) bool { return *q.IndexName == index })
	if at < 0 {
		return fmt.Errorf("index %s of table %s is not one that a tenant is listed by", index, table)
	}
	all[at].Limit = aws.Int32(1)
	return (&source{query: all[at]}).fill(ctx, client)
}

// eventQueries ask for the keys of the events that a data table holds of a tenant: those of its shards, and those that the
// version before has written under the tenant itself.
func eventQueries(table, tenantID string, since, until time.Time) []*dynamodb.QueryInput {
	query := func(index, attribute, value string) *dynamodb.QueryInput {
		return &dynamodb.QueryInput{
			TableName:                &table,
			IndexName:                &index,
			KeyConditionExpression:   aws.String("#hash = :hash AND #accepted BETWEEN :since AND :until"),
			ExpressionAttributeNames: map[string]string{"#hash": attribute, "#accepted": event.AttrAcceptedAt},
			ExpressionAttributeValues: Item{
				":hash": item.Text(value), ":since": item.Text(event.FormatTime(since)), ":until": item.Text(event.FormatTime(until)),
			},
		}
	}
	queries := []*dynamodb.QueryInput{query(event.TenantTimeIndex, event.AttrTenantID, tenantID)}
	for _, shard := range event.TenantShards(tenantID) {
		queries = append(queries, query(event.ShardTimeIndex, event.AttrTenantShard, shard))
	}
	return queries
}

// source is what one query finds, in the order of a range key.
type source struct {
	query *dynamodb.QueryInput
	page  []Item // what was read, and not taken yet
	ended bool   // there is nothing to read behind the page
}

// fill reads on until there is an item to take, or none is left.
func (s *source) fill(ctx context.Context, client DynamoDB) error {
	for len(s.page) == 0 && !s.ended {
		out, err := client.Query(ctx, s.query)
		switch {
		case transact.Classify(err).Kind == transact.Invalid: // "does not have the specified index", "Cannot read from backfilling ... index"
			return &IndexError{*s.query.TableName, *s.query.IndexName, err}
		case err != nil:
			return err
		}
		s.page, s.query.ExclusiveStartKey = out.Items, out.LastEvaluatedKey
		s.ended = len(out.LastEvaluatedKey) == 0
	}
	return nil
}

// order is how a listing is merged: by a range key, in pages of a size, the highest first where it goes backwards.
type order struct {
	rangeKey  string
	pageSize  int
	backwards bool
}

// before reports whether an item of an index comes before another: by the range key, and then by the items' keys.
func (o order) before(a, b Item) bool {
	if o.backwards {
		a, b = b, a
	}
	if c := strings.Compare(textOf(a, o.rangeKey), textOf(b, o.rangeKey)); c != 0 {
		return c < 0
	}
	return Key(a) < Key(b)
}

// keysOf makes a function of keys one of items.
func keysOf(each func(keys []string) error) func(page []Item) error {
	return func(page []Item) error {
		keys := make([]string, 0, len(page))
		for _, found := range page {
			keys = append(keys, Key(found))
		}
		return each(keys)
	}
}

// merge calls each with what queries find in their indexes, in an order, a page at a time. It holds a page of each query.
//
// Indexes show a write each at its own time, so an item that is written again with another index key can be in two of them
// for a moment, and a page has it once. In the same moment it can be in none of what is read of them, as one that was just written.
func merge(ctx context.Context, client DynamoDB, queries []*dynamodb.QueryInput, o order, each func(page []Item) error) error {
	var all []*source
	for _, q := range queries {
		q.Limit, q.ScanIndexForward = aws.Int32(int32(o.pageSize)), aws.Bool(!o.backwards)
		all = append(all, &source{query: q})
	}
	var page []Item
	flush := func() error {
		full := page
		page = nil
		if len(full) == 0 {
			return nil
		}
		return each(full)
	}
	for {
		var next *source
		for _, s := range all {
			if len(s.page) == 0 && !s.ended {
				if err := flush(); err != nil { // what is known is worked on before more is asked for
					return err
				}
			}
			if err := s.fill(ctx, client); err != nil {
				return err
			}
			if len(s.page) > 0 && (next == nil || o.before(s.page[0], next.page[0])) {
				next = s
			}
		}
		if next == nil {
			return flush()
		}
		if found := next.page[0]; !slices.ContainsFunc(page, func(other Item) bool { return Key(other) == Key(found) }) {
			page = append(page, found)
		}
		next.page = next.page[1:]
		if len(page) == o.pageSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}
