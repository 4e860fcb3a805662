package app

import "cellular/internal/model/event"

// Shards is over how many items to spread what many events of one tenant write. It can never be changed where there is data.
const Shards = 64

// Shard returns which of a tenant's Shards an event belongs to, from 0 on. It goes by the event's id alone, and is the
// same on every try and in every cell. Two events of a tenant that are applied at the same moment meet in an item if they
// both write to it, and DynamoDB then cancels one of the two transactions: so an item that every event writes to holds a large tenant up.
// Put the shard into the key of such an item, and sum the items when you read.
//
// The copies of a tenant's fence are numbered the same way: items that are sharded by Shard add no conflict to those that
// the system has anyway.
func Shard(e Event) int { return event.Shard(e.ID, Shards) }
