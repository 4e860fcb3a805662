package removal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/openwork"
	"cellular/internal/operator/tenantdata"
)

// ErrOtherCell is the error for a tenant that is not in the cell which is said to be lost.
var ErrOtherCell = errors.New("the tenant is in another cell")

// Outlook is what the removal of a tenant would meet.
type Outlook struct {
	From      time.Time       // it can begin then; in the past for now
	Unsettled int             // events that the tenant's cell has neither processed nor given up on, where they were counted
	Holding   []manifest.Cell // those that hold anything of the tenant
}

// Check looks for everything that stands against a removal of a tenant that has this mapping, before anything is done: the
// errors of Ready, ErrOtherCell, ErrCellLost, ErrUnsettled, and ErrHolds if nothing is decided about what the cells hold.
//
// With wait, a tenant that was suspended too short a time ago is no error. Its events may be settled by the time from which
// the removal can begin, and are left to a Check after that.
func (m *Remover) Check(ctx context.Context, place mapping.Mapping, wait, decided bool) (Outlook, error) {
	var o Outlook
	var err error
	o.From, err = m.Ready(place)
	early := errors.Is(err, ErrTooSoon)
	if err != nil && !(early && wait) {
		return o, err
	}
	if m.Lost != "" && m.Lost != place.CellID {
		return o, fmt.Errorf("%w, %s", ErrOtherCell, place.CellID)
	}
	if m.Lost == "" {
		if o.Unsettled, err = m.unsettled(ctx, place, early); err != nil {
			return o, err
		}
		if o.Unsettled > 0 {
			return o, ErrUnsettled
		}
	}
	o.Holding, err = m.Holding(ctx, place.TenantID)
	if err == nil && len(o.Holding) > 0 && !decided {
		err = ErrHolds
	}
	return o, err
}

// unsettled counts the events that are not settled in the tenant's cell, unless it is too early for that.
func (m *Remover) unsettled(ctx context.Context, place mapping.Mapping, early bool) (int, error) {
	cells, err := m.Cells(ctx)
	if err != nil {
		return 0, err
	}
	home := slices.IndexFunc(cells, func(c manifest.Cell) bool { return c.ID == place.CellID })
	if home < 0 {
		return 0, fmt.Errorf("%w: its cell %s is not there", ErrCellLost, place.CellID)
	}
	if early {
		return 0, nil
	}
	return tenantdata.Unsettled(ctx, m.DynamoDB, cells[home], place.TenantID, m.Now())
}

// AtWork reports whether a process seems to be at work on a removal; gone is as in Options.
func (r Removal) AtWork(now time.Time, gone func(holder string) bool) bool {
	return openwork.AtWork(r.Holder, now.Sub(r.UpdatedAt), gone)
}

// Items is how many items were deleted, in all cells, letters not counted.
func (c Counts) Items() int {
	n := 0
	for _, in := range c {
		n += in.Events + in.Outcomes + in.State
	}
	return n
}
