package event

import "hash/fnv"

// Shard spreads a tenant's events over n shards, numbered from 0. An event stays in its shard for as long as there is
// anything of it, so neither the hash nor an n that is in use can be changed.
//
// The hash is FNV-1a in 32 bits, folded as its authors recommend where fewer bits are wanted: ids that differ only in their last
// characters are spread as well.
func Shard(eventID string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(eventID))
	sum := h.Sum32()
	return int((sum ^ sum>>16) % uint32(n))
}
