package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"cellular/bench/internal/dynamostub"
	"cellular/internal/model/env"
)

// The fleet and its traffic. The rate is low enough for two processors to be mostly idle, so that requests wait for
// environments and not for processors. One cell of cellCount hangs: its requests, 10 a second, would hold 30 environments
// at a time if each waited for the cell timeout of 3 s.
const (
	hangingRate = 200.0 // requests per second to all cells
	amplePool   = 60    // environments; enough for 30 that hang, their variation by chance and the rest
	tightPool   = 16    // environments; as if the function's concurrency were reserved for less than that
	hangingCell = "cell-07"
)

// cellTimeout is the default of stack config, except in a quick run.
func cellTimeout(h *harness) time.Duration { return pick(h, 3*time.Second, 50*time.Millisecond) }

// measureHangingCell compares what the other cells' tenants see with and without one cell that hangs, in a pool of
// environments that Lambda lets grow, and in one that is at its limit of concurrency.
func measureHangingCell(ctx context.Context, h *harness) (rows []row, err error) {
	p, err := h.packages(ctx)
	if err != nil {
		return nil, err
	}
	stub, err := dynamostub.Start(cellOf)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stub.Close()) }()
	variables := maps.Clone(routerVariables)
	variables[env.CellTimeout] = cellTimeout(h).String()
	// Every environment knows every tenant from its start: this is about the cells, and how often the mapping is read
	// depends on how many environments share the requests.
	variables[env.CacheSoftTTL] = variables[env.CacheHardTTL]
	environments, stop, err := startAll(ctx, h, pick(h, amplePool, 4), p.router, stub.URL(), variables)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()

	ample := newPool(environments)
	random := rand.New(rand.NewPCG(7, 7))
	calm := traffic{rate: hangingRate, ramp: time.Second / 2, duration: pick(h, 3*time.Second, 300*time.Millisecond), random: random}
	hang := calm
	hang.ramp = cellTimeout(h) // from then on as many environments are freed as are taken, however long a call waits

	var healthy, hanging, tightHealthy, tightHanging neighbours
	err = interleave(ctx, h.rounds,
		func() error { return healthy.play(ctx, ample, calm, nil) },
		func() error { return hanging.play(ctx, ample, hang, stub) },
		func() error { return tightHealthy.play(ctx, newPool(environments[:pick(h, tightPool, 2)]), calm, nil) },
		func() error { return tightHanging.play(ctx, newPool(environments[:pick(h, tightPool, 2)]), hang, stub) },
	)
	if err != nil {
		return nil, err
	}
	const against = "no cell hangs"
	in := func(n int) string { return fmt.Sprintf("a cell hangs, %d environments: ", n) }
	return []row{
		newRow(in(amplePool)+"others' p50", nanoseconds, hanging.p50, against, healthy.p50, ratioAtMost(1.05)).
			noted("%d cells, %g requests/s in all by chance, evenly spread; a request that finds no idle environment is refused, as Lambda does; an answer other than 202 counts as refused too. Here there are as many environments as it takes: Lambda's scaling without a limit.", cellCount, hangingRate),
		newRow(in(amplePool)+"others' p99", nanoseconds, hanging.p99, against, healthy.p99, ratioAtMost(1.1)),
		newRow(in(amplePool)+"others refused", percent, hanging.refused, against, healthy.refused, valueAtMost(0)),
		newRow(in(amplePool)+"its own p50", nanoseconds, hanging.own, against, healthy.own, nil),
		newRow(in(tightPool)+"others' p50", nanoseconds, tightHanging.p50, against, tightHealthy.p50, nil).
			noted("Of the requests that were not refused, so the row of those that were is the one that counts."),
		newRow(in(tightPool)+"others' p99", nanoseconds, tightHanging.p99, against, tightHealthy.p99, nil).
			noted("Of the requests that were not refused, so the row of those that were is the one that counts."),
		newRow(in(tightPool)+"others refused", percent, tightHanging.refused, against, tightHealthy.refused, valueAtMost(5)).
			noted("From the %s of the hang on, when whatever it holds is held. %s", cellTimeout(h), saturation(tightHanging.starved)),
		newRow(in(tightPool)+"others refused at first", percent, tightHanging.atFirst, against, tightHealthy.atFirst, valueAtMost(5)).
			noted("Until then."),
	}, nil
}

// saturation says whether it was the pool that gave way.
func saturation(starved series) string {
	if starved.summary().Median == 0 {
		return "The pool is not saturated by the cell that hangs."
	}
	return "The pool of environments is what saturates: the requests of the cell that hangs hold an environment each while they wait, and the others find none idle."
}

// neighbours are the figures, by round, of the requests to the cells that do not hang, and of the one that does.
type neighbours struct {
	p50, p99, own series // ns; own are those of the cell that hangs
	refused       series // % of the others that were not answered with 202
	atFirst       series // the same, of those that arrived during the ramp
	starved       series // of all these, how many found no idle environment
}

// play plays one round; with a stub, hangingCell hangs in it.
func (n *neighbours) play(ctx context.Context, p *pool, t traffic, stub *dynamostub.Stub) error {
	resume := func() {}
	if stub != nil {
		resume = stub.Hang(names.Cell(hangingCell).DataTable())
	}
	samples, err := p.play(ctx, t, resume)
	if err != nil {
		return err
	}
	var others, own []float64
	var after, during tally
	starved := 0
	for _, s := range samples {
		if s.cell == hangingCell {
			// The ramp counts too. A 202 of a cell that hangs came of the round's end.
			if released := stub != nil && s.accepted; !s.refused && !released {
				own = append(own, float64(s.took))
			}
			continue
		}
		if s.refused {
			starved++
		}
		if s.ramp {
			during.count(s.accepted)
			continue
		}
		after.count(s.accepted)
		if s.accepted {
			others = append(others, float64(s.took))
		}
	}
	slices.Sort(others)
	slices.Sort(own)
	n.p50 = append(n.p50, quantile(others, 0.5))
	n.p99 = append(n.p99, quantile(others, 0.99))
	n.own = append(n.own, quantile(own, 0.5))
	n.refused = append(n.refused, after.refused())
	n.atFirst = append(n.atFirst, during.refused())
	n.starved = append(n.starved, float64(starved))
	return nil
}

// tally counts requests.
type tally struct{ arrived, accepted int }

func (t *tally) count(accepted bool) {
	t.arrived++
	if accepted {
		t.accepted++
	}
}

// refused is the share that was not accepted in percent, or NaN where none arrived.
func (t *tally) refused() float64 {
	if t.arrived == 0 {
		return math.NaN()
	}
	return 100 * float64(t.arrived-t.accepted) / float64(t.arrived)
}
