package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"cellular/app"
)

// Slow is business logic that takes a time of its own for each event, and writes nothing.
func Slow(takes time.Duration) func(*Cell, context.Context, app.Event) (app.Effect, error) {
	return func(*Cell, context.Context, app.Event) (app.Effect, error) {
		time.Sleep(takes)
		return app.Effect{}, nil
	}
}

// Quiet has tenants send an event a second each for a time, and another one so many at once after a tenth of that. It returns how
// long the events of the quiet ones took to be applied, at the 99th percentile.
func (c *Cell) Quiet(tenants, backlog int, d time.Duration) (time.Duration, error) {
	sent := map[string]time.Time{}
	start, every := time.Now(), time.Second/time.Duration(tenants)
	var all sync.WaitGroup
	errs := make(chan error, backlog)
	all.Go(func() {
		time.Sleep(d / 10)
		for i := range backlog {
			errs <- c.Send(Event("noisy", i))
		}
	})
	for i := 0; time.Since(start) < d; i++ {
		e := Event(fmt.Sprintf("quiet-%d", i%tenants), i)
		sent[e.Key()] = time.Now()
		if err := c.Send(e); err != nil {
			return 0, err
		}
		time.Sleep(every)
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return 0, err
		}
	}
	for len(c.Applied()) < len(sent)+backlog {
		time.Sleep(100 * time.Millisecond)
	}
	var waits []time.Duration
	for key, at := range c.Applied() {
		if begun, ok := sent[key]; ok {
			waits = append(waits, at.Sub(begun))
		}
	}
	if len(waits) != len(sent) {
		return 0, fmt.Errorf("%d of %d events of the quiet tenants were applied", len(waits), len(sent))
	}
	return Quantile(waits, 0.99), nil
}
