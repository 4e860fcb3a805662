package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/app"
	"cellular/functions/consumer/counters"
)

// state is where the business logic keeps what it knows: the cell's results table.
type state struct {
	table  string
	tables counters.Reader
}

// apply is the business logic: the one function to replace with your own.
//
// It is called with one event and answers what the event does: writes to the cell's tables, which are made
// exactly once, and a result, which GET /v1/events/{id} shows. It may be called several times for the same event, so
// whatever it does by itself, other than returning an Effect, has to bear that. It is called for events of several tenants
// at the same time, so what it keeps in variables needs a lock.
//
// State of your own goes into the cell's results table, under keys that begin with app.KeyPrefix; a write under one of
// the system's own prefixes is rejected. Every item of it must carry the attribute tenant_id, the event's tenant: a tenant
// may be moved to another cell, and what does not name it is left behind.
//
// Keep every item bounded, whatever clients send: an item takes 400 KB, and once it is full every event that would add to
// it is rejected. A limited number of names (as counters.Add has), the latest N of a list, or an item for each thing that
// there may be many of are bounded; an attribute for each value of a client's field is not. An effect depends on the event
// and on what is in the tables, and nothing else: a retry may then find other state, but never adds to what was applied.
//
// Keep no item that every event of a tenant writes to. DynamoDB cancels one of two transactions that meet in an item, and
// takes 1,000 writes a second to one key: such an item is what your largest tenant waits for. Put app.Shard(e) into its
// key, as counters.Add does; or give each of the things that an event is about, such as an order, an item of its own. The
// sum of the shards is for readers outside of the consumer, as counters.Read is: this function may read item by item only
// (its role has dynamodb:GetItem, not dynamodb:BatchGetItem).
//
// Return app.Permanent(err) for an event that no retry will mend. Any other error, a panic, and not returning
// before ctx ends, are retried with a growing delay and end in the dead letter queue. What an
// error or a panic says is logged, and kept with the event's outcome for operators (resultTTL, 90 days): keep the payload and
// secrets out of it.
//
// This one prices orders (events of a type order.*), and counts every tenant's events by type.
func apply(ctx context.Context, e app.Event, s state) (app.Effect, error) {
	count, err := counters.Add(ctx, s.tables, s.table, e)
	if err != nil {
		return app.Effect{}, err
	}
	effect := app.Effect{Writes: []types.TransactWriteItem{count}}
	if !strings.HasPrefix(e.Type, "order.") {
		return effect, nil
	}
	order, err := parseOrder(e.Payload)
	if err != nil {
		return app.Effect{}, app.Permanent(fmt.Errorf("order: %w", err))
	}
	effect.Result, err = json.Marshal(orderResult{Total: order.total(), Currency: order.Currency})
	return effect, err
}

// orderResult is what a client reads of an order that was processed.
type orderResult struct {
	Total    int64  `json:"total"` // in minor units of the currency, for example cents
	Currency string `json:"currency"`
}
