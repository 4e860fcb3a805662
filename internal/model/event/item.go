package event

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
)

// Item is the event as it stands in its cell's data table. The payload is kept as the text that the client sent.
func (e Event) Item() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		AttrKey:        &types.AttributeValueMemberS{Value: e.Key()},
		AttrTenantID:   &types.AttributeValueMemberS{Value: e.TenantID},
		AttrID:         &types.AttributeValueMemberS{Value: e.ID},
		AttrType:       &types.AttributeValueMemberS{Value: e.Type},
		AttrPayload:    &types.AttributeValueMemberS{Value: string(e.Payload)},
		AttrEpoch:      &types.AttributeValueMemberN{Value: strconv.FormatInt(e.Epoch, 10)},
		AttrAcceptedAt: &types.AttributeValueMemberS{Value: FormatTime(e.AcceptedAt)},
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
