package cloudtest

import (
	"context"
	"sync"

	"golang.org/x/time/rate"
)

// Crowd is clients that go on until they are stopped, or their context ends.
type Crowd struct {
	ctx     context.Context
	cancel  context.CancelFunc
	clients sync.WaitGroup
}

// NewCrowd returns a crowd of no clients yet.
func NewCrowd(ctx context.Context) *Crowd {
	ctx, cancel := context.WithCancel(ctx)
	return &Crowd{ctx: ctx, cancel: cancel}
}

// Go adds a client that calls do at a steady rate, rate.Inf being without a pause. n counts its calls, from 0. What is under
// way when the crowd is stopped is brought to its end: that is what a call's context is for.
func (c *Crowd) Go(perSecond rate.Limit, do func(ctx context.Context, n int)) {
	limit := rate.NewLimiter(perSecond, 1)
	c.clients.Go(func() {
		for n := 0; limit.Wait(c.ctx) == nil; n++ {
			do(context.WithoutCancel(c.ctx), n)
		}
	})
}

// Wait returns when every client has ended.
func (c *Crowd) Wait() { c.clients.Wait() }

// Stop ends the clients, and returns when they have ended. It may be called again.
func (c *Crowd) Stop() {
	c.cancel()
	c.Wait()
}
