package event

// The attributes of an item in a cell's data table.
const (
	AttrKey         = "id"           // S, TENANT#EVENT: the hash key of the data and results tables
	AttrTenantShard = "tenant_shard" // S, TENANT#SHARD; see TenantShard
	AttrID          = "event_id"     // S
	AttrType        = "type"         // S
	AttrPayload     = "payload"      // S, JSON text
	AttrEpoch       = "epoch"        // N
	AttrAcceptedAt  = "accepted_at"  // S, TimeLayout
	AttrExpiresAt   = "expires_at"   // N, seconds since 1970: the data table's TTL attribute; absent where the event never expires

	AttrCorrelationID = "correlation_id" // S; absent where there is none
)

// AttrTenantID (S) names the tenant of an item of business state. An event or outcome that has it, and no AttrTenantShard,
// was written by the version before.
const AttrTenantID = "tenant_id"

// The indexes of a data table, keys-only. ShardTimeIndex (hash AttrTenantShard, range AttrAcceptedAt) has the events.
// TenantTimeIndex (hash AttrTenantID, range AttrAcceptedAt) has those that the version before has written.
const (
	ShardTimeIndex  = "by-shard-time"
	TenantTimeIndex = "by-tenant-time"
)

// AttrClonedFrom marks an item of a data table that a move has copied from another cell (S, that cell's id). The event
// in it has been, or will be, sent by other means: the producer publishes no such item.
const AttrClonedFrom = "cloned_from"
