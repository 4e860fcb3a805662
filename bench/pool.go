package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"cellular/bench/internal/environment"
)

// pool is a function's environments as Lambda uses them: a request goes to an idle one, one at a time each, and is
// refused where there is none. Of those that are idle it takes the one that was busy last: a pool that is larger than the
// traffic needs is then as warm as a smaller one.
type pool struct {
	mu   sync.Mutex
	idle []*environment.Environment
}

// newPool returns a pool of the environments.
func newPool(environments []*environment.Environment) *pool {
	return &pool{idle: slices.Clone(environments)}
}

// take returns an idle environment, or nil where there is none.
func (p *pool) take() *environment.Environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	e := p.idle[last]
	p.idle = p.idle[:last]
	return e
}

func (p *pool) giveBack(e *environment.Environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, e)
}

// sample is what became of one request.
type sample struct {
	cell     string
	ramp     bool          // it arrived before the measurement began
	took     time.Duration // from its arrival
	refused  bool          // for want of an environment
	accepted bool          // answered with 202
}

// traffic is requests that arrive by chance at a rate, whether or not those before have been answered.
type traffic struct {
	rate           float64 // requests per second
	ramp, duration time.Duration
	random         *rand.Rand
}

// play sends traffic to the pool and returns what became of each request. over is called once, when the last request has
// arrived; play then waits for the answers that are due.
func (p *pool) play(ctx context.Context, t traffic, over func()) ([]sample, error) {
	const distinct = 10 * tenantCount
	requests := submissions(distinct)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var (
		mu      sync.Mutex
		samples []sample
		due     sync.WaitGroup
	)
	start := time.Now()
	measured := start.Add(t.ramp)
	end := measured.Add(t.duration)
	for next := start; ctx.Err() == nil; {
		next = next.Add(time.Duration(t.random.ExpFloat64() / t.rate * float64(time.Second)))
		if !next.Before(end) {
			break
		}
		pause(ctx, time.Until(next))
		n := t.random.IntN(distinct)
		due.Add(1)
		go func() {
			defer due.Done()
			s, err := p.send(ctx, requests[n], cellID(n%tenantCount))
			if err != nil {
				cancel(err)
				return
			}
			s.ramp = next.Before(measured)
			mu.Lock()
			defer mu.Unlock()
			samples = append(samples, s)
		}()
	}
	over()
	due.Wait()
	return samples, context.Cause(ctx)
}

// send gives one request to an idle environment.
func (p *pool) send(ctx context.Context, request []byte, cell string) (sample, error) {
	e := p.take()
	if e == nil {
		return sample{cell: cell, refused: true}, nil
	}
	start := time.Now()
	answer, err := e.Invoke(ctx, request)
	if err != nil {
		return sample{}, err
	}
	p.giveBack(e)
	return sample{cell: cell, took: time.Since(start), accepted: accepted(answer.Payload)}, nil
}

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// startAll starts n environments and lets each meet every tenant.
func startAll(ctx context.Context, h *harness, n int, f function, endpoint string, variables map[string]string) (all []*environment.Environment, stop func() error, err error) {
	stop = func() error {
		var errs []error
		for _, e := range all {
			errs = append(errs, e.Stop())
		}
		return errors.Join(errs...)
	}
	requests := submissions(tenantCount)
	for i := range n {
		e, err := h.start(f, endpoint, variables)
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		all = append(all, e)
		for _, request := range requests {
			if err := invokeSurely(ctx, e, request); err != nil {
				return nil, nil, errors.Join(fmt.Errorf("warm up environment %d: %w", i, err), stop())
			}
		}
	}
	return all, stop, nil
}

// invokeSurely invokes until the answer is a 202, a few times at most: where the machine stalls, the router gives up an answer.
func invokeSurely(ctx context.Context, e *environment.Environment, request []byte) (err error) {
	for range 3 {
		if _, err = invoke(ctx, e, request); err == nil {
			return nil
		}
	}
	return err
}
