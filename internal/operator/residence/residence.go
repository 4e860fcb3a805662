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
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
)

// The attributes of a record, besides the keys of the moves table.
const (
	AttrLastCell     = "last_cell"     // S
	AttrLastEpoch    = "last_epoch"    // N
	AttrRemovedEpoch = "removed_epoch" // N; absent for a tenant that was never removed
	AttrRemovedAt    = "removed_at"    // S, event.TimeLayout; absent too where a version without it removed the tenant
	AttrRevivedEpoch = "revived_epoch" // N; absent for a tenant that was never revived
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
	LastCell     string    // the cell that the tenant was placed in or moved to last; "" where nothing is known
	LastEpoch    int64     // the highest epoch that the tenant was ever given
	RemovedEpoch int64     // what the tenant did up to this epoch was removed with it; 0 for a tenant that never was
	RemovedAt    time.Time // when the last removal ended; zero where that is not known
	RevivedEpoch int64     // under which a restore brought the removed tenant back, the last time; 0 for never
	UpdatedAt    time.Time
}

// Known reports whether there is a record.
func (r Record) Known() bool { return r.LastCell != "" }

// Removed reports whether the tenant was removed and not placed since: LastCell then holds nothing that anybody misses.
func (r Record) Removed() bool { return r.RemovedEpoch > 0 && r.RemovedEpoch >= r.LastEpoch }

// GoneBy is a time by which the last removal had ended, so that no cell held anything of the removed life any more; zero for
// a tenant that was never removed. It is later than that where a version without RemovedAt removed the tenant.
func (r Record) GoneBy() time.Time {
	if r.RemovedEpoch > 0 && r.RemovedAt.IsZero() {
		return r.UpdatedAt
	}
	return r.RemovedAt
}

// Revived reports whether the tenant's life since the last removal goes on with the life that was removed.
func (r Record) Revived() bool { return r.RevivedEpoch > r.RemovedEpoch }

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
	if attributes[AttrRemovedAt] != nil {
		record.RemovedAt = r.Time(AttrRemovedAt, event.TimeLayout)
	}
	if attributes[AttrRevivedEpoch] != nil {
		record.RevivedEpoch = r.Int(AttrRevivedEpoch, 1)
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
		controltables.AttrTenantID: item.Text(keyPrefix + tenantID),
		controltables.AttrEpoch:    &types.AttributeValueMemberN{Value: keyEpoch},
	}
}
