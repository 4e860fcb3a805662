package dynamotest

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Concurrency is what requests that are under way at the same moment do to each other, and to a table's throughput.
//
// A transaction is at its items from its request until Transaction later, when it takes effect. A second one that asks for
// any of these items is canceled with the reason TransactionConflict, and a plain put, update or delete of one fails with
// TransactionConflictException. A check of a condition counts as a write here: two transactions that only check an item
// cancel each other. The developer guide makes no difference, "Transaction conflict handling in DynamoDB": a conflict is an
// item of a TransactWriteItems request that is part of another ongoing TransactWriteItems request. Nor does the service's
// paper, "Distributed Transactions at Scale in Amazon DynamoDB" (USENIX ATC 2023), whose listings of the protocol have one
// ongoing transaction for an item. Reads are never in the way of a transaction, nor it in theirs: they see what was committed.
//
// Time is that of time.Now and of timers. In a synctest bubble it is the bubble's: nothing here is left to chance, and the
// same requests at the same moments have the same answers.
type Concurrency struct {
	// Transaction is how long a transaction is at its items. One that is canceled leaves the items that it had found free
	// after half that time: it has prepared, and does not commit. 0 means that no two requests ever meet.
	Transaction time.Duration

	// Read and Write are how long a request of any other kind takes before it takes effect.
	Read, Write time.Duration

	// How many units of capacity a key of a table or an index takes a second, and a table or an index as a whole. A key here
	// is a hash key: a table of few items is not split at range keys. 0 means no bound. A second's worth can be saved up.
	KeyReads, KeyWrites     float64
	TableReads, TableWrites float64
}

// OnDemand is how a new table in on-demand mode behaves: a partition takes 3,000 read and 1,000 write units a second, from
// "Best practices for designing and using partition keys effectively", and a new table or index 12,000 reads and 4,000
// writes, from "Initial throughput and scaling properties". What the service saves up for bursts, and how it doubles a
// table's peak and splits partitions, is left out: none of it is promised to a table in its first half hour. How long a
// transaction takes is nowhere promised; some ten milliseconds are usual.
func OnDemand(transaction time.Duration) Concurrency {
	return Concurrency{
		Transaction: transaction, Read: transaction / 4, Write: transaction / 2,
		KeyReads: 3000, KeyWrites: 1000, TableReads: 12000, TableWrites: 4000,
	}
}

// Concurrent turns on what requests that are under way together do to each other. Without it each operation takes no time
// and tables have no limits. It is to be called before the first request.
//
// A request whose context ends while it takes its time is answered with the context's error, and takes effect all the
// same, as a request whose answer gets lost.
func (db *DB) Concurrent(c Concurrency) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.traffic = &traffic{Concurrency: c, held: map[string]bool{}, underWay: map[string]bool{}, buckets: map[bucketKey]*bucket{}}
	db.traffic.usage.ReadUnits, db.traffic.usage.WriteUnits = map[string]float64{}, map[string]float64{}
}

// traffic is what is under way in a database.
type traffic struct {
	Concurrency
	held     map[string]bool // the items that a transaction is at, by their table and key
	underWay map[string]bool // the request tokens of transactions under way
	buckets  map[bucketKey]*bucket
	usage    Usage
}

// Usage is what a database has done since Concurrent.
type Usage struct {
	// Transactions are all that arrived, Canceled those of them that were canceled for any reason, and Conflicts those for
	// which a reason was another transaction.
	Transactions, Canceled, Conflicts int
	// Blocked are the plain writes of an item that a transaction was at.
	Blocked int
	// Throttled are the requests that a table, an index or a key of one had no capacity for.
	Throttled int
	// ReadUnits and WriteUnits are the capacity used, by table, and by TABLE/INDEX.
	ReadUnits, WriteUnits map[string]float64
}

// Usage returns what the database has done since Concurrent.
func (db *DB) Usage() Usage {
	db.mu.Lock()
	defer db.mu.Unlock()
	u := db.traffic.usage
	u.ReadUnits, u.WriteUnits = cloneUnits(u.ReadUnits), cloneUnits(u.WriteUnits)
	return u
}

func cloneUnits(units map[string]float64) map[string]float64 {
	clone := map[string]float64{}
	for name, n := range units {
		clone[name] = n
	}
	return clone
}

// pause takes the time of a request that is no transaction.
func (db *DB) pause(ctx context.Context, call Call) error {
	if db.traffic == nil || call.Operation == "TransactWriteItems" {
		return nil
	}
	d := db.traffic.Read
	if call.Writes() {
		d = db.traffic.Write
	}
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// place is an item in all tables.
func (m mutation) place() string { return m.table.name + "\x00" + primary(m.table.base.table, m.key) }

// inTheWay reports whether a transaction is at the item of a write. The lock is held.
func (db *DB) inTheWay(m mutation) bool { return db.traffic != nil && db.traffic.held[m.place()] }

func conflict() error {
	return &types.TransactionConflictException{Message: new("Transaction is ongoing for the item")}
}

// atItems is a transaction at work on the items that it has found free: after its time end settles it, and its answer is
// end's. The lock is held, except while the time goes by. Where the context ends first, the transaction goes on alone.
func (db *DB) atItems(ctx context.Context, free []mutation, d time.Duration, end func() error) error {
	if d == 0 {
		return end()
	}
	for _, m := range free {
		db.traffic.held[m.place()] = true
	}
	leave := func() error {
		for _, m := range free {
			delete(db.traffic.held, m.place())
		}
		return end()
	}
	db.mu.Unlock()
	timer := time.NewTimer(d)
	select {
	case <-timer.C:
		db.mu.Lock()
		return leave()
	case <-ctx.Done():
	}
	go func() {
		<-timer.C
		db.mu.Lock()
		_ = leave() // nobody hears of it
		inserts := db.inserts
		db.inserts = nil
		db.mu.Unlock()
		for _, hook := range inserts {
			hook()
		}
	}()
	db.mu.Lock()
	return ctx.Err()
}
