package main

import (
	"maps"
	"slices"
	"time"

	"cellular/internal/operator/record"
	"cellular/internal/operator/removal"
)

// maxRemovals is how many removals of tenants of one name are shown.
const maxRemovals = 50

// removalView is a removal as it is recorded. What has not happened yet is null.
type removalView struct {
	TenantID   string         `json:"tenant_id"`
	Cell       string         `json:"cell"`
	Epoch      int64          `json:"epoch"`
	Phase      removal.Phase  `json:"phase"`
	GiveUp     bool           `json:"give_up"`
	StartedAt  *string        `json:"started_at"`
	UpdatedAt  *string        `json:"updated_at"`
	FinishedAt *string        `json:"finished_at"`
	Holder     *string        `json:"holder"` // null where no process is at work
	Deleted    removal.Counts `json:"deleted"`

	removal removal.Removal
}

func viewOfRemoval(m removal.Removal) removalView {
	v := removalView{
		TenantID: m.TenantID, Cell: m.CellID, Epoch: m.Epoch, Phase: m.Phase, GiveUp: m.GiveUp, StartedAt: jsonTime(m.StartedAt),
		UpdatedAt: jsonTime(m.UpdatedAt), FinishedAt: jsonTime(m.FinishedAt), Deleted: m.Counts, removal: m,
	}
	if m.AtWork(time.Now(), record.Gone) {
		v.Holder = &m.Holder
	}
	return v
}

func (v removalView) phase() coloured {
	if v.Phase == removal.Done {
		return coloured{string(v.Phase), green}
	}
	if v.Phase.Ended() {
		return coloured{string(v.Phase), plain}
	}
	return coloured{string(v.Phase), yellow}
}

// removalDetailView is a removal with all that is known of it.
type removalDetailView struct {
	removalView

	now time.Time
}

func (v removalDetailView) text(s *sheet) {
	s.row("removal of tenant", v.TenantID)
	s.row("from", v.Cell)
	s.row("epoch", v.Epoch)
	s.row("phase", v.phase())
	s.row("data is given up", yesNo(v.GiveUp))
	s.row("started", orDash(v.StartedAt), ago(v.removal.StartedAt, v.now))
	s.row("last sign of life", orDash(v.UpdatedAt), ago(v.removal.UpdatedAt, v.now))
	s.row("at work", orDash(v.Holder))
	if len(v.Deleted) == 0 {
		return
	}
	s.blank()
	s.row("DELETED IN", "EVENTS", "OUTCOMES", "OTHER ITEMS", "DEAD LETTERS")
	for _, cell := range slices.Sorted(maps.Keys(v.Deleted)) {
		c, letters := v.Deleted[cell], 0
		for _, n := range c.Letters {
			letters += n
		}
		s.row(cell, c.Events, c.Outcomes, c.State, letters)
	}
}
