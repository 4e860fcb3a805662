// Package openwork finds the moves and removals of tenants that nobody works on. It knows of their records, in the moves table,
// what that takes; package record of the operator's room has the rest.
package openwork

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/transact"
)

// The attributes of every record.
const (
	AttrPhase     = "phase"      // S
	AttrHolder    = "holder"     // S: the process at work, HOST:PID; absent where nobody is
	AttrStartedAt = "started_at" // S, event.TimeLayout
	AttrUpdatedAt = "updated_at" // S, event.TimeLayout
)

// The values under which controltables.OpenIndex has what is under way.
const (
	Moves    = controltables.OpenValue
	Removals = "removal"
)

// HolderTimeout is how long a process may be silent until it is taken to be dead. Should it not be, its next write fails, and
// nothing is lost.
const HolderTimeout = 15 * time.Second

// AtWork reports whether a process seems to be at work: it has shown itself quiet ago, which is less than HolderTimeout, and
// is not known to be gone.
func AtWork(holder string, quiet time.Duration, gone func(holder string) bool) bool {
	return holder != "" && quiet < HolderTimeout && !gone(holder)
}

// Query asks the moves table's index for what is open under a value. One that was opened or closed within the last second or
// so may be missing, or still be among them.
func Query(table, value string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                 &table,
		IndexName:                 aws.String(controltables.OpenIndex),
		KeyConditionExpression:    aws.String("#open = :open"),
		ExpressionAttributeNames:  map[string]string{"#open": controltables.AttrOpen},
		ExpressionAttributeValues: transact.Item{":open": item.Text(value)},
	}
}

// Querier is the part of DynamoDB that Survey needs.
type Querier interface {
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// Margin is what a move may take beyond the age at which no router uses the old mapping any more, which it waits for.
const Margin = time.Hour

// Counter counts open work that nobody works on.
type Counter struct {
	DynamoDB Querier
	Table    string
	HardTTL  time.Duration // the age at which no router uses a mapping any more
	Pages    int           // how many pages of moves, and as many of removals, are read at most; a page is 1 MB
}

// Counted is what was found.
type Counted struct {
	Open  int    // moves and removals
	Left  int    // of these, the ones that nobody works on
	First string // the tenant of the first of those
	More  bool   // there is more open work than was read
}

// Survey counts the moves and removals that nobody works on, and that do not go on by themselves: a move in a phase that halts its
// tenant's events, a move that is open for longer than any takes, and any removal. A record that cannot be read is one of
// them: whoever is to look at it has to know.
func (c Counter) Survey(ctx context.Context, now time.Time) (Counted, error) {
	var all Counted
	for _, kind := range []string{Moves, Removals} {
		q := Query(c.Table, kind)
		for page := 0; ; page++ {
			if page == c.Pages {
				all.More = true
				break
			}
			out, err := c.DynamoDB.Query(ctx, q)
			if err != nil {
				return Counted{}, fmt.Errorf("list the moves and removals under way: %w", err)
			}
			for _, record := range out.Items {
				all.Open++
				if c.left(kind, record, now) {
					if all.Left == 0 {
						all.First = item.Read(record).OptionalString(controltables.AttrTenantID)
					}
					all.Left++
				}
			}
			if len(out.LastEvaluatedKey) == 0 {
				break
			}
			q.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
	return all, nil
}

// left reports whether nobody works on what a record is about, and it waits for that.
func (c Counter) left(kind string, record transact.Item, now time.Time) bool {
	r := item.Read(record)
	phase, holder := PhaseOf(r.String(AttrPhase)), r.OptionalString(AttrHolder)
	started, updated := r.Time(AttrStartedAt, event.TimeLayout), r.Time(AttrUpdatedAt, event.TimeLayout)
	if r.Err() != nil {
		return true
	}
	if AtWork(holder, now.Sub(updated), func(string) bool { return false }) { // of processes on other hosts nothing else is known
		return false
	}
	return kind == Removals || Halting(phase) || now.Sub(started) > c.HardTTL+Margin
}
