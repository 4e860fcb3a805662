package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/move"
)

// ownership checks what a move must leave behind. applied is what the consumers say in their logs: cell -> event key ->
// how often the cell applied it.
func (t *tally) ownership(m move.Move, applied map[string]map[string]int, states map[string]*cellState, reads int, wrong []error) finding {
	errs := slices.Concat(t.refusedOf(m.TenantID), wrong, leftBehind(m, states[m.From]))
	if m.Counts.Conflicts > 0 {
		errs = append(errs, fmt.Errorf("%d events were accepted with other content in the new cell", m.Counts.Conflicts))
	}
	if f := states[m.To].Fences[m.TenantID]; f.State != ledger.Owner || f.Floor != m.Epoch {
		errs = append(errs, fmt.Errorf("cell %s is not fenced as the owner under epoch %d: %+v", m.To, m.Epoch, f))
	}
	before, after := 0, 0
	for key := range t.accepted[m.To] {
		if tenant, _, err := event.ParseKey(key); err != nil || tenant != m.TenantID {
			continue
		}
		owner := m.To
		if states[m.To].Epochs[key] < m.Epoch {
			owner = m.From
			before++
		} else {
			after++
		}
		for cell, counts := range applied {
			switch n := counts[key]; {
			case n > 1:
				errs = append(errs, fmt.Errorf("cell %s applied event %s %d times", cell, key, n))
			case n == 1 && cell != owner:
				errs = append(errs, fmt.Errorf("cell %s applied event %s, which cell %s owned under epoch %d", cell, key, owner, states[m.To].Epochs[key]))
			}
		}
	}
	return finding{"I8 Ownership", fmt.Sprintf("of %s's %d events %s applied %d, then %s %d, each once; no writer was refused, %d reads were answered",
		m.TenantID, before+after, m.From, before, m.To, after, reads), errors.Join(errs...)}
}

func (t *tally) refusedOf(tenant string) []error {
	var errs []error
	for _, r := range t.refused {
		if r.tenant == tenant {
			errs = append(errs, errors.New(r.what))
		}
	}
	return errs
}

// leftBehind says what the old cell still has of a tenant besides the fence that it must have.
func leftBehind(m move.Move, old *cellState) []error {
	var errs []error
	if f := old.Fences[m.TenantID]; f.State != ledger.Left || f.Floor != m.Epoch {
		errs = append(errs, fmt.Errorf("cell %s is not fenced as one that the tenant has left under epoch %d: %+v", m.From, m.Epoch, f))
	}
	if old.Tenants[m.TenantID] {
		errs = append(errs, fmt.Errorf("cell %s still has events of tenant %s", m.From, m.TenantID))
	}
	if len(old.Counters[m.TenantID]) > 0 {
		errs = append(errs, fmt.Errorf("cell %s still has the counters of tenant %s", m.From, m.TenantID))
	}
	outcomes := 0
	for key := range old.Processed {
		if of, _, err := event.ParseKey(key); err == nil && of == m.TenantID {
			outcomes++
		}
	}
	for key := range old.Failed {
		if of, _, err := event.ParseKey(key); err == nil && of == m.TenantID {
			outcomes++
		}
	}
	if outcomes > 0 {
		errs = append(errs, fmt.Errorf("cell %s still has %d outcomes of tenant %s", m.From, outcomes, m.TenantID))
	}
	return errs
}

// applied reads in the consumers' logs which cell applied what.
func (d *demo) applied() (map[string]map[string]int, error) {
	all := map[string]map[string]int{}
	for id, cell := range d.outputs.Cells {
		f, err := os.Open(filepath.Join(d.cloud.Dir, "logs", cell.Consumer+".log"))
		if errors.Is(err, os.ErrNotExist) {
			continue // a cell without events
		}
		if err != nil {
			return nil, err
		}
		all[id], err = countApplied(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func countApplied(log io.Reader) (map[string]int, error) {
	counts := map[string]int{}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Tenant, Event, Outcome string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Outcome == "applied" {
			counts[event.Key(line.Tenant, line.Event)]++
		}
	}
	return counts, lines.Err()
}
