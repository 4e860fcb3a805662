package restore

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ownership"
	"cellular/internal/operator/tenantdata"
)

// candidate is an item of a scratch table that may be put back.
type candidate struct {
	key, tenant string
	item        tenantdata.Item
	epoch       int64 // 0 for an item without one
}

// isState reports whether a key of a results table is no event's.
func isState(key string) bool { return strings.HasPrefix(key, "#") }

// outcomeOf takes an event's outcome for a candidate, or says why it is none.
func outcomeOf(found tenantdata.Item, now time.Time) (candidate, Reason) {
	key := tenantdata.Key(found)
	tenant, _, err := event.ParseKey(key)
	switch {
	case err != nil:
		return candidate{}, NoTenant
	case statusOf(found) == event.Diverted:
		return candidate{}, Diverted
	case statusOf(found) != event.Processed && statusOf(found) != event.Failed:
		return candidate{}, NoTenant
	case expired(found, now):
		return candidate{}, Expired
	}
	return candidate{key, tenant, found, epochOf(found)}, ""
}

// epochOf is the epoch of an outcome; 0 where it has none that can be read.
func epochOf(found tenantdata.Item) int64 {
	n, _ := found[event.AttrEpoch].(*types.AttributeValueMemberN)
	if n == nil {
		return 0
	}
	epoch, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || epoch < 1 {
		return 0
	}
	return epoch
}

// isFence reports whether a key of a results table is a fence's. A fence says what is true now, and is a move's to write.
func isFence(key string) bool { return strings.HasPrefix(key, ownership.Key("")) }

// stateOf takes an item of the business logic for a candidate, or says why it is none.
func stateOf(found tenantdata.Item) (candidate, Reason) {
	tenant := item.Read(found).OptionalString(event.AttrTenantID)
	if !event.ValidTenantID(tenant) {
		return candidate{}, NoTenant
	}
	return candidate{key: tenantdata.Key(found), tenant: tenant, item: found}, ""
}

// eventOf takes an event for a candidate, or says why it is none.
func eventOf(found tenantdata.Item, cellID string) (candidate, Reason) {
	e, err := event.FromItem(found)
	if err != nil {
		return candidate{}, NoTenant
	}
	clone := tenantdata.Item{event.AttrClonedFrom: item.Text(cellID)}
	for name, v := range found {
		if name != event.AttrClonedFrom {
			clone[name] = v
		}
	}
	return candidate{e.Key(), e.TenantID, clone, e.Epoch}, ""
}

func statusOf(entry tenantdata.Item) event.Status {
	return event.Status(item.Read(entry).OptionalString(event.AttrStatus))
}

// settled reports whether a ledger's entry says what became of its event in the end.
func settled(entry tenantdata.Item, now time.Time) bool {
	return !event.UnderWay(entry, now) && (statusOf(entry) == event.Processed || statusOf(entry) == event.Failed)
}

// expired reports whether the table's TTL would have deleted an item by now. DynamoDB restores a table without its TTL.
func expired(found tenantdata.Item, now time.Time) bool {
	n, ok := found[event.AttrExpiresAt].(*types.AttributeValueMemberN)
	if !ok {
		return false
	}
	at, err := strconv.ParseInt(n.Value, 10, 64)
	return err == nil && at <= now.Unix()
}
