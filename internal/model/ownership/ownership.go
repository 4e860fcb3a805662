// Package ownership says which cell may apply a tenant's events. A cell that has ever given a tenant away, or taken one
// over, has one item for that tenant in its results table: the fence. It holds the floor, the lowest epoch whose events
// the cell applies. A cell without a fence for a tenant applies whatever reaches it, which is how every tenant starts.
//
// The fence is enforced where it cannot be raced: it is a condition of the very transaction that applies an event. Whoever
// raises a floor therefore knows that nothing stamped below it takes effect from then on, however long a process was
// frozen or a request was under way.
package ownership

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
)

// State is a cell's part in the life of a tenant.
type State string

const (
	Incoming State = "incoming" // a move copies the tenant into this cell
	Owner    State = "owner"    // the tenant came by a move, and is at home here
	Outgoing State = "outgoing" // a move takes the tenant out of this cell
	Left     State = "left"     // the tenant has gone; what arrives late is diverted
)

// The attributes of a fence. None is event.AttrTenantID: a fence belongs to its cell and never moves with the tenant.
const (
	AttrTenant    = "fenced_tenant" // S
	AttrFloor     = "floor"         // N
	AttrState     = "state"         // S, a State
	AttrPeer      = "peer_cell"     // S, the other cell of the move; "" once there is nothing to be found there any more
	AttrUpdatedAt = "updated_at"    // S, event.TimeLayout

	// AttrRemovedBelow (N) is absent in a cell where the tenant was never removed. Once written, it only grows.
	AttrRemovedBelow = "removed_below"
)

const keyPrefix = "#owner#"

// Key is the key of a tenant's fence in a results table.
func Key(tenantID string) string { return keyPrefix + tenantID }

// Reserved reports whether a key of a results table is the system's own: an event's, whose item is its outcome, a fence's,
// or that of a note of the consumer. All others are the business logic's.
func Reserved(key string) bool {
	return !strings.HasPrefix(key, event.StatePrefix) || strings.HasPrefix(key, keyPrefix) ||
		key == event.AppliedKey || strings.HasPrefix(key, event.TrialPrefix)
}

// Fence is one tenant's fence in one cell.
type Fence struct {
	TenantID  string
	Floor     int64 // the lowest epoch whose events the cell applies
	State     State
	Peer      string // where else the tenant's events may be read; "" for nowhere
	UpdatedAt time.Time
	// RemovedBelow says that events of lower epochs belong to a tenant of this name that was removed. The cell drops them:
	// nobody waits for them, and what they did is gone. 0 where no such tenant was ever removed.
	RemovedBelow int64
}

// Removed reports whether an event of this epoch belongs to a tenant that was removed.
func (f Fence) Removed(epoch int64) bool { return epoch < f.RemovedBelow }

// ErrMalformed is the error for an item that cannot be a fence.
var ErrMalformed = errors.New("malformed ownership item")

// Item is the fence as it stands in the results table.
func (f Fence) Item() map[string]types.AttributeValue {
	attributes := map[string]types.AttributeValue{
		event.AttrKey: item.Text(Key(f.TenantID)),
		AttrTenant:    item.Text(f.TenantID),
		AttrFloor:     item.Number(f.Floor),
		AttrState:     item.Text(string(f.State)),
		AttrPeer:      item.Text(f.Peer),
		AttrUpdatedAt: item.Text(event.FormatTime(f.UpdatedAt)),
	}
	if f.RemovedBelow > 0 {
		attributes[AttrRemovedBelow] = item.Number(f.RemovedBelow)
	}
	return attributes
}

// Set writes the fence, as an operation of a transaction. It leaves alone what the fence has besides: above all
// AttrRemovedBelow, unless f has one.
func Set(resultsTable string, f Fence) types.TransactWriteItem {
	update := &types.Update{
		TableName:        aws.String(resultsTable),
		Key:              map[string]types.AttributeValue{event.AttrKey: item.Text(Key(f.TenantID))},
		UpdateExpression: aws.String("SET #tenant = :tenant, #floor = :floor, #state = :state, #peer = :peer, #updated = :updated"),
		ExpressionAttributeNames: map[string]string{
			"#tenant": AttrTenant, "#floor": AttrFloor, "#state": AttrState, "#peer": AttrPeer, "#updated": AttrUpdatedAt,
		},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":tenant": item.Text(f.TenantID), ":floor": item.Number(f.Floor), ":state": item.Text(string(f.State)), ":peer": item.Text(f.Peer),
			":updated": item.Text(event.FormatTime(f.UpdatedAt)),
		},
	}
	if f.RemovedBelow > 0 {
		*update.UpdateExpression += ", #removed = :removed"
		update.ExpressionAttributeNames["#removed"] = AttrRemovedBelow
		update.ExpressionAttributeValues[":removed"] = item.Number(f.RemovedBelow)
	}
	return types.TransactWriteItem{Update: update}
}

// FromItem is the inverse of Item. It ignores attributes that it does not know, and takes the state of a later version: who
// reads a fence for its floor or its peer has no need to know the state. Its error wraps ErrMalformed and names each attribute that is wrong.
func FromItem(attributes map[string]types.AttributeValue) (Fence, error) {
	r := item.Read(attributes)
	f := Fence{
		TenantID:  r.Checked(AttrTenant, event.ValidTenantID, event.TenantIDPattern),
		Floor:     r.Int(AttrFloor, 1),
		State:     State(r.Checked(AttrState, event.IsWord, event.WordPattern)),
		Peer:      r.Checked(AttrPeer, validPeer, "empty or "+naming.CellIDPattern),
		UpdatedAt: r.Time(AttrUpdatedAt, event.TimeLayout),
	}
	if attributes[AttrRemovedBelow] != nil {
		f.RemovedBelow = r.Int(AttrRemovedBelow, 1)
	}
	if err := r.Err(); err != nil {
		return Fence{}, fmt.Errorf("%w: %w", ErrMalformed, err)
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

// MayApply is the condition, as an operation of a transaction, that the cell applies events of this epoch.
func MayApply(resultsTable, tenantID string, epoch int64) types.TransactWriteItem {
	return check(resultsTable, tenantID, "attribute_not_exists(#floor) OR #floor <= :epoch",
		map[string]string{"#floor": AttrFloor}, map[string]types.AttributeValue{":epoch": item.Number(epoch)})
}

// MustDivert is the opposite of MayApply for events that somebody waits for: those of a tenant that was removed are neither
// applied nor diverted.
func MustDivert(resultsTable, tenantID string, epoch int64) types.TransactWriteItem {
	return check(resultsTable, tenantID, "(#floor > :epoch AND attribute_not_exists(#removed)) OR (#floor > :epoch AND #removed <= :epoch)",
		map[string]string{"#floor": AttrFloor, "#removed": AttrRemovedBelow}, map[string]types.AttributeValue{":epoch": item.Number(epoch)})
}

// NotRemovedSince is the condition, as an operation of a transaction, that no tenant of the name was removed from the cell
// since its fence, or none, was read.
func NotRemovedSince(resultsTable, tenantID string, read Fence) types.TransactWriteItem {
	names := map[string]string{"#removed": AttrRemovedBelow}
	if read.RemovedBelow == 0 {
		return check(resultsTable, tenantID, "attribute_not_exists(#removed)", names, nil)
	}
	return check(resultsTable, tenantID, "#removed = :read", names, map[string]types.AttributeValue{":read": item.Number(read.RemovedBelow)})
}

// MustBeFenced is the condition, as an operation of a transaction, that the cell has a fence with this floor or a higher one.
func MustBeFenced(resultsTable, tenantID string, floor int64) types.TransactWriteItem {
	return check(resultsTable, tenantID, "#floor >= :floor",
		map[string]string{"#floor": AttrFloor}, map[string]types.AttributeValue{":floor": item.Number(floor)})
}

func check(table, tenantID, condition string, names map[string]string, values map[string]types.AttributeValue) types.TransactWriteItem {
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName:                 aws.String(table),
		Key:                       map[string]types.AttributeValue{event.AttrKey: item.Text(Key(tenantID))},
		ConditionExpression:       aws.String(condition),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}}
}
