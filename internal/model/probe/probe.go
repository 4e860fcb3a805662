// Package probe sends one event through a cell, as a client would: to the router, through the cell's whole pipeline, and reads
// it back. No tenant has a part in it: each cell has a tenant of its own for this (mapping.ProbeTenant), and the router has a
// route for such tenants alone. What comes of it says whose fault a failure is.
//
// The standing probe and cellctl use it.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/model/wait"
)

// Type is the type of the event that cells are probed with.
const Type = "cellular.probe"

// The router's routes for probes. API Gateway authorizes them with IAM, whatever the tenants' routes ask for.
const (
	Path       = "/v1/probes"            // POST sends a probe's event
	statusPath = "/v1/probes/"           // GET, with the event's id behind it, reads what became of it
	tenantKey  = "tenant_id"             // GET's parameter
	cellHeader = "X-Cell-Id"             // of an answer: the cell that the router asked
	problems   = "urn:cellular:problem:" // starts the type of each problem of the router
)

// The pauses before each look at an event: the first one, which doubles with each, up to the longest.
const (
	FirstPause   = 100 * time.Millisecond
	LongestPause = 2 * time.Second
)

// ErrUnprocessed is the error for an event that was not processed within the probe's patience.
var ErrUnprocessed = errors.New("not processed in time")

// ErrElsewhere is the error for an event that another cell has taken.
var ErrElsewhere = errors.New("the event went to another cell")

// CheckPlace returns ErrElsewhere unless a mapping, that of the tenant that a cell is probed with, is to that cell.
func CheckPlace(m mapping.Mapping, cellID string) error {
	if m.CellID != cellID {
		return fmt.Errorf("%w: tenant %s is mapped to cell %s", ErrElsewhere, m.TenantID, m.CellID)
	}
	return nil
}

// Doer sends a request. *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Prober probes cells. It is safe for concurrent use.
type Prober struct {
	URL      string // of the router's API
	HTTP     Doer
	Sign     Signer
	Patience time.Duration // bounds the probe of one cell
}

// Verdict is what a probe says of its cell.
type Verdict int

const (
	// Interrupted says nothing: the probe was given up before its patience was over.
	Interrupted Verdict = iota
	// Healthy is a cell that took the event and processed it.
	Healthy
	// Faulty is a cell that refused the event, failed it, or did not process it within the probe's patience.
	Faulty
	// Unsent says nothing of the cell, and is no fault of it: the event did not get to it, or the router did not tell what
	// became of it.
	Unsent
)

// String is the verdict as logs and cellctl have it.
func (v Verdict) String() string {
	//exhaustive:enforce
	switch v {
	case Healthy:
		return "ok"
	case Faulty:
		return "failed"
	case Unsent:
		return "unsent"
	case Interrupted:
	}
	return "interrupted"
}

// Result is what became of one cell's event. The durations are from the first byte sent; zero where it did not come to it.
type Result struct {
	Cell      string
	Tenant    string
	Event     string
	Accepted  time.Duration // until the router answered that the event is durable
	Processed time.Duration // until the cell was seen to have processed it
	Verdict   Verdict
	Err       error // why the verdict is not Healthy
}

// Cell probes a cell whose probe tenant is mapped. prepare, if not nil, is called first, within the probe's patience: without
// its success nothing is sent.
func (p Prober) Cell(ctx context.Context, cellID string, prepare func(context.Context) error) Result {
	patient, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	r := Result{Cell: cellID, Tenant: mapping.ProbeTenant(cellID)}
	if prepare != nil {
		r.Err = prepare(patient)
	}
	if r.Err == nil {
		r.Err = p.run(patient, &r)
	}
	switch {
	case r.Err == nil:
		r.Verdict = Healthy
	case ctx.Err() != nil:
		r.Verdict = Interrupted
	case errors.As(r.Err, new(cellFault)):
		r.Verdict = Faulty
	default:
		r.Verdict = Unsent
	}
	if r.Err != nil && r.Verdict != Interrupted && patient.Err() != nil {
		r.Err = fmt.Errorf("%w (%s): %w", ErrUnprocessed, p.Patience, r.Err)
	}
	return r
}

func (p Prober) run(ctx context.Context, r *Result) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	r.Event = id.String()
	start := time.Now()
	accepted, err := p.post(ctx, r.Tenant, r.Event)
	if err != nil {
		return blame(err, r.Cell)
	}
	r.Accepted = time.Since(start)
	if err := accepted.from(r.Cell); err != nil {
		return err
	}
	return p.await(ctx, r, start)
}

// await looks until the event is processed, or there is no time left. Its error then is what the last look found.
func (p Prober) await(ctx context.Context, r *Result, start time.Time) error {
	last := errors.New("there was no time to look what became of the event")
	for pause := FirstPause; ; pause = min(2*pause, LongestPause) {
		if wait.For(ctx, pause) != nil {
			return last
		}
		done, why := p.look(ctx, r)
		switch {
		case done:
			r.Processed = time.Since(start)
			return nil
		case ctx.Err() != nil && errors.As(last, new(notYet)):
			return last // which says more than that the next look was cut off
		case !errors.As(why, new(notYet)):
			return why
		}
		last = why
	}
}

// MaxRequests is how many requests to the router the probe of a cell makes at most.
func MaxRequests(patience time.Duration) int {
	requests, spent := 1, time.Duration(0)
	for pause := FirstPause; spent+pause < patience; pause = min(2*pause, LongestPause) {
		requests, spent = requests+1, spent+pause
	}
	return requests
}

// notYet is why an event is not known to be processed, where another look may find that it is.
type notYet struct{ error }

func (n notYet) Unwrap() error { return n.error }

// look looks once. That an event has failed, or is in another cell, is final; what the router cannot tell at the moment is
// not.
func (p Prober) look(ctx context.Context, r *Result) (done bool, why error) {
	seen, err := p.get(ctx, r.Tenant, r.Event)
	if err != nil {
		err = blame(err, r.Cell)
		if passing(err) {
			err = notYet{err}
		}
		return false, err
	}
	if err := seen.from(r.Cell); err != nil {
		return false, err
	}
	switch seen.Status {
	case ledger.Processed:
		return true, nil
	case ledger.Failed:
		return false, cellFault{fmt.Errorf("event %s has failed (%s), and is in a DLQ of cell %s", r.Event, seen.Reason, r.Cell)}
	}
	return false, notYet{cellFault{fmt.Errorf("event %s is still %s", r.Event, seen.Status)}}
}
