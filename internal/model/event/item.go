package event

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
)

// Item is the event as it stands in its cell's data table. The payload is kept as the text that the client sent.
func (e Event) Item() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		AttrKey:        item.Text(e.Key()),
		AttrTenantID:   item.Text(e.TenantID),
		AttrID:         item.Text(e.ID),
		AttrType:       item.Text(e.Type),
		AttrPayload:    item.Text(string(e.Payload)),
		AttrEpoch:      item.Number(e.Epoch),
		AttrAcceptedAt: item.Text(FormatTime(e.AcceptedAt)),
	}
}

// FromItem is the inverse of Event.Item. It fails, naming the attributes, on an item that Item cannot have made.
func FromItem(attributes map[string]types.AttributeValue) (Event, error) {
	r := item.Read(attributes)
	e := Event{
		TenantID:   r.Checked(AttrTenantID, ValidTenantID, TenantIDPattern),
		ID:         r.Checked(AttrID, ValidID, IDPattern),
		Type:       r.Checked(AttrType, ValidType, TypePattern),
		Payload:    r.JSON(AttrPayload),
		Epoch:      r.Int(AttrEpoch, 1),
		AcceptedAt: r.Time(AttrAcceptedAt, TimeLayout),
	}
	key := r.String(AttrKey)
	if err := r.Err(); err != nil {
		return Event{}, fmt.Errorf("event item %q: %w", key, err)
	}
	if key != e.Key() {
		return Event{}, fmt.Errorf("event item %q: attributes %s and %s make the key %q", key, AttrTenantID, AttrID, e.Key())
	}
	return e, nil
}
