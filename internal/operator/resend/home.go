package resend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/tenantdata"
)

// Tables is the part of DynamoDB that a Home needs.
type Tables interface {
	tenantdata.DynamoDB
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Mappings tells where a tenant is, without a cache. Its error is mapping.ErrUnknownTenant for one that has no cell.
type Mappings interface {
	Get(ctx context.Context, tenantID string) (mapping.Mapping, error)
}

// Home sends events that a cell has accepted to wherever their tenant is at home now, stamped with the tenant's epoch of
// now.
//
// Nothing that happens meanwhile can lose or double an event. If the tenant leaves the cell after the mapping was read,
// the fence of that cell diverts the event, and the move, or a later replay, sends it on; the ledger, which moves with
// its tenant, makes any number of sendings one effect.
type Home struct {
	Tables   Tables
	Queue    Queue
	Mappings Mappings
	Cells    func(ctx context.Context, id string) (manifest.Cell, error) // its error is fleet.ErrUnknownCell for one that is not there
	Now      func() time.Time
	// RemovedEpoch is the epoch up to which tenants of a name were removed, 0 for none. Nil knows of none.
	RemovedEpoch func(ctx context.Context, tenantID string) (int64, error)
}

// target is where a tenant's events go.
type target struct {
	from, owner manifest.Cell
	epoch       int64
	leaving     bool  // a move takes the tenant out of its cell, and may have looked at what is there already
	removing    bool  // the tenant is being removed
	removed     int64 // what was accepted up to this epoch is another tenant's, which was removed
}

// Assess says, by key, what Send would do with events of one tenant that the cell from has accepted.
func (h *Home) Assess(ctx context.Context, from manifest.Cell, tenantID string, wanted []Wanted) (map[string]Assessed, error) {
	assessed, _, err := h.assess(ctx, from, tenantID, wanted)
	return assessed, err
}

// Send sends those events of one tenant that are due, after making sure that the owner's data table has them, and keeps them for
// as long as a message can be on its way. It answers by key. Its error means that events whose verdict would be Sent may, or may not, have been sent: try again.
func (h *Home) Send(ctx context.Context, from manifest.Cell, tenantID string, wanted []Wanted) (map[string]Assessed, error) {
	assessed, to, err := h.assess(ctx, from, tenantID, wanted)
	if err != nil {
		return nil, err
	}
	var due []event.Event
	for _, w := range wanted {
		a := assessed[w.Key]
		if a.Verdict != Due {
			continue // or a key that was wanted twice
		}
		if a.Verdict, err = h.secure(ctx, to, a); err != nil {
			return nil, err
		}
		assessed[w.Key] = a
		if a.Verdict == Sent {
			due = append(due, a.Event)
		}
	}
	err = Events(ctx, h.Queue, to.owner.QueueURL, to.owner.Settings.InlinePayloadBytes, due)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		for key, problem := range refused.Events {
			assessed[key] = Assessed{Verdict: Refused, Problem: problem}
		}
		return assessed, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cell %s: %w", to.owner.ID, err)
	}
	return assessed, nil
}

// secure sees to it that the owner's data table has an event, and for as long as its message can be on its way. Its verdict is
// Sent if the event may be sent now.
func (h *Home) secure(ctx context.Context, to target, a Assessed) (Verdict, error) {
	if a.clone == nil {
		verdict, err := h.extend(ctx, to, a.stored)
		if err != nil {
			return "", fmt.Errorf("extend the life of event %q in cell %s: %w", a.Event.Key(), to.owner.ID, err)
		}
		return verdict, nil
	}
	if to.leaving {
		// The move looks for what has come since it began by when that was accepted. It would not find this one before the flip, and
		// the new cell would take the event from its client once more.
		return Moving, nil
	}
	verdict, err := h.clone(ctx, to, a)
	if err != nil {
		return "", fmt.Errorf("clone event %q into cell %s: %w", a.Event.Key(), to.owner.ID, err)
	}
	return verdict, nil
}

func (h *Home) assess(ctx context.Context, from manifest.Cell, tenantID string, wanted []Wanted) (map[string]Assessed, target, error) {
	assessed := make(map[string]Assessed, len(wanted))
	to, err := h.target(ctx, from, tenantID)
	nowhere := Verdict("")
	switch {
	case errors.Is(err, mapping.ErrUnknownTenant):
		nowhere = Unmapped
	case errors.Is(err, fleet.ErrUnknownCell):
		nowhere = CellLost
	}
	if nowhere != "" {
		for _, w := range wanted {
			assessed[w.Key] = Assessed{Verdict: nowhere}
		}
		return assessed, target{}, nil
	}
	if err != nil {
		return nil, target{}, err
	}
	f, err := h.find(ctx, to, wanted)
	if err != nil {
		return nil, target{}, err
	}
	for _, w := range wanted {
		// One key can stand for two events, of which one is in conflict: neither is sent then.
		if assessed[w.Key].Verdict != Conflict {
			assessed[w.Key] = f.assess(w, to, h.Now())
		}
	}
	return assessed, to, nil
}

// target finds where a tenant's events go. Its error wraps mapping.ErrUnknownTenant or fleet.ErrUnknownCell if that is nowhere.
func (h *Home) target(ctx context.Context, from manifest.Cell, tenantID string) (target, error) {
	m, err := h.Mappings.Get(ctx, tenantID)
	if err != nil {
		return target{}, err
	}
	to := target{
		from: from, owner: from, epoch: m.Epoch, removing: m.Removing != 0, leaving: m.Leaving(),
	}
	if m.CellID != from.ID {
		if to.owner, err = h.Cells(ctx, m.CellID); err != nil {
			return target{}, fmt.Errorf("find the cell of tenant %q: %w", tenantID, err)
		}
	}
	if h.RemovedEpoch != nil {
		if to.removed, err = h.RemovedEpoch(ctx, tenantID); err != nil {
			return target{}, err
		}
		// A cellctl of a version without records may place a tenant below what was removed: its events cannot be told from
		// the removed ones by their epochs, and are sent as that version sends them.
		if m.Epoch <= to.removed {
			to.removed = 0
		}
	}
	return to, nil
}
