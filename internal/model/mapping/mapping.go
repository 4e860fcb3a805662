// Package mapping is the control plane's tenant to cell mapping: its items, and how to read one.
package mapping

import (
	"time"

	"cellular/internal/model/event"
)

// State says what the router may do with a tenant.
type State string

const (
	Active    State = "active"    // events are routed
	Moving    State = "moving"    // events are routed; a move to another cell is under way
	Suspended State = "suspended" // events are refused
)

// Known reports whether this version knows a state. One of a later version is no error: the tenant is not routable, and
// nobody changes its mapping.
func (s State) Known() bool {
	switch s {
	case Active, Moving, Suspended:
		return true
	}
	return false
}

// Mapping is one tenant's place.
type Mapping struct {
	TenantID  string
	CellID    string
	Epoch     int64 // grows by one with each change of owner
	State     State
	Tier      string // standard | dedicated
	MovingTo  string // the cell that a move under way takes the tenant to, or back to; "" without a move
	UpdatedAt time.Time
	Removing  int64 // the epoch of the removal that is under way, which nothing else may then change; 0 without one
}

// Leaving reports whether a move takes the tenant out of its cell, and not back to it.
func (m Mapping) Leaving() bool { return m.MovingTo != "" && m.MovingTo != m.CellID }

// The attributes of an item in the mapping table.
const (
	AttrTenantID  = "tenant_id"  // S, the hash key
	AttrCellID    = "cell_id"    // S
	AttrEpoch     = "epoch"      // N
	AttrState     = "state"      // S, a State
	AttrTier      = "tier"       // S
	AttrUpdatedAt = "updated_at" // S, event.TimeLayout
	AttrMovingTo  = "moving_to"  // S; only while a move is under way
	AttrRemoving  = "removing"   // N; only while the tenant, which is suspended, is being removed
)

// CellIndex is the mapping table's index of the tenants of a cell: hash AttrCellID, range AttrTenantID, all attributes.
const CellIndex = "by-cell"

// ProbeTenant is the tenant that a cell is probed with. It belongs to nobody, and does not count as one of the cell's.
func ProbeTenant(cellID string) string { return event.SyntheticPrefix + cellID }

// IsProbeTenant reports whether a tenant is one that cells are probed with.
func IsProbeTenant(tenantID string) bool { return event.SyntheticTenant(tenantID) }
