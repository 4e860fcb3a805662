package demo

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"cellular/internal/model/event"
)

// finding is one invariant, checked: nil means that it held.
type finding struct {
	Invariant string // its id and name in docs/invariants.md
	Seen      string // what was looked at, in a sentence
	Err       error
}

func (t *tally) isolation(states map[string]*cellState) finding {
	var errs []error
	items := 0
	for cell, s := range states {
		items += len(s.Accepted)
		for tenant := range s.Tenants {
			if t.placed[tenant] != cell {
				errs = append(errs, fmt.Errorf("cell %s holds events of tenant %s, which is placed in cell %q", cell, tenant, t.placed[tenant]))
			}
		}
	}
	for _, m := range t.misrouted {
		errs = append(errs, errors.New(m))
	}
	return finding{"I2 Isolation", fmt.Sprintf("each of %d events lies in its tenant's cell, and in no other, also after the move", items), errors.Join(errs...)}
}

func (t *tally) nothingLost(states map[string]*cellState) finding {
	var errs []error
	for _, r := range t.refused {
		errs = append(errs, errors.New(r.what))
	}
	for _, m := range t.unsettled(states) {
		errs = append(errs, errors.New(m))
	}
	applied := 0
	want := map[string]map[string]int{} // tenant -> event type -> events
	for _, keys := range t.accepted {
		for key := range keys {
			if t.poison[key] {
				continue
			}
			applied++
			tenant, _, err := event.ParseKey(key)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if want[tenant] == nil {
				want[tenant] = map[string]int{}
			}
			want[tenant][t.eventType[key]]++
		}
	}
	for tenant, counts := range want {
		if got := states[t.placed[tenant]].Counters[tenant]; !maps.Equal(got, counts) {
			errs = append(errs, fmt.Errorf("counters of tenant %s are %v, its accepted events make %v", tenant, got, counts))
		}
	}
	return finding{"I6 Nothing lost", fmt.Sprintf("the business counters add up to the %d applied events, each once, with those moved and redriven", applied), errors.Join(errs...)}
}

// containedPoison looks at the DLQs before the fix, event key -> cell, at the alarms that fired besides, and at the cells in the
// end.
func (t *tally) containedPoison(ejected map[string]string, paged []error, states map[string]*cellState) finding {
	errs := slices.Clone(paged)
	for key, cell := range ejected {
		if !t.poison[key] && !t.mended[key] {
			errs = append(errs, fmt.Errorf("before the fix the good event %q was in a DLQ of cell %s", key, cell))
		} else if !t.accepted[cell][key] {
			errs = append(errs, fmt.Errorf("before the fix the event %s was in a DLQ of cell %s, which is not its own", key, cell))
		}
	}
	if want := len(t.poison) + len(t.mended); len(ejected) != want {
		errs = append(errs, fmt.Errorf("before the fix %d events were in the DLQs, %d could not be applied", len(ejected), want))
	}
	failed := 0
	for _, cell := range slices.Sorted(maps.Keys(states)) {
		s := states[cell]
		for key, reason := range s.Failed {
			if !t.poison[key] {
				errs = append(errs, fmt.Errorf("cell %s gave up on the good event %s: %s", cell, key, reason))
			}
			failed++
		}
		if s.Waiting != 0 {
			errs = append(errs, fmt.Errorf("cell %s: %d messages still wait in its queue", cell, s.Waiting))
		}
	}
	if failed != len(t.poison) {
		errs = append(errs, fmt.Errorf("%d events are recorded as failed, %d are poisonous", failed, len(t.poison)))
	}
	return finding{"I7 Contained poison", fmt.Sprintf("before the fix %d poisonous events sat in their own cell's DLQ and fired its alarm, after it %d; nothing else failed, nobody else's alarm fired",
		len(ejected), failed), errors.Join(errs...)}
}
