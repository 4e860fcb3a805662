// Package dynamotest is DynamoDB in memory for tests: tables with indexes, reads and writes of single items, queries,
// scans, batches and transactions, with their expressions. It answers as the service does where it knows how, down to
// the requests that the service refuses; what it does not know is an error, so that a test cannot pass on a request
// that the real service would read differently.
//
// A test can stand between a caller and its tables: Intercept fails a request before it takes effect, After loses the
// answer to one that has, PageItems and Leave make pages and batches short, and LagIndexes keeps indexes behind. Concurrent
// makes requests take time, transactions that meet cancel each other, and tables and keys run out of capacity.
package dynamotest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is one item of a table.
type Item = map[string]types.AttributeValue

// Call is one request that arrived.
type Call struct {
	Operation string // GetItem, TransactWriteItems, ...

	// Table and Key are the table and the item that the request is about. A range key follows its hash key behind a
	// slash. Of a batch or a transaction they are the distinct tables and all keys, each joined by commas; of a Query
	// the hash key and of a Scan nothing is the key.
	Table, Key string
}

// DB is a set of tables. It is safe for concurrent use, and each operation is atomic. The hooks and settings that are
// fields are to be changed only while no operation is under way.
type DB struct {
	// Intercept is called with every request before it takes effect, and its error is the answer; nil means no
	// interception. It may block until the context ends.
	Intercept func(context.Context, Call) error

	// After is called with every request that was carried out, also where a condition did not hold, before it is
	// answered. Its error is the answer instead.
	After func(context.Context, Call) error

	// PageItems is how many items a page of Query or Scan is made of at most, besides the request's own limit and the
	// service's 1 MB. 0 means no such bound.
	PageItems int

	// Leave is how many of its n keys or writes, from the end, a BatchGetItem or BatchWriteItem leaves unprocessed; nil
	// means none.
	Leave func(call Call, n int) int

	consistentOnly bool

	mu     sync.Mutex
	tables map[string]*table
	lag    bool
	calls  []Call
	// inserts are the hooks of the operation under way that are to be called once it has taken effect.
	inserts []func()
	tokens  map[string][]types.TransactWriteItem // the transactions that took effect, by their request tokens
	traffic *traffic                             // nil unless Concurrent was called
}

// New returns a database with the given tables, each with the name of its hash key, which is a text. It refuses reads of
// single items that are not consistent: whatever the router reads, it relies on having the latest.
func New(keys map[string]string) *DB {
	schema := map[string]Table{}
	for name, hash := range keys {
		schema[name] = Table{Hash: S(hash)}
	}
	db := NewTables(schema)
	db.consistentOnly = true
	return db
}

// NewTables returns a database with the given tables. It panics on a table that the service would not make.
func NewTables(tables map[string]Table) *DB {
	db := &DB{tables: map[string]*table{}, tokens: map[string][]types.TransactWriteItem{}}
	for name, schema := range tables {
		if err := schema.check(); err != nil {
			panic(fmt.Sprintf("dynamotest: table %s: %v", name, err))
		}
		db.tables[name] = newTable(name, schema)
	}
	return db
}

// OnInsert has a function called with every item that an operation puts into a table where there was none, once it is
// there. It is not called for Put.
func (db *DB) OnInsert(table string, hook func(Item)) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.mustTable(table).onInsert = hook
}

// LagIndexes says whether indexes, and reads that are not consistent, stay as they are until CatchUp. Turning it off
// catches up.
func (db *DB) LagIndexes(lag bool) {
	db.mu.Lock()
	db.lag = lag
	db.mu.Unlock()
	if !lag {
		db.CatchUp()
	}
}

// CatchUp brings the indexes, and reads that are not consistent, up to the latest writes.
func (db *DB) CatchUp() {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, t := range db.tables {
		t.catchUp()
	}
}

// Calls returns the requests that arrived so far, in order.
func (db *DB) Calls() []Call {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Clone(db.calls)
}

// run carries an operation out: it notes the request, lets the interceptor have it, and calls act with the lock held.
func run[T any](ctx context.Context, db *DB, call Call, act func() (*T, error)) (*T, error) {
	if err := db.arrive(ctx, call); err != nil {
		return nil, failure(call.Operation, err)
	}
	db.mu.Lock()
	out, err := act()
	inserts := db.inserts
	db.inserts = nil
	db.mu.Unlock()
	for _, hook := range inserts {
		hook()
	}
	if db.After != nil && carriedOut(err) {
		if lost := db.After(ctx, call); lost != nil {
			return nil, failure(call.Operation, lost)
		}
	}
	if err != nil {
		return nil, failure(call.Operation, err)
	}
	return out, nil
}

func (db *DB) arrive(ctx context.Context, call Call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.Lock()
	db.calls = append(db.calls, call)
	db.mu.Unlock()
	if db.Intercept != nil {
		if err := db.Intercept(ctx, call); err != nil {
			return err
		}
	}
	return db.pause(ctx, call)
}

// find is the table of a request. The lock is held.
func (db *DB) find(name *string) (*table, error) {
	if name == nil {
		return nil, invalid("The parameter 'TableName' is required but was not present in the request")
	}
	t, ok := db.tables[*name]
	if !ok || t.gone {
		return nil, &types.ResourceNotFoundException{Message: new("Requested resource not found: Table: " + *name + " not found")}
	}
	return t, nil
}

// target is a table and the key of an item of it, as far as a request has them.
type target struct {
	table *string
	key   Item
}

// call describes a request by its targets.
func (db *DB) call(operation string, targets ...target) Call {
	var tables, keys []string
	for _, at := range targets {
		if at.table == nil {
			continue
		}
		if !slices.Contains(tables, *at.table) {
			tables = append(tables, *at.table)
		}
		t, ok := db.tables[*at.table] // the set of tables never changes
		if !ok {
			continue
		}
		key := scalar(at.key[t.base.hash.Name])
		if t.base.rng != (Key{}) {
			key += "/" + scalar(at.key[t.base.rng.Name])
		}
		keys = append(keys, key)
	}
	return Call{operation, strings.Join(tables, ","), strings.Join(keys, ",")}
}

// store writes a change that was found valid. The lock is held.
func (db *DB) store(t *table, c change) {
	if c.old == nil && c.item == nil {
		return
	}
	t.write(c, db.lag)
	if hook := t.onInsert; hook != nil && c.old == nil {
		item := cloneItem(c.item)
		db.inserts = append(db.inserts, func() { hook(item) })
	}
}
