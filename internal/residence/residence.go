// Package residence keeps what has to be known of a tenant when its mapping is gone: one record per tenant, with the cell
// that it was in last, the highest epoch that it was ever given, and the epoch up to which it was removed. A record is
// never deleted. Whoever creates a mapping, or changes a mapping's cell or epoch, writes the record in the same
// transaction.
//
// A tenant that was placed before there were records has none until something of it changes: no record means that nothing
// is known, not that there is nothing. Tenants that cells are probed with never have one. They are always in the cell that
// they are named for, and what they leave there belongs to nobody.
//
// # Where it is
//
// The records are in the moves table, under the hash key "#tenant#TENANT" and the epoch 0, without the attribute of its TTL.
// No tenant's id begins with "#": a query for a tenant's moves does not find the record, neither here nor in a program of a
// version that knows no records and refuses any item that is not a move. The table's index has, under "placed#CELL", the
// tenants that were in a cell last and were not removed; moves under way are under another value.
package residence

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/controltables"
	"cellular/internal/event"
	"cellular/internal/item"
	"cellular/internal/naming"
)

// The attributes of a record, besides the keys of the moves table.
const (
	AttrLastCell     = "last_cell"     // S
	AttrLastEpoch    = "last_epoch"    // N
	AttrRemovedEpoch = "removed_epoch" // N; absent for a tenant that was never removed
	AttrUpdatedAt    = controltables.AttrUpdatedAt
)

const (
	keyPrefix    = "#tenant#"
	keyEpoch     = "0"
	placedPrefix = "placed#" // of controltables.AttrOpen, before the cell
)

// Record is what is known of a tenant, whether it has a mapping or not. The record of a tenant of which nothing is known
// has its TenantID and zeros.
type Record struct {
	TenantID     string
	LastCell     string // the cell that the tenant was placed in or moved to last; "" where nothing is known
	LastEpoch    int64  // the highest epoch that the tenant was ever given
	RemovedEpoch int64  // what the tenant did up to this epoch was removed with it; 0 for a tenant that never was
	UpdatedAt    time.Time
}

// Known reports whether there is a record.
func (r Record) Known() bool { return r.LastCell != "" }

// Removed reports whether the tenant was removed and not placed since: LastCell then holds nothing that anybody misses.
func (r Record) Removed() bool { return r.RemovedEpoch > 0 && r.RemovedEpoch >= r.LastEpoch }

// NextEpoch is the lowest epoch that the tenant was not given yet, as far as the record knows.
func (r Record) NextEpoch() int64 { return max(r.LastEpoch, r.RemovedEpoch) + 1 }

// ErrMalformed is the error for an item that cannot be a record.
var ErrMalformed = errors.New("malformed record of a tenant")

// FromItem reads a record. Attributes that it does not know are ignored. Its error wraps ErrMalformed and names each
// attribute that is wrong.
func FromItem(attributes map[string]types.AttributeValue) (Record, error) {
	r := item.Read(attributes)
	record := Record{
		TenantID:  strings.TrimPrefix(r.Checked(controltables.AttrTenantID, validKey, keyPrefix+" and a tenant's id"), keyPrefix),
		LastCell:  r.Checked(AttrLastCell, naming.ValidCellID, naming.CellIDPattern),
		LastEpoch: r.Int(AttrLastEpoch, 1),
		UpdatedAt: r.Time(AttrUpdatedAt, event.TimeLayout),
	}
	if attributes[AttrRemovedEpoch] != nil {
		record.RemovedEpoch = r.Int(AttrRemovedEpoch, 1)
	}
	if err := r.Err(); err != nil {
		return Record{}, fmt.Errorf("%w: tenant %q: %w", ErrMalformed, record.TenantID, err)
	}
	return record, nil
}

func validKey(s string) bool {
	tenantID, ok := strings.CutPrefix(s, keyPrefix)
	return ok && event.ValidTenantID(tenantID)
}

// Key is the key of a tenant's record in the moves table.
func Key(tenantID string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		controltables.AttrTenantID: text(keyPrefix + tenantID),
		controltables.AttrEpoch:    &types.AttributeValueMemberN{Value: keyEpoch},
	}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
