package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
)

// FenceState is a cell's part in the life of a tenant.
type FenceState string

const (
	Incoming FenceState = "incoming" // a move copies the tenant into this cell
	Owner    FenceState = "owner"    // the tenant came by a move, and is at home here
	Outgoing FenceState = "outgoing" // a move takes the tenant out of this cell
	Left     FenceState = "left"     // the tenant has gone; what arrives late is diverted
)

// The attributes of a fence. None is event.AttrTenantID: a fence belongs to its cell and never moves with the tenant.
const (
	AttrFencedTenant = "fenced_tenant" // S
	AttrFloor        = "floor"         // N
	AttrFenceState   = "state"         // S, a FenceState
	AttrPeer         = "peer_cell"     // S, the other cell of the move; "" once there is nothing to be found there any more
	AttrFencedAt     = "updated_at"    // S, event.TimeLayout

	// AttrCopiedFloor (N) is the floor that the copies were brought to, or are being brought to, when the fence was written. A fence
	// where it is not AttrFloor was written by a version that knows no copies: see ConvertFence.
	AttrCopiedFloor = "copied_floor"

	// AttrRemovedBelow (N) is absent in a cell where the tenant was never removed. Once written, it only grows.
	AttrRemovedBelow = "removed_below"
)

// Fence is one tenant's fence in one cell, as readers go by it. What events are checked against is its copies: see FenceCopy.
type Fence struct {
	TenantID  string
	Floor     int64 // the lowest epoch whose events the cell applies
	State     FenceState
	Peer      string // where else the tenant's events may be read; "" for nowhere
	UpdatedAt time.Time
	// RemovedBelow says that events of lower epochs belong to a tenant of this name that was removed. The cell drops them:
	// nobody waits for them, and what they did is gone. 0 where no such tenant was ever removed.
	RemovedBelow int64
	// Copied is the floor for which the fence has copies. It is not Floor, and 0 at first, where a version wrote the fence that
	// knows no copies.
	Copied int64
}

// Removed reports whether an event of this epoch belongs to a tenant that was removed.
func (f Fence) Removed(epoch int64) bool { return epoch < f.RemovedBelow }

// ErrMalformedFence is the error for an item that cannot be a fence.
var ErrMalformedFence = errors.New("malformed fence")

// Item is the fence as it stands in the results table.
func (f Fence) Item() Item {
	attributes := Item{
		event.AttrKey:    text(FenceKey(f.TenantID)),
		AttrFencedTenant: text(f.TenantID),
		AttrFloor:        number(f.Floor),
		AttrFenceState:   text(string(f.State)),
		AttrPeer:         text(f.Peer),
		AttrFencedAt:     text(event.FormatTime(f.UpdatedAt)),
	}
	if f.RemovedBelow > 0 {
		attributes[AttrRemovedBelow] = number(f.RemovedBelow)
	}
	if f.Copied > 0 {
		attributes[AttrCopiedFloor] = number(f.Copied)
	}
	return attributes
}

// FenceAttributes returns the names of the attributes that a fence is read from.
func FenceAttributes() []string {
	return []string{AttrFencedTenant, AttrFloor, AttrFenceState, AttrPeer, AttrFencedAt, AttrRemovedBelow, AttrCopiedFloor}
}

// SetFence writes the fence, as an operation of a transaction. It leaves alone what the fence has besides: above all
// AttrRemovedBelow, unless f has one. The copies are for BringFence to write: before, where the floor is raised, and afterwards,
// where it is lowered.
func SetFence(resultsTable string, f Fence) types.TransactWriteItem {
	update := &types.Update{
		TableName:        aws.String(resultsTable),
		Key:              Item{event.AttrKey: text(FenceKey(f.TenantID))},
		UpdateExpression: aws.String("SET #tenant = :tenant, #floor = :floor, #copied = :floor, #state = :state, #peer = :peer, #updated = :updated"),
		ExpressionAttributeNames: map[string]string{
			"#tenant": AttrFencedTenant, "#floor": AttrFloor, "#copied": AttrCopiedFloor, "#state": AttrFenceState, "#peer": AttrPeer, "#updated": AttrFencedAt,
		},
		ExpressionAttributeValues: Item{
			":tenant": text(f.TenantID), ":floor": number(f.Floor), ":state": text(string(f.State)), ":peer": text(f.Peer),
			":updated": text(event.FormatTime(f.UpdatedAt)),
		},
	}
	setRemoved(update, f)
	return types.TransactWriteItem{Update: update}
}

// FenceFromItem is the inverse of Item. It ignores attributes that it does not know, and takes the state of a later version: who
// reads a fence for its floor or its peer has no need to know the state. Its error wraps ErrMalformedFence and names each attribute that is wrong.
func FenceFromItem(attributes Item) (Fence, error) {
	r := item.Read(attributes)
	f := Fence{
		TenantID:  r.Checked(AttrFencedTenant, event.ValidTenantID, event.TenantIDPattern),
		Floor:     r.Int(AttrFloor, 1),
		State:     FenceState(r.Checked(AttrFenceState, event.IsWord, event.WordPattern)),
		Peer:      r.Checked(AttrPeer, validPeer, "empty or "+naming.CellIDPattern),
		UpdatedAt: r.Time(AttrFencedAt, event.TimeLayout),
	}
	if attributes[AttrRemovedBelow] != nil {
		f.RemovedBelow = r.Int(AttrRemovedBelow, 1)
	}
	if attributes[AttrCopiedFloor] != nil {
		f.Copied = r.Int(AttrCopiedFloor, 1)
	}
	if err := r.Err(); err != nil {
		return Fence{}, fmt.Errorf("%w: %w", ErrMalformedFence, err)
	}
	return f, nil
}

// Known returns nil if this version knows the fence's state, and otherwise an error that says what to do. Who decides by
// the state, or writes a fence, asks first.
func (f Fence) Known() error {
	switch f.State {
	case Incoming, Owner, Outgoing, Left:
		return nil
	}
	return fmt.Errorf("the fence of tenant %q has the state %q, which this version does not know: a newer one is at work, use that", f.TenantID, f.State)
}

func validPeer(s string) bool { return s == "" || naming.ValidCellID(s) }
