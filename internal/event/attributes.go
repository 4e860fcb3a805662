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

// The attributes that only an item in a cell's results table has. It has AttrKey, AttrTenantID, AttrID, AttrType and AttrEpoch too.
const (
	AttrStatus    = "status"     // S, a Status
	AttrResult    = "result"     // S, JSON text: what the business logic answered
	AttrReason    = "reason"     // S, a reason class, where the status is failed
	AttrAppliedAt = "applied_at" // S, TimeLayout: when the outcome was written
	AttrExpiresAt = "expires_at" // N, seconds since 1970: the results table's TTL attribute
)

// Status is what a reader is told of an event.
type Status string

const (
	Accepted  Status = "accepted"  // durable in its cell, not yet applied
	Processed Status = "processed" // applied, once
	Failed    Status = "failed"    // given up on, and in a DLQ of its cell
)
