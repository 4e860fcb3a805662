package removal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
	"cellular/internal/model/openwork"
	"cellular/internal/operator/record"
)

// keyPrefix starts the hash key of a removal's record. No tenant's id begins with "#": a query for a tenant's moves does
// not find its removals, neither here nor in a program of a version that refuses any item that is not a move. For the same
// reason an open removal has a value of its own in the index of what is open, openwork.Removals.
const keyPrefix = "#removal#"

// The attributes of a record, besides its keys, the index's, the TTL's, and those of every record.
const (
	attrCell       = "cell_id"              // S
	attrOldEpoch   = "old_epoch"            // N
	attrOldFloor   = "old_floor"            // N
	attrGiveUp     = "give_up"              // S, "yes"; or absent
	attrSuspended  = "suspended_at"         // absent in records of a version that did not keep it
	attrStartedAt  = openwork.AttrStartedAt // the other times are as this one
	attrUpdatedAt  = openwork.AttrUpdatedAt
	attrFinishedAt = "finished_at" // absent before
	attrCounts     = "counts"      // S, JSON
)

// ErrMalformed is the error for an item that cannot be a removal.
var ErrMalformed = errors.New("malformed removal item")

// Item is an item of a table.
type Item = map[string]types.AttributeValue

func (r Removal) key() Item {
	return Item{controltables.AttrTenantID: item.Text(keyPrefix + r.TenantID), controltables.AttrEpoch: item.Number(r.Epoch)}
}

// item is the removal as it stands in the table.
func (r Removal) item() (Item, error) {
	counts, err := json.Marshal(r.Counts)
	if err != nil {
		return nil, err
	}
	out := r.key()
	for name, value := range map[string]string{
		attrCell: r.CellID, record.AttrPhase: string(r.Phase), attrCounts: string(counts),
		attrStartedAt: event.FormatTime(r.StartedAt), attrUpdatedAt: event.FormatTime(r.UpdatedAt),
	} {
		out[name] = item.Text(value)
	}
	out[attrOldEpoch], out[attrOldFloor], out[record.AttrRun] = item.Number(r.OldEpoch), item.Number(r.OldFloor), item.Number(r.Run)
	if !r.SuspendedAt.IsZero() {
		out[attrSuspended] = item.Text(event.FormatTime(r.SuspendedAt))
	}
	if r.GiveUp {
		out[attrGiveUp] = item.Text("yes")
	}
	if r.Holder != "" {
		out[record.AttrHolder] = item.Text(r.Holder)
	}
	if r.Phase.Ended() {
		out[attrFinishedAt] = item.Text(event.FormatTime(r.FinishedAt))
		out[controltables.AttrExpiresAt] = item.Number(r.FinishedAt.Add(record.KeepEnded).Unix())
	} else {
		out[controltables.AttrOpen] = item.Text(openwork.Removals)
	}
	return out, nil
}

// fromItem is the inverse of item. It ignores attributes that it does not know, and takes a phase of a later version, so
// that the removal can be shown; see take. Its error wraps ErrMalformed and names each attribute that is wrong.
func fromItem(attributes Item) (Removal, error) {
	r := item.Read(attributes)
	removal := Removal{
		TenantID: strings.TrimPrefix(r.Checked(controltables.AttrTenantID, validKey, keyPrefix+" and a tenant's id"), keyPrefix),
		CellID:   r.Checked(attrCell, naming.ValidCellID, naming.CellIDPattern),
		Epoch:    r.Int(controltables.AttrEpoch, 2),
		OldEpoch: r.Int(attrOldEpoch, 1),
		OldFloor: r.Int(attrOldFloor, 1),
		Phase:    Phase(openwork.PhaseOf(r.Checked(record.AttrPhase, event.IsWord, event.WordPattern))),
		GiveUp:   r.OptionalString(attrGiveUp) != "",
		Run:      r.Int(record.AttrRun, 0),
		Holder:   r.OptionalString(record.AttrHolder),

		StartedAt: r.Time(attrStartedAt, event.TimeLayout),
		UpdatedAt: r.Time(attrUpdatedAt, event.TimeLayout),
	}
	if attributes[attrSuspended] != nil {
		removal.SuspendedAt = r.Time(attrSuspended, event.TimeLayout)
	}
	if attributes[attrFinishedAt] != nil {
		removal.FinishedAt = r.Time(attrFinishedAt, event.TimeLayout)
	}
	errs := []error{r.Err()}
	if err := json.Unmarshal([]byte(r.String(attrCounts)), &removal.Counts); err != nil {
		errs = append(errs, fmt.Errorf("attribute %s: %w", attrCounts, err))
	}
	if err := errors.Join(errs...); err != nil {
		return Removal{}, fmt.Errorf("%w: tenant %q, epoch %d: %w", ErrMalformed, removal.TenantID, removal.Epoch, err)
	}
	return removal, nil
}

func validKey(s string) bool {
	tenantID, ok := strings.CutPrefix(s, keyPrefix)
	return ok && event.ValidTenantID(tenantID)
}

// now is a time as a record keeps it.
func now(o *Options) time.Time { return o.Now().UTC().Truncate(time.Millisecond) }
