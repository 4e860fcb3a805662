package event

// The attributes of an item in a cell's data table.
const (
	AttrKey        = "id"          // S, TENANT#EVENT: the hash key of the data and results tables
	AttrTenantID   = "tenant_id"   // S
	AttrID         = "event_id"    // S
	AttrType       = "type"        // S
	AttrPayload    = "payload"     // S, JSON text
	AttrEpoch      = "epoch"       // N
	AttrAcceptedAt = "accepted_at" // S, TimeLayout
)

// TenantTimeIndex is the data table's keys-only index: hash AttrTenantID, range AttrAcceptedAt.
const TenantTimeIndex = "by-tenant-time"

// AttrClonedFrom marks an item of a data table that a move has copied from another cell (S, that cell's id). The event
// in it has been, or will be, sent by other means: the producer publishes no such item.
const AttrClonedFrom = "cloned_from"

// The indexes of a results table, keys-only. TenantIndex (hash AttrTenantID, range AttrKey) has all that belongs to a
// tenant and is to move with it: outcomes, and what the business logic keeps. WaitingIndex (hash AttrWaiting, range
// AttrKey) has the diverted events that wait to be sent to their tenant's cell, and nothing else.
const (
	TenantIndex  = "by-tenant"
	WaitingIndex = "waiting"
)

// AppliedKey is the key of the one item of a results table that says when the cell last applied an event: it has
// AttrAppliedAt and AttrEventKey. It is written every few seconds at most, and belongs to no tenant.
const (
	AppliedKey   = "#applied"
	AttrEventKey = "event_key" // S, TENANT#EVENT
)

// TrialPrefix begins the keys of the items in which a cell's consumer keeps what it knows of messages that have come back to
// the queue. They belong to no tenant, and expire.
const TrialPrefix = "#trial#"

// StatePrefix begins the key of every item of a results table that is no event's outcome. No tenant id begins with it.
const StatePrefix = "#"

// The attributes that only an item in a cell's results table has. It has AttrKey, AttrTenantID, AttrID, AttrType and AttrEpoch too.
const (
	AttrStatus    = "status"     // S, a Status
	AttrResult    = "result"     // S, JSON text: what the business logic answered
	AttrReason    = "reason"     // S, a reason class, where the status is failed
	AttrFailedBy  = "failed_by"  // S, TimeLayout: where the status is failed ahead of a last attempt, when that has ended at the latest
	AttrAppliedAt = "applied_at" // S, TimeLayout: when the outcome was written
	AttrExpiresAt = "expires_at" // N, seconds since 1970: the results table's TTL attribute
	AttrWaiting   = "waiting"    // S, the tenant, where the status is diverted and the event has not been sent on
)

// The values of AttrReason that operations on the control plane write. What the consumer gives up on has reasons of its own.
const (
	ReasonConflict = "conflict" // the tenant's cell has another event with the same id; this one waits in a DLQ for an operator
	ReasonDropped  = "dropped"  // an operator has given the event up: it is not sent again
)

// Status is what a reader is told of an event. Diverted is for the system alone.
type Status string

const (
	Accepted  Status = "accepted"  // durable in its cell, not yet applied
	Processed Status = "processed" // applied, once
	Failed    Status = "failed"    // given up on, and in a DLQ of its cell
	Diverted  Status = "diverted"  // not applied here, because its tenant has left the cell: it is sent on to the new one
)
