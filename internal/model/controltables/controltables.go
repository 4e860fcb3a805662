// Package controltables names what the items of the control plane's tables are made of, besides the mapping table (see
// package mapping): the cell states, the moves and the audit. The stack that makes the tables and the code that works on them read
// these names here, so that neither has to import the other.
//
// AttrStatus and AttrOpen are reserved words of DynamoDB: an expression has them through a placeholder.
package controltables

import "cellular/internal/model/mapping"

// The attributes that more than one table uses. A tenant's id has the name that it has in the mapping table.
const (
	AttrTenantID  = mapping.AttrTenantID  // S: the hash key of the moves table
	AttrUpdatedAt = mapping.AttrUpdatedAt // S
)

// The cell states table has one item per cell that was ever given a tenant or drained. AttrCellID (S) is its hash key.
const (
	AttrCellID  = mapping.AttrCellID
	AttrStatus  = "status"  // S: active, draining or retired
	AttrTenants = "tenants" // N: how many tenants are placed in the cell, or reserved there by an open move

	// AttrChanges (N) grows with each transaction that changes which tenants the cell has or reserves a place for. A
	// recount reads it before it begins, and its correction has it as a condition. Absent, which counts as 0, where no
	// version that knows it has changed anything.
	AttrChanges = "changes"
)

// The moves table has one item per move, of hash key AttrTenantID and range key AttrEpoch, and one per tenant (see package
// residence).
const (
	// AttrEpoch (N) is the epoch that the move gives to the tenant's new owner.
	AttrEpoch = mapping.AttrEpoch

	// AttrOpen (S) is OpenValue while the move is under way, and absent once it is finished. In a tenant's record it has a
	// value of its own.
	AttrOpen  = "open"
	OpenValue = "open"

	// OpenIndex has, under OpenValue, the moves under way and no others: hash AttrOpen, range AttrTenantID, with all
	// attributes. It lists what is to be finished, however many moves there ever were.
	OpenIndex = "open"

	// AttrExpiresAt (N, seconds since 1970) is the table's TTL attribute, which only a finished move has. The audit table has
	// it, too, in every item.
	AttrExpiresAt = "expires_at"
)

// The audit table has one item per act of an operator, of hash key AttrMonth and range key AttrAct: the acts of a month are
// listed by time without a Scan and without an index. A month is one partition, which takes 1,000 writes a second, and an act
// is two: 500 acts a second, each of them a process of its own that makes several requests besides. A day as hash key would
// take no more, for now is always in one partition, and a year would be 365 queries in the place of 13.
const (
	AttrMonth   = "utc_month" // S, in MonthLayout
	MonthLayout = "2006-01"
	AttrAct     = "act_id" // S: the time in UTC, then an id of its own
)
