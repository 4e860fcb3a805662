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
