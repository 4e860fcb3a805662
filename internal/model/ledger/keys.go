package ledger

import (
	"slices"
	"strconv"
	"strings"

	"cellular/internal/model/event"
)

// StatePrefix begins the key of every item of a results table that is no event's outcome. No tenant id begins with it.
const StatePrefix = "#"

// The keys of the system's own items besides outcomes, which have their events' keys.
const (
	fencePrefix = StatePrefix + "owner#" // and the tenant; of a copy also fenceCopySeparator and its number
	TrialPrefix = StatePrefix + "trial#" // and the id of a message
	AppliedKey  = StatePrefix + "applied"

	clonePrefix    = StatePrefix + "clone#"    // and the tenant
	attemptsPrefix = StatePrefix + "attempts#" // and the event's key
)

// IsState reports whether a key of a results table is no event's. Among a tenant's items, those are the business logic's.
func IsState(key string) bool { return strings.HasPrefix(key, StatePrefix) }

// Reserved reports whether a key of a results table is the system's own: an event's, whose item is its outcome, a fence's,
// a copy's of one, or that of a note of the consumer or of a move. All others are the business logic's.
func Reserved(key string) bool {
	return !IsState(key) || key == AppliedKey || slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

var reservedPrefixes = []string{fencePrefix, TrialPrefix, clonePrefix, attemptsPrefix}

// IsFence reports whether a key of a results table is a fence's, and not one of its copies'.
func IsFence(key string) bool {
	tenantID, ok := strings.CutPrefix(key, fencePrefix)
	return ok && !strings.Contains(tenantID, fenceCopySeparator)
}

// FenceKey is the key of a tenant's fence in a results table.
func FenceKey(tenantID string) string { return fencePrefix + tenantID }

// fenceCopySeparator is in the key of a fence's copy before its number. No tenant id has it.
const fenceCopySeparator = "#"

// FenceCopyKey is the key, in a results table, of the copy of a tenant's fence that decides on an event.
func FenceCopyKey(tenantID, eventID string) string {
	return copyKey(tenantID, event.Shard(eventID, FenceCopies))
}

func copyKey(tenantID string, n int) string {
	return FenceKey(tenantID) + fenceCopySeparator + strconv.Itoa(n)
}

// itemKey is a key as the operations of DynamoDB take it.
func itemKey(key string) Item { return Item{event.AttrKey: text(key)} }
