// Package ledger owns what a cell's results table has: the outcomes of events, the fences of tenants, and the keys of all
// that is neither. It alone names the attributes and the reserved keys, and writes the conditions that keep an event's effect
// to one.
//
// An outcome says what became of an event in the cell. It is written in the transaction that applies the event, on the condition
// that there is none that settles it.
//
// A fence says which events of a tenant the cell may apply. A cell that has ever given a tenant away, or taken one
// over, has one item for that tenant: it holds the floor, the lowest epoch whose events the cell applies. A cell without a fence
// for a tenant applies whatever reaches it, which is how every tenant starts.
//
// The fence is enforced where it cannot be raced: it is a condition of the very transaction that applies an event. Whoever
// raises a floor therefore knows that nothing stamped below it takes effect from then on, however long a process was
// frozen or a request was under way.
//
// The functions here make operations for DynamoDB and read its items. Except for ReadFence and ReadFloor, they call nobody.
package ledger
