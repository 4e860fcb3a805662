package main

import (
	"context"
	"errors"
	"time"

	"cellular/bench/internal/dynamostub"
)

// maxZipBytes is the target for the size of the router's package.
const maxZipBytes = 8e6

// measureColdStart compares the first answers of fresh processes, for which an event is waiting.
func measureColdStart(ctx context.Context, h *harness) (rows []row, err error) {
	p, err := h.packages(ctx)
	if err != nil {
		return nil, err
	}
	stub, err := dynamostub.Start(cellOf)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stub.Close()) }()

	var router, least starts
	err = interleave(ctx, pick(h, 41, 1),
		func() error { return router.start(ctx, h, p.router, stub.URL(), routerVariables) },
		func() error { return least.start(ctx, h, p.floor, stub.URL(), nil) },
	)
	if err != nil {
		return nil, err
	}
	const against = "floor"
	return []row{
		newRow("cold start: to the first answer", nanoseconds, router.time, against, least.time, ratioAtMost(1.3)).
			noted("From the start of the process; the file is in the page cache, and all processors are there for it. Lambda adds its own time, and gives a function of 256 MB about a seventh of a processor."),
		newRow("cold start: peak memory", byteSize, router.memory, against, least.memory, nil),
		newRow("package: zip size", byteSize, series{float64(p.router.zipped)}, against, series{float64(p.floor.zipped)}, valueAtMost(maxZipBytes)),
	}, nil
}

// starts are the figures of a contestant's starts.
type starts struct{ time, memory series }

func (s *starts) start(ctx context.Context, h *harness, f function, endpoint string, variables map[string]string) (err error) {
	begin := time.Now()
	e, err := h.start(f, endpoint, variables)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	if _, err := invoke(ctx, e, submission(0)); err != nil {
		return err
	}
	s.time = append(s.time, float64(time.Since(begin)))
	peak, err := e.PeakMemory()
	s.memory = append(s.memory, float64(peak))
	return err
}
