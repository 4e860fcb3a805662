package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cellular/bench/internal/dynamostub"
	"cellular/bench/internal/environment"
)

// measureWarm compares the packaged router with the floor and with itself without the cache, each in one warm
// environment that gets the next event as soon as it has answered the last.
func measureWarm(ctx context.Context, h *harness) (rows []row, err error) {
	p, err := h.packages(ctx)
	if err != nil {
		return nil, err
	}
	stub, err := dynamostub.Start(cellOf)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stub.Close()) }()

	requests := submissions(10 * tenantCount)
	duration := pick(h, time.Second, 100*time.Millisecond)
	router := &lane{stub: stub, requests: requests}
	least := &lane{stub: stub, requests: requests}
	uncached := &lane{stub: stub, requests: requests}
	for _, l := range []struct {
		*lane
		function  function
		variables map[string]string
	}{{router, p.router, withoutLimits(routerVariables)}, {least, p.floor, nil}, {uncached, p.router, withoutLimits(withoutCache())}} {
		if l.environment, err = h.start(l.function, stub.URL(), l.variables); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, l.environment.Stop()) }()
		if err := l.run(ctx, duration); err != nil { // warms up
			return nil, err
		}
		l.load = load{}
	}
	err = interleave(ctx, pick(h, 15, 1),
		func() error { return router.run(ctx, duration) },
		func() error { return least.run(ctx, duration) },
		func() error { return uncached.run(ctx, duration) },
	)
	if err != nil {
		return nil, err
	}
	if uncached.reads < uncached.answered {
		return nil, fmt.Errorf("the router without a cache read the mapping table %d times for %d requests", uncached.reads, uncached.answered)
	}
	const floor, noCache = "floor", "router without cache"
	return []row{
		newRow("warm router: requests", perSecond, router.throughput, floor, least.throughput, ratioAtLeast(0.85)).
			noted("One environment, one event at a time, so requests per second are the inverse of a request's whole way, the harness's part of it included. %d bytes of payload, %d tenants, plain HTTP to a store that answers at once: the floor is as low as it gets, and every cost of the router stands out. The router read the mapping table %d times for %d requests.",
				payloadBytes, tenantCount, router.reads, router.answered),
		newRow("warm router: CPU per request", nanoseconds, router.cpu, floor, least.cpu, ratioAtMost(1.2)).
			noted("User and kernel time of the process, garbage collection, Runtime API client and logging included."),
		newRow("warm router: p50", nanoseconds, router.p50, floor, least.p50, nil),
		newRow("warm router: p99", nanoseconds, router.p99, floor, least.p99, nil),
		newRow("warm router: requests", perSecond, router.throughput, noCache, uncached.throughput, nil).
			noted("The same binary with a soft TTL of 1 ns, so that every request reads the mapping table. A real read takes milliseconds, so a real cache gains far more."),
		newRow("warm router: CPU per request", nanoseconds, router.cpu, noCache, uncached.cpu, nil),
		newRow("warm router: p50", nanoseconds, router.p50, noCache, uncached.p50, nil),
		newRow("warm router: p99", nanoseconds, router.p99, noCache, uncached.p99, nil),
	}, nil
}

// lane is one contestant: an environment and what came of its rounds.
type lane struct {
	environment *environment.Environment
	stub        *dynamostub.Stub
	requests    [][]byte
	load
}

type load struct {
	throughput series // requests per second
	cpu        series // ns per request
	p50, p99   series // ns

	reads, answered int64
}

// run keeps the environment busy for a duration.
func (l *lane) run(ctx context.Context, duration time.Duration) error {
	readsBefore := l.stub.Reads()
	cpuBefore, err := l.environment.CPU()
	if err != nil {
		return err
	}
	var took []float64
	start := time.Now()
	for time.Since(start) < duration {
		t, err := invoke(ctx, l.environment, l.requests[len(took)%len(l.requests)])
		if err != nil {
			return err
		}
		took = append(took, float64(t))
	}
	elapsed := time.Since(start)
	cpuAfter, err := l.environment.CPU()
	if err != nil {
		return err
	}
	slices.Sort(took)
	n := float64(len(took))
	l.throughput = append(l.throughput, n/elapsed.Seconds())
	l.cpu = append(l.cpu, float64(cpuAfter-cpuBefore)/n)
	l.p50 = append(l.p50, quantile(took, 0.5))
	l.p99 = append(l.p99, quantile(took, 0.99))
	l.answered += int64(len(took))
	l.reads += l.stub.Reads() - readsBefore
	return nil
}
