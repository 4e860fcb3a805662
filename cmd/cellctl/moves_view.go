package main

import (
	"fmt"
	"time"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/move"
	"cellular/internal/operator/record"
)

// moveView is a move as it is recorded. What has not happened yet is null.
type moveView struct {
	TenantID   string     `json:"tenant_id"`
	From       string     `json:"from"`
	To         string     `json:"to"`
	Epoch      int64      `json:"epoch"`
	Phase      move.Phase `json:"phase"`
	BackingOut bool       `json:"backing_out"`

	StartedAt     *string `json:"started_at"`
	UpdatedAt     *string `json:"updated_at"`
	FlippedAt     *string `json:"flipped_at"`
	RedirectUntil *string `json:"redirect_until"`
	FinishedAt    *string `json:"finished_at"`
	Holder        *string `json:"holder"` // null where no process is at work

	Abandoned *string  `json:"abandoned"` // the cell that the move is ended without, or was; null for none
	Losses    []string `json:"losses"`    // what was lost with it

	Phases []phaseView `json:"phases"` // those that are over
	Counts moveCounts  `json:"counts"`

	move move.Move
}

type phaseView struct {
	Phase     move.Phase        `json:"phase"`
	StartedAt *string           `json:"started_at"`
	Took      manifest.Duration `json:"took"`
}

// moveCounts are those of move.Counts under the names that cellctl gives everything. A count that only one of the two has
// does not compile.
type moveCounts struct {
	Events       int             `json:"events"`
	Outcomes     int             `json:"outcomes"`
	State        int             `json:"state"`
	TakenOver    int             `json:"taken_over"`
	Sent         int             `json:"sent"`
	Conflicts    int             `json:"conflicts"`
	Forgotten    int             `json:"forgotten"`
	Expired      int             `json:"expired"`
	Unreadable   int             `json:"unreadable"`
	SameOutcomes move.Comparison `json:"same_outcomes"`
	SameState    move.Comparison `json:"same_state"`
	SameEvents   move.Comparison `json:"same_events"`
}

func (s *session) viewOfMove(m move.Move) moveView {
	v := moveView{
		TenantID: m.TenantID, From: m.From, To: m.To, Epoch: m.Epoch, Phase: m.Phase, BackingOut: m.BackingOut,
		StartedAt: jsonTime(m.StartedAt), UpdatedAt: jsonTime(m.UpdatedAt), FlippedAt: jsonTime(m.FlippedAt),
		RedirectUntil: jsonTime(s.redirectUntil(m)), FinishedAt: jsonTime(m.FinishedAt),
		Losses: append([]string{}, m.Losses...), Phases: []phaseView{}, Counts: moveCounts(m.Counts), move: m,
	}
	if m.AtWork(time.Now(), record.Gone) {
		v.Holder = &m.Holder
	}
	if m.Abandoned != "" {
		v.Abandoned = &m.Abandoned
	}
	for _, p := range m.Phases {
		v.Phases = append(v.Phases, phaseView{p.Phase, jsonTime(p.StartedAt), manifest.Duration(p.Took.Round(time.Millisecond))})
	}
	return v
}

// redirectUntil is when a move's redirect phase ends, if it has begun.
func (s *session) redirectUntil(m move.Move) time.Time { return m.RedirectEnds(s.quarantine()) }

// viewOfMoves are those of the moves that go into or out of a cell.
func (s *session) viewOfMoves(moves []move.Move, cell string) []moveView {
	views := []moveView{}
	for _, m := range moves {
		if m.From == cell || m.To == cell {
			views = append(views, s.viewOfMove(m))
		}
	}
	return views
}

func (v moveView) String() string {
	return fmt.Sprintf("%s from %s to %s, phase %s", v.TenantID, v.From, v.To, v.Phase)
}

// phase is what a move is at, with which way it goes if that is not obvious.
func (v moveView) phase() coloured {
	switch {
	case v.Phase == move.Done:
		return coloured{string(v.Phase), green}
	case v.BackingOut && !v.Phase.Ended():
		return coloured{string(v.Phase) + " (way back)", yellow}
	case v.Phase.Ended():
		return coloured{string(v.Phase), plain}
	}
	return coloured{string(v.Phase), yellow}
}

// text is what a move did: the time of each phase, what it handled, and what it compared.
func (v moveView) text(s *sheet) {
	s.row("PHASE", "STARTED", "TOOK")
	for i, p := range v.Phases {
		s.row(p.Phase, orDash(p.StartedAt), precise(v.move.Phases[i].Took))
	}
	if v.Phase.Ended() {
		s.row(v.phase(), orDash(v.FinishedAt), precise(v.move.FinishedAt.Sub(v.move.StartedAt)))
	} else {
		s.row(v.phase(), "-", "not over")
	}
	s.blank()
	for _, c := range []struct {
		what string
		n    int
	}{
		{"events copied", v.Counts.Events},
		{"outcomes copied", v.Counts.Outcomes},
		{"state items copied", v.Counts.State},
		{"events taken over", v.Counts.TakenOver},
		{"events sent on", v.Counts.Sent},
		{"items forgotten", v.Counts.Forgotten},
	} {
		s.row(c.what, c.n)
	}
	s.row("conflicts", trouble(v.Counts.Conflicts, fmt.Sprint(v.Counts.Conflicts)))
	s.row("expired, not sent", v.Counts.Expired)
	s.row("unreadable, left behind", trouble(v.Counts.Unreadable, fmt.Sprint(v.Counts.Unreadable)))
	s.blank()
	s.row("SAME IN BOTH CELLS", "ITEMS", "DIGEST")
	for _, c := range []struct {
		what string
		same move.Comparison
	}{{"outcomes", v.Counts.SameOutcomes}, {"state items", v.Counts.SameState}, {"events", v.Counts.SameEvents}} {
		switch {
		case c.same.Digest == "":
			s.row(c.what, "-", "not compared yet")
		case c.same.Items == 0:
			s.row(c.what, 0, "-")
		default:
			s.row(c.what, c.same.Items, shortDigest(c.same.Digest))
		}
	}
}

// shortDigest is enough of a digest to tell two by.
func shortDigest(digest string) string { return digest[:min(len(digest), 12)] }

// precise is a duration of which the first seconds matter, rounded as in JSON.
func precise(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return short(d.Round(time.Second))
}
