// Package guard keeps the router's tenants and cells from each other: a token bucket for each tenant, and for each cell
// a circuit breaker, a patience, a token bucket and a cap on calls under way. It knows nothing of requests or of AWS.
//
// Each of the router's processes finds out for itself that a cell is down, and a cell's limit counts per process. A tenant's
// limit is that of all processes: they report to a counter, and each lets the same share of its requests through.
package guard

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// CellConfig is what a cell may take of one process. All fields are required unless they say otherwise.
type CellConfig struct {
	// InFlight is how many calls into one cell may be under way. Every cell is reached through the same host, so
	// without it a cell that hangs would end up with all connections and goroutines.
	InFlight int
	Limit    Limit // of calls into one cell, over its tenants
	Timeout  Timeout
	Breaker  BreakerConfig

	Random func() float64 // where jitter comes from, in [0, 1); nil means math/rand. Must be safe for concurrent use
}

// Validate returns everything that is wrong with the configuration, joined.
func (c CellConfig) Validate() error {
	errs := []error{c.Limit.validate("cell"), c.Timeout.validate(), c.Breaker.validate()}
	if c.InFlight < 1 {
		errs = append(errs, fmt.Errorf("cell in-flight cap is %d, want at least 1", c.InFlight))
	}
	return errors.Join(errs...)
}

// maxCells bounds how many cells' guards are held. A deployment has fewer by far; a cell that is forgotten because of it
// starts afresh.
const maxCells = 4096

// Reason says why a call was refused.
type Reason string

// The reasons to refuse a call.
const (
	TenantRate   Reason = "tenant-rate"    // the tenant's bucket is empty
	CellRate     Reason = "cell-rate"      // the cell's bucket is empty
	CellInFlight Reason = "cell-in-flight" // as many calls into the cell are under way as may be
	BreakerOpen  Reason = "breaker"        // the cell's breaker is open, or half-open and its probes are under way
)

// Refusal is a call that was not let through.
type Refusal struct {
	Reason Reason
	Wait   time.Duration // until another try makes sense; 0 where nobody can tell
}

// Cells guards every cell for itself. It is safe for concurrent use.
type Cells struct {
	config CellConfig

	mu    sync.Mutex
	cells *simplelru.LRU[string, *cell]
}

// cell is the guard of one cell.
type cell struct {
	breaker  *breaker
	bucket   *rate.Limiter
	inFlight atomic.Int64
}

// NewCells returns guards that have seen no call yet.
func NewCells(config CellConfig) (*Cells, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	cells, err := simplelru.NewLRU[string, *cell](maxCells, nil)
	if err != nil {
		return nil, fmt.Errorf("cells' guards: %w", err)
	}
	return &Cells{config: config, cells: cells}, nil
}

// Pass is the right to make one call into a cell. Leave must be called exactly once.
type Pass struct {
	// State is that of the cell's breaker when the pass was asked for. A call that passes HalfOpen is a probe.
	State State

	// Patience is how long the call may wait for an answer of the cell. It is at most the Timeout's Max.
	Patience time.Duration

	cell   *cell
	ticket ticket
}

// Enter asks to make a call into a cell. The breaker is asked last: what it lets through, it counts on.
func (c *Cells) Enter(now time.Time, cellID string) (Pass, Refusal, bool) {
	g := c.guard(cellID)
	if g.inFlight.Add(1) > int64(c.config.InFlight) {
		g.inFlight.Add(-1)
		return Pass{State: g.breaker.current()}, Refusal{Reason: CellInFlight}, false
	}
	if wait, ok := take(g.bucket, now); !ok {
		g.inFlight.Add(-1)
		return Pass{State: g.breaker.current()}, Refusal{CellRate, wait}, false
	}
	t, wait, ok := g.breaker.admit(now)
	if !ok {
		g.inFlight.Add(-1)
		return Pass{State: t.state}, Refusal{BreakerOpen, wait}, false
	}
	return Pass{State: t.state, Patience: t.patience, cell: g, ticket: t}, Refusal{}, true
}

// Leave ends the call, and reports whether its outcome opened the cell's breaker. waited is the call's longest wait for an
// answer of the cell, which may have been given up.
func (p Pass) Leave(now time.Time, outcome Outcome, waited time.Duration) (opened bool) {
	p.cell.inFlight.Add(-1)
	return p.cell.breaker.done(p.ticket, now, outcome, waited)
}

func (c *Cells) guard(cellID string) *cell {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, held := c.cells.Get(cellID)
	if !held {
		g = &cell{breaker: newBreaker(c.config.Breaker, c.config.Timeout, c.config.Random), bucket: c.config.Limit.bucket()}
		c.cells.Add(cellID, g)
	}
	return g
}
