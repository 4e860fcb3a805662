package mappingcache

import (
	"context"
	"errors"
	"time"

	"cellular/internal/model/mapping"
)

// errAbandoned is what those who wait for a read are told if the reading call panics.
var errAbandoned = errors.New("the read was abandoned")

// flight is one read under way, which every lookup of its tenant shares. The lookup that opened it does the reading
// in its own call, so no goroutine outlives a call; the others wait.
type flight struct {
	startedAt time.Duration // the answer is at least as recent as this
	landed    chan struct{} // closed when entry and err are final
	entry     *entry
	err       error
}

// result is how a read ended for one of those who shared it.
type result struct {
	entry *entry // nil where err is not
	err   error
}

// wait returns the flight's result, or ctx's error if that ends first.
func (f *flight) wait(ctx context.Context) result {
	select {
	case <-f.landed:
		return result{f.entry, f.err}
	default:
	}
	select {
	case <-f.landed:
		return result{f.entry, f.err}
	case <-ctx.Done():
		return result{err: ctx.Err()}
	}
}

// read asks the source and caches what it says. ctx gives the read its values but not its end: those who share the
// read must not lose it because the one that opened it was called off.
func (c *Cache) read(ctx context.Context, tenantID string, f *flight) {
	defer func() {
		c.mu.Lock()
		c.settle(tenantID, f)
		delete(c.flights, tenantID)
		c.mu.Unlock()
		close(f.landed)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.ReadTimeout)
	defer cancel()
	m, err := c.source.Get(ctx, tenantID)
	if err == nil {
		f.entry = c.entry(m, f.startedAt)
	}
	f.err = err
}

// entry dates a mapping from the moment its read began: the process may have been frozen since, and what was read is
// as old as that.
func (c *Cache) entry(m mapping.Mapping, readAt time.Duration) *entry {
	return &entry{
		mapping:   m,
		softUntil: readAt + c.shortened(c.config.SoftTTL),
		hardUntil: readAt + c.config.HardTTL,
	}
}

// settle records the end of a read. The caller holds the lock.
func (c *Cache) settle(tenantID string, f *flight) {
	switch {
	case f.err == nil:
		c.known.Add(tenantID, f.entry)
		c.unknown.Remove(tenantID)
	case errors.Is(f.err, mapping.ErrUnknownTenant):
		c.unknown.Add(tenantID, f.startedAt+c.lengthened(c.config.NegativeTTL))
		c.known.Remove(tenantID)
	case errors.Is(f.err, mapping.ErrMalformed):
		// The control plane answers. One tenant's bad item must not keep the others from being refreshed.
	default:
		c.askAgain = c.time.advance() + c.shortened(holdoffReads*c.config.ReadTimeout)
		return
	}
	c.askAgain = 0
}
