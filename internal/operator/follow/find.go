package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/tenantdata"
)

// Event finds what is known of an event. Its error wraps mapping.ErrUnknownTenant for a tenant that has no cell; an event that nothing is
// known of is no error.
func (f Finder) Event(ctx context.Context, tenantID, eventID string) (Trail, error) {
	m, err := f.Mappings.Get(ctx, tenantID)
	if err != nil {
		return Trail{}, err
	}
	t := Trail{TenantID: tenantID, EventID: eventID, Mapping: m, At: f.Now()}
	look := func(cellID string) error {
		if cellID == "" || slices.ContainsFunc(t.Copies, func(c Copy) bool { return c.CellID == cellID }) {
			return nil
		}
		c, err := f.copyIn(ctx, cellID, tenantID, eventID, t.At)
		t.Copies = append(t.Copies, c)
		return err
	}
	if err := look(m.CellID); err != nil {
		return Trail{}, err
	}
	if err := look(t.peer()); err != nil {
		return Trail{}, err
	}
	for _, c := range slices.Clone(t.Copies) {
		if err := look(c.ClonedFrom); err != nil {
			return Trail{}, err
		}
	}
	return t, nil
}

// peer is the other cell that the tenant's events may be in: that which the move goes to, or which the tenant's cell names.
func (t Trail) peer() string {
	if t.Mapping.Leaving() {
		return t.Mapping.MovingTo
	}
	if fence := t.Copies[0].Fence; fence != nil {
		return fence.Peer
	}
	return ""
}

// copyIn reads what a cell has of an event, in two reads.
func (f Finder) copyIn(ctx context.Context, cellID, tenantID, eventID string, now time.Time) (Copy, error) {
	c := Copy{CellID: cellID}
	cell, err := f.Cells(ctx, cellID)
	if errors.Is(err, fleet.ErrUnknownCell) {
		c.Lost = true
		return c, nil
	}
	if err != nil {
		return c, err
	}
	key, fenceKey, attemptsKey := event.Key(tenantID, eventID), ledger.FenceKey(tenantID), ledger.AttemptsKey(tenantID, eventID)
	var data, results map[string]tenantdata.Item
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		data, err = tenantdata.Read(ctx, f.Tables, cell.DataTable, []string{key})
		return err
	})
	group.Go(func() (err error) {
		results, err = tenantdata.Read(ctx, f.Tables, cell.ResultsTable, []string{key, fenceKey, attemptsKey})
		return err
	})
	if err := group.Wait(); err != nil {
		return c, fmt.Errorf("look for event %q in cell %s: %w", key, cellID, err)
	}
	c.readEvent(data[key])
	c.readOutcome(results[key], now)
	if attempts, err := ledger.AttemptsFromItem(results[attemptsKey]); err == nil { // what cannot be read is as good as not kept
		c.Attempts = attempts
	}
	if fence, err := ledger.FenceFromItem(results[fenceKey]); err == nil {
		c.Fence = &fence
	}
	return c, nil
}

func (c *Copy) readEvent(stored tenantdata.Item) {
	if stored == nil {
		return
	}
	c.ClonedFrom = tenantdata.ClonedFrom(stored)
	e, err := event.FromItem(stored)
	if err != nil {
		c.Malformed = err
		return
	}
	c.Event = &e
}

func (c *Copy) readOutcome(stored tenantdata.Item, now time.Time) {
	if stored == nil || ledger.Expired(stored, now) {
		return
	}
	c.Outcome = new(ledger.Peek(stored))
}

// cells are the cells that a tenant's events may be in, the tenant's own first.
func (f Finder) cells(ctx context.Context, tenantID string) ([]manifest.Cell, error) {
	m, err := f.Mappings.Get(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	cell, err := f.Cells(ctx, m.CellID)
	if err != nil {
		return nil, err
	}
	cells := []manifest.Cell{cell}
	peer := m.MovingTo
	if !m.Leaving() {
		fence, there, err := ledger.ReadFence(ctx, f.Tables, cell.ResultsTable, tenantID)
		if err != nil && !errors.Is(err, ledger.ErrMalformedFence) {
			return nil, fmt.Errorf("read the fence in cell %s: %w", cell.ID, err)
		}
		if peer = ""; there {
			peer = fence.Peer
		}
	}
	if peer == "" {
		return cells, nil
	}
	other, err := f.Cells(ctx, peer)
	switch {
	case errors.Is(err, fleet.ErrUnknownCell):
		return cells, nil
	case err != nil:
		return nil, err
	}
	return append(cells, other), nil
}
