// Package probe is the standing probe: one function for the whole deployment, which a schedule invokes. An invocation is one
// round. It lists the cells by their manifests, sends one event through each, and writes of each cell, as soon as it is known,
// whether the event was processed. It also counts the moves and removals that nobody works on.
//
// The work of a round is bounded by the number of cells (Requests), whatever their health: each cell is probed once, in a
// goroutine of its own, with a deadline of its own, so that one that hangs delays none of the others. Nothing is tried again
// before the next round.
package probe

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cellular/internal/model/manifest"
	"cellular/internal/model/manifest/cellpages"
	"cellular/internal/model/openwork"
	"cellular/internal/model/probe"
	"cellular/internal/model/wait"
	"cellular/internal/runtime/telemetry"
)

// Cells lists the cells of the deployment. Where it fails it may have listed some.
type Cells interface {
	List(context.Context) ([]cellpages.Entry, error)
}

// Places makes sure that the tenant that a cell is probed with is mapped to the cell.
type Places interface {
	Place(context.Context, manifest.Cell) error
}

// Prober probes a cell. probe.Prober is one.
type Prober interface {
	Cell(ctx context.Context, cellID string, prepare func(context.Context) error) probe.Result
}

// Work counts the moves and removals that nobody works on. openwork.Counter is one.
type Work interface {
	Survey(ctx context.Context, now time.Time) (openwork.Counted, error)
}

// Options are what rounds are made of. All fields are required.
type Options struct {
	Cells    Cells
	Places   Places
	Prober   Prober
	Work     Work
	Interval time.Duration // from the start of one round to that of the next
	Records  *telemetry.Records
	Logger   *slog.Logger
}

// A round starts its probes over the first part of the interval, evenly, so that a thousand cells are no burst for the router,
// and listing the cells takes a part at most. The rest is for the last cell's patience, which is less than half of the interval.
const (
	startingPart = 3 // a third
	listingPart  = 6 // a sixth
)

// endMargin is left of an invocation's time to write how the round ended.
const endMargin = time.Second

// keepListed is how long the cells that were listed are probed while they cannot be listed again. A cell that was added or
// removed since is then unknown, or one that is not there.
const keepListed = time.Hour

// Rounds are the rounds of one process.
type Rounds struct {
	Options

	mu       sync.Mutex
	placed   map[string]bool // cells whose probe tenants are mapped
	listed   []cellpages.Entry
	listedAt time.Time
}

// New returns rounds.
func New(o Options) *Rounds { return &Rounds{Options: o, placed: map[string]bool{}} }

// Handle makes one round. It returns no error: a round that failed is told by its lines, and by the metric that it does not
// write, and the next one is due before Lambda would repeat it.
func (r *Rounds) Handle(ctx context.Context) error {
	ctx, cancel := wait.Before(ctx, endMargin)
	defer cancel()
	start := time.Now()
	entries, complete := r.list(ctx)
	t := tally{cells: len(entries)}
	var all sync.WaitGroup
	all.Go(func() { t.work, t.workKnown = r.work(ctx, start) })
	first := time.Now()
	for i, e := range entries {
		all.Go(func() {
			due := first.Add(time.Duration(i) * (r.Interval / startingPart) / time.Duration(len(entries)))
			if wait.For(ctx, time.Until(due)) != nil {
				t.count(probe.Interrupted)
				return
			}
			t.count(r.probe(ctx, e))
		})
	}
	all.Wait()
	r.recordRound(ctx, &t, complete, time.Since(start))
	return nil
}

// list returns the cells, or those that were listed last where that is not long ago, and whether they are all.
func (r *Rounds) list(ctx context.Context) (entries []cellpages.Entry, complete bool) {
	listing, cancel := context.WithTimeout(ctx, r.Interval/listingPart)
	defer cancel()
	entries, err := r.Cells.List(listing)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.listed, r.listedAt = entries, time.Now()
		return entries, true
	}
	if len(r.listed) > 0 && time.Since(r.listedAt) <= keepListed {
		r.Logger.LogAttrs(ctx, slog.LevelWarn, "the cells could not be listed: those of the last list are probed", slog.Any("error", err))
		return r.listed, true
	}
	r.Logger.LogAttrs(ctx, slog.LevelError, "the cells could not be listed: this is no whole round", slog.Any("error", err), slog.Int("cells", len(entries)))
	return entries, false
}

// work counts the work that nobody works on. It has as much time as the list.
func (r *Rounds) work(ctx context.Context, now time.Time) (openwork.Counted, bool) {
	ctx, cancel := context.WithTimeout(ctx, r.Interval/listingPart)
	defer cancel()
	counted, err := r.Work.Survey(ctx, now)
	if err != nil {
		r.Logger.LogAttrs(ctx, slog.LevelError, "the moves and removals under way could not be read: this is no whole round", slog.Any("error", err))
		return openwork.Counted{}, false
	}
	if counted.Left > 0 {
		r.Logger.LogAttrs(ctx, slog.LevelWarn, "nobody works on some moves or removals",
			slog.Int("left", counted.Left), telemetry.Tenant(counted.First))
	}
	if counted.More {
		r.Logger.LogAttrs(ctx, slog.LevelWarn, "there are more moves or removals under way than a round reads", slog.Int("read", counted.Open))
	}
	return counted, true
}

// probe probes one cell, and writes its line.
func (r *Rounds) probe(ctx context.Context, e cellpages.Entry) probe.Verdict {
	cell, err := e.Cell()
	if err != nil {
		result := probe.Result{Cell: e.ID(), Verdict: probe.Unsent, Err: err}
		r.recordCell(ctx, result)
		return result.Verdict
	}
	result := r.Prober.Cell(ctx, cell.ID, func(ctx context.Context) error { return r.place(ctx, cell) })
	if result.Unmapped() { // it was taken away since it was put: the next round puts it again
		r.mu.Lock()
		delete(r.placed, cell.ID)
		r.mu.Unlock()
	}
	r.recordCell(ctx, result)
	return result.Verdict
}

// place has a cell's probe tenant mapped, once for each process.
func (r *Rounds) place(ctx context.Context, cell manifest.Cell) error {
	r.mu.Lock()
	placed := r.placed[cell.ID]
	r.mu.Unlock()
	if placed {
		return nil
	}
	if err := r.Places.Place(ctx, cell); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.placed[cell.ID] = true
	return nil
}
