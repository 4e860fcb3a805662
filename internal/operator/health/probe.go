package health

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/wait"
)

// ProbeType is the type of the event that cells are probed with. It is no type that business logic knows: what it does
// with it is what it does with any event that is not its own.
const ProbeType = "cellular.probe"

// Bounds of a probe.
const (
	defaultPatience = 30 * time.Second
	firstPoll       = 50 * time.Millisecond // doubled with each look
	slowestPoll     = 2 * time.Second
)

// ErrUnprocessed is the error for an event that was accepted and not processed within the probe's patience.
var ErrUnprocessed = errors.New("not processed in time")

// ErrElsewhere is the error for an event that another cell has taken.
var ErrElsewhere = errors.New("the event went to another cell")

// Probers places the tenants that cells are probed with. *placement.Store is one.
type Probers interface {
	PutProbe(ctx context.Context, cell manifest.Cell) (mapping.Mapping, error)
}

// Doer sends a request. *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Prober sends one event through each cell, as a client would: through the router and the cell's whole pipeline, and
// reads it back. Tenants have no part in it: each cell has a tenant of its own for this.
type Prober struct {
	Router    manifest.Router
	Placement Probers
	HTTP      Doer
	// Authorize adds to a request what the router's routes ask for. See NewAuthorizer.
	Authorize Authorizer
	// Patience bounds the probe of one cell. Zero: 30 seconds.
	Patience time.Duration
}

// Probed is what became of one cell's event. The durations are from the first byte sent; zero where it did not come to it.
type Probed struct {
	Cell      string
	Tenant    string
	Event     string
	Accepted  time.Duration // until the router answered that the event is durable
	Processed time.Duration // until the cell was seen to have processed it
	Err       error
}

// maxProbes bounds how many cells are probed at a time. Each probe holds an environment of the router that tenants' requests may
// need: a router whose concurrency is short would refuse both.
const maxProbes = 8

// Probe probes the cells, and returns a result for each, in their order. Its error joins those of the cells that failed.
func (p Prober) Probe(ctx context.Context, cells []manifest.Cell) ([]Probed, error) {
	if p.Patience == 0 {
		p.Patience = defaultPatience
	}
	results := make([]Probed, len(cells))
	var group errgroup.Group
	group.SetLimit(maxProbes)
	for i, cell := range cells {
		group.Go(func() error {
			results[i] = p.cell(ctx, cell)
			return nil
		})
	}
	_ = group.Wait() // each result has its own error
	var errs []error
	for _, r := range results {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("probe cell %s: %w", r.Cell, r.Err))
		}
	}
	return results, errors.Join(errs...)
}

func (p Prober) cell(ctx context.Context, cell manifest.Cell) Probed {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	r := Probed{Cell: cell.ID, Tenant: mapping.ProbeTenant(cell.ID)}
	r.Err = p.run(ctx, cell, &r)
	if r.Err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.Err = fmt.Errorf("%w (%s): %w", ErrUnprocessed, p.Patience, r.Err)
	}
	return r
}

func (p Prober) run(ctx context.Context, cell manifest.Cell, r *Probed) error {
	m, err := p.Placement.PutProbe(ctx, cell)
	if err != nil {
		return err
	}
	if m.CellID != cell.ID {
		return fmt.Errorf("%w: tenant %s is mapped to cell %s", ErrElsewhere, m.TenantID, m.CellID)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	r.Event = id.String()
	start := time.Now()
	accepted, err := p.post(ctx, r.Tenant, r.Event)
	if err != nil {
		return err
	}
	r.Accepted = time.Since(start)
	if err := accepted.from(cell.ID); err != nil {
		return err
	}
	return p.await(ctx, cell.ID, r, start)
}

// await looks until the event is processed, with growing pauses. What the last look said is its error where time is over.
func (p Prober) await(ctx context.Context, cellID string, r *Probed, start time.Time) error {
	var last error
	for pause := firstPoll; ; pause = min(2*pause, slowestPoll) {
		done, why := p.glance(ctx, cellID, r)
		switch {
		case done:
			r.Processed = time.Since(start)
			return nil
		case ctx.Err() != nil && last != nil:
			return last // more telling than that the request was cut off
		case !errors.As(why, new(notYet)):
			return why
		}
		last = why
		if wait.For(ctx, pause) != nil {
			return why
		}
	}
}

// notYet is why an event is not known to be processed, where another look may find that it is.
type notYet struct{ error }

func (n notYet) Unwrap() error { return n.error }

// glance looks once. That an event has failed, or is in another cell, is final; what the router cannot tell at the moment
// is not.
func (p Prober) glance(ctx context.Context, cellID string, r *Probed) (done bool, why error) {
	seen, err := p.get(ctx, r.Tenant, r.Event)
	if err != nil {
		if passing(err) {
			err = notYet{err}
		}
		return false, err
	}
	if err := seen.from(cellID); err != nil {
		return false, err
	}
	switch seen.Status {
	case ledger.Processed:
		return true, nil
	case ledger.Failed:
		return false, fmt.Errorf("event %s has failed (%s), and is in a DLQ of cell %s", r.Event, seen.Reason, cellID)
	}
	return false, notYet{fmt.Errorf("event %s is still %s", r.Event, seen.Status)}
}
