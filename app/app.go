// Package app is what business logic is written against. Business logic is one function, an Apply, which the consumer of
// a cell calls for each event; functions/consumer/apply.go has the one that is deployed.
package app

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// Event is one accepted event.
type Event = event.Event

// The attributes and keys of items that business logic keeps in the results table of its cell.
const (
	// KeyAttribute is the table's hash key, a text.
	KeyAttribute = event.AttrKey
	// TenantAttribute names the tenant that an item belongs to. Every item must have it: a move finds by it what to take
	// along.
	TenantAttribute = event.AttrTenantID
	// KeyPrefix begins every key of business state. No event's key begins with it.
	KeyPrefix = ledger.StatePrefix
)

// Apply is the business logic: what one event does. It may read, and returns what is to be written. It is called again
// if the event has to be tried again.
//
// In a process it is called for events of several tenants at the same time, and for one event of a tenant at a time, except
// beside a call that has not returned at its deadline and is left behind. So it must be safe for concurrent use. The calls share
// the process's CPU and memory while each has the whole recordTimeout: with logic that computes rather than waits for others,
// set pipeline.consumer.concurrentTenants to 1.
//
// An error is retried with a growing delay; one that Permanent made is not worth a retry and goes to the dead letter
// queue at once. The text of an error, and of a panic, is logged, and its first 512 bytes are kept in the cell's results table for
// as long as the outcome (pipeline.consumer.resultTTL), where operators see it; clients are told its class alone. Keep the payload
// and secrets out of it.
type Apply func(ctx context.Context, e Event) (Effect, error)

// Effect is what one event does.
type Effect struct {
	// Writes become one transaction with the event's entry in the ledger: at most MaxWrites, each to an item of its
	// own. They may put, update, delete and check business state in the results table, under keys that begin with
	// KeyPrefix. Events' own items, and those that the system keeps under reserved prefixes, are the system's: a write to
	// one of them is rejected. Each item of business state must carry TenantAttribute: an item without it is left behind
	// when its tenant moves to another cell.
	// A condition of a write that is not met fails the event for now, and Apply is called again.
	//
	// An item may have 400 KB, and a transaction 4 MB. What exceeds that is rejected, also where it shows in the table
	// only, so an item that grows with what a client sends ends up rejecting the tenant's events: bound it, by counting
	// under a limited number of names, by keeping the latest N, or by giving what has no bound items of its own.
	Writes []types.TransactWriteItem
	// Result is what a reader of the event's outcome gets. JSON, or nil for none.
	Result json.RawMessage
}

// MaxWrites bounds an effect: a transaction takes 100 operations (TransactWriteItems), and the ledger's entry and the check
// of the fence are two of them.
const MaxWrites = 98

// Permanent marks an error as one that no retry can mend, for example an order without lines. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// IsPermanent reports whether an error, or one that it wraps, was made by Permanent.
func IsPermanent(err error) bool {
	return errors.As(err, new(permanentError))
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }
