package main

import (
	"maps"
	"slices"

	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
)

// replayView is what a replay has found and done.
type replayView struct {
	Cell   string `json:"cell"`
	Since  string `json:"since"`
	Until  string `json:"until"`
	DryRun bool   `json:"dry_run"`
	Found  int    `json:"found"`
	// What is not among those found, although it has no effect.
	Dropped   int `json:"dropped"`    // by an operator
	InDLQ     int `json:"in_dlq"`     // to be redriven
	TooRecent int `json:"too_recent"` // within the grace

	Reasons  map[replay.Reason]int  `json:"reasons"`
	Verdicts map[resend.Verdict]int `json:"verdicts"`
	Events   []replayedView         `json:"events"` // the first hundred of those found
}

type replayedView struct {
	Key     string         `json:"key"`
	Reason  replay.Reason  `json:"reason"`
	Verdict resend.Verdict `json:"verdict"`
	Problem *string        `json:"problem"` // what is wrong with the event
}

// text has nothing where nothing was found: a note says so.
func (v replayView) text(s *sheet) {
	if v.Found == 0 {
		return
	}
	s.row("FOUND", "EVENTS")
	for _, reason := range slices.Sorted(maps.Keys(v.Reasons)) {
		s.row(reason, v.Reasons[reason])
	}
	s.blank()
	s.row("OUTCOME", "EVENTS")
	for _, verdict := range slices.Sorted(maps.Keys(v.Verdicts)) {
		s.row(outcome(verdict), v.Verdicts[verdict])
	}
	v.listed(s)
}

// listed has the events themselves, as far as a replay has not settled them.
func (v replayView) listed(s *sheet) {
	header := true
	for _, e := range v.Events {
		if e.Verdict.Settled() {
			continue
		}
		if header {
			header = false
			s.blank()
			s.row("EVENT", "FOUND", "OUTCOME")
		}
		became := outcome(e.Verdict)
		if e.Problem != nil {
			became.text += ": " + *e.Problem
		}
		s.row(e.Key, e.Reason, became)
	}
}

func outcome(v resend.Verdict) coloured {
	switch {
	case v == resend.Due:
		return coloured{"would be sent", plain}
	case v == resend.Sent:
		return coloured{"sent", green}
	case v.NeedsOperator():
		return coloured{"not sent: " + v.Explain(), red}
	}
	return coloured{"not sent: " + v.Explain(), yellow}
}
