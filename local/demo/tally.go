package demo

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"cellular/internal/model/event"
)

// tally compares what the router answered with what the cells hold.
type tally struct {
	placed     map[string]string          // tenant -> cell
	moving     map[string]string          // tenant -> the cell that it is on its way to
	accepted   map[string]map[string]bool // cell -> keys answered 202, where they are now
	eventType  map[string]string          // key -> event type
	poison     map[string]bool            // keys that cannot be applied
	mended     map[string]bool            // keys that could not be applied before the fix
	dropped    bool                       // the letters of what cannot be applied
	duplicates map[string]int             // cell -> answers 202 for an event that was there already
	misrouted  []string                   // answers from a cell that the tenant is not placed in
	refused    []refusal                  // events that should have been accepted and were not
}

// refusal is an event that the router did not take.
type refusal struct{ tenant, what string }

func newTally(e Examples) *tally {
	t := &tally{placed: map[string]string{}, moving: map[string]string{}, accepted: map[string]map[string]bool{},
		eventType: map[string]string{}, poison: map[string]bool{}, mended: map[string]bool{}, duplicates: map[string]int{}}
	for _, p := range e.Tenants {
		t.placed[p.TenantID] = p.CellID
		t.accepted[p.CellID] = map[string]bool{}
	}
	for _, r := range e.Poison {
		t.poison[event.Key(r.TenantID, r.EventID)] = true
		t.eventType[event.Key(r.TenantID, r.EventID)] = r.Type
	}
	return t
}

func (t *tally) add(answers []answer) {
	for _, a := range answers {
		tenant := a.Request.TenantID
		key := event.Key(tenant, a.Request.EventID)
		if a.Status != http.StatusAccepted {
			t.refused = append(t.refused, refusal{tenant, fmt.Sprintf("event %s: status %d: %s", key, a.Status, strings.TrimSpace(string(a.Body)))})
			continue
		}
		if a.Cell != t.placed[tenant] && (a.Cell == "" || a.Cell != t.moving[tenant]) {
			t.misrouted = append(t.misrouted, fmt.Sprintf("event %s: answered by cell %q, placed in %q", key, a.Cell, t.placed[tenant]))
			continue
		}
		if a.Replayed {
			t.duplicates[a.Cell]++
		}
		t.accepted[a.Cell][key] = true
		t.eventType[key] = a.Request.Type
	}
}

// beginMove lets a tenant be answered by either cell.
func (t *tally) beginMove(tenant, to string) {
	t.moving[tenant] = to
	if t.accepted[to] == nil {
		t.accepted[to] = map[string]bool{}
	}
}

// endMove has a tenant, and all that was accepted of it, in the cell that it went to.
func (t *tally) endMove(tenant string) {
	from, to := t.placed[tenant], t.moving[tenant]
	for key := range t.accepted[from] {
		if of, _, err := event.ParseKey(key); err == nil && of == tenant {
			delete(t.accepted[from], key)
			t.accepted[to][key] = true
		}
	}
	t.placed[tenant] = to
	delete(t.moving, tenant)
}

// mend takes what was broken by an injected fault for good events from here on. Without fault injection their types are
// types like any other. What remains is poison for good.
func (t *tally) mend() {
	for key := range t.poison {
		if strings.HasPrefix(t.eventType[key], "fault.") {
			delete(t.poison, key)
			t.mended[key] = true
		}
	}
}

func (t *tally) cells() []string { return slices.Sorted(maps.Keys(t.accepted)) }

// poisoned are the cells that have accepted something that could not be applied, and how much of it.
func (t *tally) poisoned() map[string]int {
	n := map[string]int{}
	for cell, keys := range t.accepted {
		for key := range keys {
			if t.poison[key] || t.mended[key] {
				n[cell]++
			}
		}
	}
	return n
}

// unsettled says which accepted events are neither applied nor ejected.
func (t *tally) unsettled(states map[string]*cellState) []string {
	missing := t.poisonUnsettled(states)
	for cell, keys := range t.accepted {
		for key := range keys {
			if t.poison[key] || t.mended[key] {
				continue
			}
			if _, ok := states[cell].Processed[key]; !ok {
				missing = append(missing, fmt.Sprintf("cell %s: event %s is accepted and not applied", cell, key))
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// poisonUnsettled says, of those cells whose state is given, which poisonous events are not ejected, and which of those
// that were mended are not applied.
func (t *tally) poisonUnsettled(states map[string]*cellState) []string {
	var missing []string
	for cell, s := range states {
		ejected := 0
		for key := range t.accepted[cell] {
			_, failed := s.Failed[key]
			_, processed := s.Processed[key]
			switch {
			case t.poison[key]:
				if !t.dropped {
					ejected++
				}
				if !failed {
					missing = append(missing, fmt.Sprintf("cell %s: the poisonous event %s is not given up on", cell, key))
				}
			case t.mended[key] && !processed:
				missing = append(missing, fmt.Sprintf("cell %s: event %s is mended and not applied", cell, key))
			}
		}
		if got := s.ejected(); got != ejected {
			missing = append(missing, fmt.Sprintf("cell %s: %d messages in its DLQs, want %d", cell, got, ejected))
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

// latencies are the times from accept to applied of a cell's events, without those that had to wait for a fix.
func (t *tally) latencies(s *cellState) []time.Duration {
	var ds []time.Duration
	for key, applied := range s.Processed {
		if accepted, ok := s.Accepted[key]; ok && !t.mended[key] {
			ds = append(ds, applied.Sub(accepted))
		}
	}
	return ds
}
