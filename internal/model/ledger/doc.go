// Package ledger owns what a cell's results table has: the outcomes of events, the fences of tenants, and the keys of all
// that is neither. It alone names the attributes and the reserved keys, and writes the conditions that keep an event's effect
// to one.
//
// An outcome says what became of an event in the cell. It is written in the transaction that applies the event, on the condition
// that there is none that settles it.
//
// A fence says which events of a tenant the cell may apply. A cell that has ever given a tenant away, or taken one
// over, has one for that tenant: it holds the floor, the lowest epoch whose events the cell applies. A cell without a fence
// for a tenant applies whatever reaches it, which is how every tenant starts.
//
// The floor is enforced where it cannot be raced: it is a condition of the very transaction that applies an event. So that the
// transactions of one tenant do not meet at one item, the condition is on one of the fence's copies, which one depends on the event;
// the fence itself is for readers. Whoever has raised all copies therefore knows that nothing stamped below the floor takes
// effect from then on, however long a process was frozen or a request was under way.
//
// The functions here make operations for DynamoDB and read its items. Except for those that read, bring and convert
// fences, they call nobody.
package ledger
