package event

import (
	"strings"
	"time"
)

// SyntheticPrefix begins the name of each tenant that a cell is probed with. No other tenant's name begins so.
const SyntheticPrefix = "cellctl-probe."

// SyntheticTTL is how long a synthetic event is kept from when it was accepted, and its outcome from when it was written. Whoever
// sent the event has read its outcome or given up within minutes; an hour is enough to look at the last ones that failed.
// An event that is still on its way then says nothing any more: the consumer drops it.
const SyntheticTTL = time.Hour

// Synthetic reports whether an event was made to see whether its cell works. It belongs to nobody: it takes the way of any other
// event, but no business logic sees it, and it is counted apart. Its tenant tells, and not its type, which is the sender's to choose.
func (e Event) Synthetic() bool { return SyntheticTenant(e.TenantID) }

// KeptFor returns how long what is about an event of a tenant is kept, which is ttl of tenants' events.
func KeptFor(tenantID string, ttl time.Duration) time.Duration {
	if SyntheticTenant(tenantID) {
		return min(ttl, SyntheticTTL)
	}
	return ttl
}

// SyntheticTenant reports whether a tenant's events are synthetic.
func SyntheticTenant(tenantID string) bool { return strings.HasPrefix(tenantID, SyntheticPrefix) }
