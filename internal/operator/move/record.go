package move

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
	"cellular/internal/model/openwork"
	"cellular/internal/operator/record"
)

// The attributes of a record in the table of moves, besides its keys, the index's and the TTL's.
const (
	attrFrom       = "from_cell" // S
	attrTo         = "to_cell"   // S
	attrOldEpoch   = "old_epoch" // N
	attrOldFloor   = "old_floor" // N
	attrPhase      = record.AttrPhase
	attrBackingOut = "backing_out"          // S, "yes"; or absent
	attrStartedAt  = openwork.AttrStartedAt // the other times are as this one
	attrUpdatedAt  = openwork.AttrUpdatedAt
	attrFlippedAt  = "flipped_at"  // absent before
	attrFinishedAt = "finished_at" // absent before
	attrPhases     = "phases"      // S, JSON
	attrCounts     = "counts"      // S, JSON
	attrRun        = record.AttrRun
	attrHolder     = record.AttrHolder

	attrCopySince = "copy_since" // absent where copy looks at everything
	attrOpenCount = "open_keys"  // N

	// Only a move that is ended without one of its cells has these.
	attrAbandoned   = "abandoned_cell"  // S
	attrAbandonedAt = "abandoned_at"    // S; absent until the other cell is the owner
	attrAbandonedIn = "abandoned_phase" // S
	attrHomeEpoch   = "home_epoch"      // N
	attrLosses      = "losses"          // S, JSON
)

// ErrMalformed is the error for an item of the table of moves that cannot be a move.
var ErrMalformed = errors.New("malformed move item")

func (m Move) key() Item { return recordKey(m.TenantID, m.Epoch) }

func recordKey(tenantID string, epoch int64) Item {
	return Item{controltables.AttrTenantID: item.Text(tenantID), controltables.AttrEpoch: item.Number(epoch)}
}

// item is the move as it stands in the table.
func (m Move) item() (Item, error) {
	phases, err := json.Marshal(m.Phases)
	if err != nil {
		return nil, err
	}
	counts, err := json.Marshal(m.Counts)
	if err != nil {
		return nil, err
	}
	out := m.key()
	for name, value := range map[string]string{
		attrFrom: m.From, attrTo: m.To, attrPhase: string(m.Phase),
		attrStartedAt: event.FormatTime(m.StartedAt), attrUpdatedAt: event.FormatTime(m.UpdatedAt),
		attrPhases: string(phases), attrCounts: string(counts),
	} {
		out[name] = item.Text(value)
	}
	out[attrOldEpoch], out[attrOldFloor], out[attrRun] = item.Number(m.OldEpoch), item.Number(m.OldFloor), item.Number(m.Run)
	if m.BackingOut {
		out[attrBackingOut] = item.Text("yes")
	}
	if m.Abandoned != "" {
		losses, err := json.Marshal(m.Losses)
		if err != nil {
			return nil, err
		}
		out[attrAbandoned], out[attrAbandonedIn] = item.Text(m.Abandoned), item.Text(string(m.AbandonedIn))
		out[attrHomeEpoch], out[attrLosses] = item.Number(m.HomeEpoch), item.Text(string(losses))
		if !m.AbandonedAt.IsZero() {
			out[attrAbandonedAt] = item.Text(event.FormatTime(m.AbandonedAt))
		}
	}
	if m.Holder != "" {
		out[attrHolder] = item.Text(m.Holder)
	}
	if !m.CopySince.IsZero() {
		out[attrCopySince], out[attrOpenCount] = item.Text(event.FormatTime(m.CopySince)), item.Number(int64(m.OpenKeys))
	}
	if !m.FlippedAt.IsZero() {
		out[attrFlippedAt] = item.Text(event.FormatTime(m.FlippedAt))
	}
	if m.Phase.Ended() {
		out[attrFinishedAt] = item.Text(event.FormatTime(m.FinishedAt))
		out[controltables.AttrExpiresAt] = item.Number(m.FinishedAt.Add(record.KeepEnded).Unix())
	} else {
		out[controltables.AttrOpen] = item.Text(controltables.OpenValue)
	}
	return out, nil
}

// fromItem is the inverse of item. It ignores attributes that it does not know, and takes a phase of a later version, so
// that the moves can be listed; see take. Its error wraps ErrMalformed and names each attribute that is wrong.
func fromItem(attributes Item) (Move, error) {
	r := item.Read(attributes)
	cell := func(name string) string { return r.Checked(name, naming.ValidCellID, naming.CellIDPattern) }
	m := Move{
		TenantID:   r.Checked(controltables.AttrTenantID, event.ValidTenantID, event.TenantIDPattern),
		From:       cell(attrFrom),
		To:         cell(attrTo),
		Epoch:      r.Int(controltables.AttrEpoch, 2),
		OldEpoch:   r.Int(attrOldEpoch, 1),
		OldFloor:   r.Int(attrOldFloor, 1),
		Phase:      phaseOf(r.Checked(attrPhase, event.IsWord, event.WordPattern)),
		BackingOut: r.OptionalString(attrBackingOut) != "",
		StartedAt:  r.Time(attrStartedAt, event.TimeLayout),
		UpdatedAt:  r.Time(attrUpdatedAt, event.TimeLayout),
		Run:        r.Int(attrRun, 0),
		Holder:     r.OptionalString(attrHolder),
	}
	if attributes[attrOpenCount] != nil {
		m.OpenKeys = int(r.Int(attrOpenCount, 0))
	}
	documents := map[string]any{attrPhases: &m.Phases, attrCounts: &m.Counts}
	if attributes[attrAbandoned] != nil {
		m.Abandoned, m.HomeEpoch = cell(attrAbandoned), r.Int(attrHomeEpoch, 1)
		m.AbandonedIn = phaseOf(r.Checked(attrAbandonedIn, event.IsWord, event.WordPattern))
		documents[attrLosses] = &m.Losses
	}
	for name, t := range map[string]*time.Time{
		attrCopySince: &m.CopySince, attrFlippedAt: &m.FlippedAt, attrFinishedAt: &m.FinishedAt, attrAbandonedAt: &m.AbandonedAt,
	} {
		if attributes[name] != nil {
			*t = r.Time(name, event.TimeLayout)
		}
	}
	errs := []error{r.Err()}
	for name, into := range documents {
		if err := json.Unmarshal([]byte(r.String(name)), into); err != nil {
			errs = append(errs, fmt.Errorf("attribute %s: %w", name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Move{}, fmt.Errorf("%w: tenant %q, epoch %d: %w", ErrMalformed, m.TenantID, m.Epoch, err)
	}
	for i := range m.Phases {
		m.Phases[i].Phase = phaseOf(string(m.Phases[i].Phase))
	}
	return m, nil
}

func phaseOf(recorded string) Phase { return Phase(openwork.PhaseOf(recorded)) }
