package demo

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"cellular/internal/event"
)

// tally compares what the router answered with what the cells hold.
type tally struct {
	placed     map[string]string          // tenant -> cell
	accepted   map[string]map[string]bool // cell -> keys answered 202
	eventType  map[string]string          // key -> event type
	poison     map[string]bool            // keys that cannot be applied
	duplicates map[string]int             // cell -> answers 202 for an event that was there already
	misrouted  []string                   // answers from a cell that the tenant is not placed in
	refused    []string                   // events that should have been accepted and were not
}

func newTally(e Examples) *tally {
	t := &tally{placed: map[string]string{}, accepted: map[string]map[string]bool{}, eventType: map[string]string{},
		poison: map[string]bool{}, duplicates: map[string]int{}}
	for _, p := range e.Tenants {
		t.placed[p.TenantID] = p.CellID
		t.accepted[p.CellID] = map[string]bool{}
	}
	for _, r := range e.Poison {
		t.poison[event.Key(r.TenantID, r.EventID)] = true
	}
	return t
}

func (t *tally) add(answers []answer) {
	for _, a := range answers {
		key := event.Key(a.Request.TenantID, a.Request.EventID)
		if a.Status != http.StatusAccepted {
			t.refused = append(t.refused, fmt.Sprintf("event %s: status %d: %s", key, a.Status, strings.TrimSpace(string(a.Body))))
			continue
		}
		if a.Cell != t.placed[a.Request.TenantID] {
			t.misrouted = append(t.misrouted, fmt.Sprintf("event %s: answered by cell %q, placed in %q", key, a.Cell, t.placed[a.Request.TenantID]))
			continue
		}
		if a.Replayed {
			t.duplicates[a.Cell]++
		}
		t.accepted[a.Cell][key] = true
		t.eventType[key] = a.Request.Type
	}
}

func (t *tally) cells() []string { return slices.Sorted(maps.Keys(t.accepted)) }

// unsettled says which accepted events are neither applied nor ejected.
func (t *tally) unsettled(states map[string]*cellState) []string {
	var missing []string
	for cell, keys := range t.accepted {
		ejected := 0
		for key := range keys {
			if t.poison[key] {
				ejected++
			} else if _, ok := states[cell].Processed[key]; !ok {
				missing = append(missing, fmt.Sprintf("cell %s: event %s is accepted and not applied", cell, key))
			}
		}
		if got := states[cell].ejected(); got != ejected {
			missing = append(missing, fmt.Sprintf("cell %s: %d messages in its DLQs, %d poisonous events accepted", cell, got, ejected))
		}
	}
	slices.Sort(missing)
	return missing
}

func (s *cellState) ejected() int {
	n := 0
	for _, depth := range s.DLQ {
		n += depth
	}
	return n
}

// latencies are the times from accept to applied of a cell's events.
func (s *cellState) latencies() []time.Duration {
	var ds []time.Duration
	for key, applied := range s.Processed {
		if accepted, ok := s.Accepted[key]; ok {
			ds = append(ds, applied.Sub(accepted))
		}
	}
	return ds
}
