package restore

import (
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/tenantdata"
)

// candidate is an item of a scratch table that may be put back.
type candidate struct {
	key, tenant string
	item        tenantdata.Item
	epoch       int64 // 0 for an item without one
}

// outcomeOf takes an event's outcome for a candidate, or says why it is none.
func outcomeOf(found tenantdata.Item, now time.Time) (candidate, Reason) {
	key, outcome := tenantdata.Key(found), ledger.Peek(found)
	tenant, _, err := event.ParseKey(key)
	switch {
	case err != nil:
		return candidate{}, NoTenant
	case outcome.Status == ledger.Diverted:
		return candidate{}, Diverted
	case outcome.Status != ledger.Processed && outcome.Status != ledger.Failed:
		return candidate{}, NoTenant
	case ledger.Expired(found, now):
		return candidate{}, Expired
	}
	return candidate{key, tenant, ledger.Sharded(found), outcome.Epoch}, ""
}

// stateOf takes an item of the business logic for a candidate, or says why it is none.
func stateOf(found tenantdata.Item) (candidate, Reason) {
	tenant := item.Read(found).OptionalString(event.AttrTenantID)
	if !event.ValidTenantID(tenant) {
		return candidate{}, NoTenant
	}
	return candidate{key: tenantdata.Key(found), tenant: tenant, item: found}, ""
}

// eventOf takes an event for a candidate, or says why it is none.
func eventOf(found tenantdata.Item, cellID string, now time.Time) (candidate, Reason) {
	e, err := event.FromItem(found)
	switch {
	case err != nil:
		return candidate{}, NoTenant
	case e.Expired(now): // DynamoDB restores a table without its TTL
		return candidate{}, Expired
	}
	clone := tenantdata.Item{event.AttrClonedFrom: item.Text(cellID)}
	for name, v := range event.Sharded(found) {
		if name != event.AttrClonedFrom {
			clone[name] = v
		}
	}
	return candidate{e.Key(), e.TenantID, clone, e.Epoch}, ""
}
