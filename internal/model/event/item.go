package event

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
)

// Item is the event as it stands in its cell's data table. The payload is kept as the text that the client sent.
func (e Event) Item() map[string]types.AttributeValue {
	attributes := map[string]types.AttributeValue{
		AttrKey:         item.Text(e.Key()),
		AttrTenantShard: item.Text(TenantShard(e.TenantID, e.ID)),
		AttrID:          item.Text(e.ID),
		AttrType:        item.Text(e.Type),
		AttrPayload:     item.Text(string(e.Payload)),
		AttrEpoch:       item.Number(e.Epoch),
		AttrAcceptedAt:  item.Text(FormatTime(e.AcceptedAt)),
	}
	if !e.ExpiresAt.IsZero() {
		attributes[AttrExpiresAt] = item.Number(e.ExpiresAt.Unix())
	}
	if ValidCorrelationID(e.CorrelationID) {
		attributes[AttrCorrelationID] = item.Text(e.CorrelationID)
	}
	return attributes
}

// FromItem is the inverse of Event.Item, and of what the version before made of an event: an item with AttrTenantID instead of
// AttrTenantShard. It fails, naming the attributes, on an item that neither can have made.
func FromItem(attributes map[string]types.AttributeValue) (Event, error) {
	r := item.Read(attributes)
	id := r.Checked(AttrID, ValidID, IDPattern)
	e := Event{
		TenantID:   tenantOf(r, attributes, id),
		ID:         id,
		Type:       r.Checked(AttrType, ValidType, TypePattern),
		Payload:    r.JSON(AttrPayload),
		Epoch:      r.Int(AttrEpoch, 1),
		AcceptedAt: r.Time(AttrAcceptedAt, TimeLayout),
	}
	if attributes[AttrExpiresAt] != nil {
		e.ExpiresAt = time.Unix(r.Int(AttrExpiresAt, 1), 0).UTC()
	}
	e.CorrelationID = CorrelationIDOf(attributes)
	key := r.String(AttrKey)
	if err := r.Err(); err != nil {
		return Event{}, fmt.Errorf("event item %q: %w", key, err)
	}
	if key != e.Key() {
		return Event{}, fmt.Errorf("event item %q: attributes %s and %s make the key %q", key, AttrTenantShard, AttrID, e.Key())
	}
	return e, nil
}

// CorrelationIDOf returns the correlation id that an item has, or "" where it has none that is valid.
func CorrelationIDOf(attributes map[string]types.AttributeValue) string {
	if id, ok := attributes[AttrCorrelationID].(*types.AttributeValueMemberS); ok {
		return correlationIDFrom(id.Value)
	}
	return ""
}

// tenantOf reads whose event an item is.
func tenantOf(r *item.Reader, attributes map[string]types.AttributeValue, id string) string {
	_, sharded := attributes[AttrTenantShard]
	_, named := attributes[AttrTenantID]
	if !sharded && named {
		return r.Checked(AttrTenantID, ValidTenantID, TenantIDPattern)
	}
	shard := r.Checked(AttrTenantShard, func(s string) bool {
		tenantID := TenantOfShard(s)
		return ValidTenantID(tenantID) && s == TenantShard(tenantID, id)
	}, "TENANT#SHARD with the shard of the event")
	tenantID := TenantOfShard(shard)
	if named { // an item that is listed under two tenants would be both theirs
		r.Checked(AttrTenantID, func(s string) bool { return s == tenantID }, "the tenant of "+AttrTenantShard)
	}
	return tenantID
}
