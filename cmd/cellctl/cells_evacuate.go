package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
)

type evacuation struct {
	cell     string
	parallel int
	noWait   bool
}

// evacuateCell drains a cell and moves every tenant out of it.
func (a *app) evacuateCell(cmd *cobra.Command, e evacuation) error {
	ctx := cmd.Context()
	s, cell, err := a.connectToCell(ctx, e.cell)
	if err != nil {
		return err
	}
	state, err := s.placement.SetStatus(ctx, cell.ID, placement.Draining)
	if err != nil {
		return err
	}
	incoming, err := s.movesInto(ctx, cell.ID)
	if err != nil {
		return err
	}
	a.tellIncoming(cell.ID, incoming)
	cells, err := s.Cells(ctx)
	if err != nil {
		return err
	}

	chooser := s.placement.NewChooser(cells)
	p := a.evacuationProgress(s, cell.ID, max(0, state.Tenants-len(incoming)))
	_, err = s.observedMover(p.observeMove).Evacuate(ctx, move.Evacuation{
		Cell: cell.ID, Parallel: e.parallel, Until: until(e.noWait), Observe: p.observe,
		Page: func(ctx context.Context, after string) ([]mapping.Mapping, string, error) {
			return s.placement.Page(ctx, cell.ID, after, placement.MaxPage)
		},
		Choose: chooser.Best,
	})
	p.end()
	v := p.view()
	if ctx.Err() != nil {
		a.note("Cell %s is draining, %d of its tenants are served by other cells, and every move is safe where it is. The same command carries on.", cell.ID, v.Served)
		return ctx.Err()
	}
	if err != nil && v.Failed == 0 {
		return err
	}
	if err := a.print(v); err != nil {
		return err
	}
	return a.evacuated(ctx, s, v, e)
}

// evacuated says what is left to be done, and returns the command's error.
func (a *app) evacuated(ctx context.Context, s *session, v evacuationView, e evacuation) error {
	if v.Failed > 0 {
		for _, t := range v.Tenants {
			if t.Error != nil && strings.Contains(*t.Error, "\n") {
				a.note("%s: %s", t.TenantID, *t.Error)
			}
		}
		return fmt.Errorf("%d of %d tenants did not come out of cell %s; the lines above say why, 'cellctl cells drain %[3]s --evacuate' goes on with them",
			v.Failed, v.Total, e.cell)
	}
	if v.Ended < v.Total {
		a.note("Other cells serve all tenants of cell %s. After %s 'cellctl cells drain %[1]s --evacuate' finishes their moves at once; until then, what routers still write to cell %[1]s waits.",
			e.cell, event.FormatTime(v.finishable))
		return nil
	}
	incoming, err := s.movesInto(ctx, e.cell)
	if err != nil {
		return err
	}
	if len(incoming) > 0 {
		a.tellIncoming(e.cell, incoming)
		return nil
	}
	a.note("Cell %s has no tenants left; 'cellctl cells retire %[1]s' takes it out of service.", e.cell)
	return nil
}

// movesInto are the open moves that bring a tenant into a cell: those that began before it was drained, and those that
// take a tenant back.
func (s *session) movesInto(ctx context.Context, cell string) ([]move.Move, error) {
	open, err := s.mover().Open(ctx)
	return move.Into(open, cell), err
}

func (a *app) tellIncoming(cell string, incoming []move.Move) {
	if len(incoming) == 0 {
		return
	}
	var some []string
	for _, m := range incoming[:min(len(incoming), maxOthers)] {
		some = append(some, fmt.Sprintf("%s from %s to %s, phase %s", m.TenantID, m.From, m.To, m.Phase))
	}
	if more := len(incoming) - len(some); more > 0 {
		some = append(some, fmt.Sprintf("and %d more", more))
	}
	a.note("Under way into cell %s: %s. Finish with 'cellctl moves resume TENANT', or 'cellctl tenants move TENANT --back-out'; then drain the cell again.",
		cell, strings.Join(some, "; "))
}

// evacuationProgress tells on stderr how far an evacuation is, first in tenants served by other cells, then in finished
// moves, and keeps what came of each tenant. It is safe for concurrent use.
type evacuationProgress struct {
	a          *app
	cell       string
	quarantine time.Duration

	mu     sync.Mutex
	bar    *progress
	expect int
	now    move.EvacuationProgress
	others bool // that others are at work on the cell was told
	moves  map[string]move.Move

	stop    chan struct{}
	stopped sync.WaitGroup
}

func (a *app) evacuationProgress(s *session, cell string, expect int) *evacuationProgress {
	p := &evacuationProgress{
		a: a, cell: cell, quarantine: s.quarantine(), expect: expect, moves: map[string]move.Move{}, stop: make(chan struct{}),
		bar: a.progress("tenants of cell "+cell+" served by other cells:", int64(expect)),
	}
	p.stopped.Go(p.tick)
	return p
}

// The bar is brought up to date once a second where it changes in place. Elsewhere it is a line, and one a minute is
// enough while nothing but time passes.
const (
	liveTick  = time.Second
	plainTick = time.Minute
)

func (p *evacuationProgress) tick() {
	every := plainTick
	if p.bar.live {
		every = liveTick
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.mu.Lock()
			p.tell()
			p.mu.Unlock()
		case <-p.stop:
			return
		}
	}
}

func (p *evacuationProgress) end() {
	close(p.stop)
	p.stopped.Wait()
	p.bar.end()
}

func (p *evacuationProgress) observeMove(m move.Move) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moves[m.TenantID] = m
}

func (p *evacuationProgress) observe(now move.EvacuationProgress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
	if now.Others > 0 && !p.others {
		p.others = true
		p.bar.clear()
		p.a.note("Another process is at work on tenants of cell %s, too: this one waits for them, and takes over if that one dies.", p.cell)
	}
	p.tell()
}

// tell is called with the lock held.
func (p *evacuationProgress) tell() {
	p.bar.total = int64(max(p.expect, p.now.Total))
	failed := int64(len(p.now.Failed))
	served := int64(p.now.Served) + failed
	if served < p.bar.total {
		p.bar.at(served)
		return
	}
	if what := "tenants of cell " + p.cell + " whose moves are finished:"; p.bar.what != what {
		p.bar.then(what, served)
	}
	p.bar.until = p.finishable()
	p.bar.at(int64(p.now.Ended) + failed)
}

// finishable is when the last of the moves can be finished.
func (p *evacuationProgress) finishable() time.Time {
	return move.FinishableAt(slices.Collect(maps.Values(p.moves)), p.quarantine)
}

type evacuationView struct {
	CellID  string        `json:"cell_id"`
	Total   int           `json:"total"`
	Served  int           `json:"served"` // by other cells; those whose moves have ended among them
	Ended   int           `json:"ended"`
	Failed  int           `json:"failed"`
	Tenants []carriedView `json:"tenants"`

	finishable time.Time
}

func (p *evacuationProgress) view() evacuationView {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := evacuationView{
		CellID: p.cell, Total: p.now.Total, Served: p.now.Served, Ended: p.now.Ended, Failed: len(p.now.Failed),
		Tenants: []carriedView{}, finishable: p.finishable(),
	}
	for tenant, m := range p.moves {
		v.Tenants = append(v.Tenants, carried(tenant, m, p.now.Failed[tenant]))
	}
	for tenant, err := range p.now.Failed {
		if _, moved := p.moves[tenant]; !moved {
			v.Tenants = append(v.Tenants, carried(tenant, move.Move{}, err))
		}
	}
	slices.SortFunc(v.Tenants, func(a, b carriedView) int { return strings.Compare(a.TenantID, b.TenantID) })
	return v
}

func (v evacuationView) text(s *sheet) { carriedTable(s, v.Tenants) }
