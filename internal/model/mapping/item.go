package mapping

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
)

// ErrMalformed is the error for an item of the mapping table that cannot be a mapping. The table answered: trying
// again does not help, repairing the item does.
var ErrMalformed = errors.New("malformed mapping item")

// The tiers of a cell and of a tenant.
const (
	TierStandard  = "standard"
	TierDedicated = "dedicated"
)

// Routable reports whether the router may send the tenant's requests to the tenant's cell.
func (m Mapping) Routable() bool { return m.State == Active || m.State == Moving }

// Item is the mapping as it stands in the mapping table.
func (m Mapping) Item() map[string]types.AttributeValue {
	attributes := map[string]types.AttributeValue{
		AttrTenantID:  item.Text(m.TenantID),
		AttrCellID:    item.Text(m.CellID),
		AttrEpoch:     item.Number(m.Epoch),
		AttrState:     item.Text(string(m.State)),
		AttrTier:      item.Text(m.Tier),
		AttrUpdatedAt: item.Text(event.FormatTime(m.UpdatedAt)),
	}
	if m.MovingTo != "" {
		attributes[AttrMovingTo] = item.Text(m.MovingTo)
	}
	if m.Removing > 0 {
		attributes[AttrRemoving] = item.Number(m.Removing)
	}
	return attributes
}

// FromItem is the inverse of Item. It ignores attributes that it does not know, and takes states and tiers of later
// versions, such as are words. Its error wraps ErrMalformed and names each attribute that is wrong.
func FromItem(attributes map[string]types.AttributeValue) (Mapping, error) {
	r := item.Read(attributes)
	m := Mapping{
		TenantID:  r.Checked(AttrTenantID, event.ValidTenantID, event.TenantIDPattern),
		CellID:    r.Checked(AttrCellID, naming.ValidCellID, naming.CellIDPattern),
		Epoch:     r.Int(AttrEpoch, 1),
		State:     State(r.Checked(AttrState, event.IsWord, event.WordPattern)),
		Tier:      r.Checked(AttrTier, event.IsWord, event.WordPattern),
		UpdatedAt: r.Time(AttrUpdatedAt, event.TimeLayout),
		MovingTo:  r.OptionalString(AttrMovingTo),
	}
	if attributes[AttrRemoving] != nil {
		m.Removing = r.Int(AttrRemoving, 1)
	}
	if err := r.Err(); err != nil {
		return Mapping{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return m, nil
}
