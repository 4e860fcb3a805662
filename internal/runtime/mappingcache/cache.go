// Package mappingcache is the router's cache of mappings: bounded, refreshed in the call that finds an entry old, and never
// used past the hard TTL.
package mappingcache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"cellular/internal/model/mapping"
)

// ErrUnavailable is the error for a tenant whose place cannot be told: there is no usable answer in the cache, and the
// control plane gives none.
var ErrUnavailable = errors.New("control plane unavailable")

// Outcome says how a lookup came by its answer.
type Outcome string

// The outcomes of a lookup.
const (
	Hit         Outcome = "hit"         // fresh in the cache
	Miss        Outcome = "miss"        // read, because the cache had nothing usable
	Refreshed   Outcome = "refreshed"   // read, because the cached answer was past its soft TTL
	Stale       Outcome = "stale"       // past its soft TTL, used because the read to refresh it failed
	Held        Outcome = "held"        // past its soft TTL, used without a read because one failed a moment ago
	Negative    Outcome = "negative"    // cached: the tenant is unknown
	Unknown     Outcome = "unknown"     // read: the tenant is unknown
	Unavailable Outcome = "unavailable" // no answer
)

// Source is where the cache reads from. Get returns mapping.ErrUnknownTenant for a tenant that has no mapping; every other
// error means that it could not tell. Get must return soon after its context ends.
type Source interface {
	Get(ctx context.Context, tenantID string) (mapping.Mapping, error)
}

// Config is the cache's bounds. All are required, except where a zero value has a meaning.
type Config struct {
	// Size is how many mapped tenants are held, and how many unknown ones. They have separate room, so that a flood
	// of made-up tenants displaces none that is being served.
	Size int

	// SoftTTL is the age up to which an answer is used without asking again, less up to a tenth of jitter.
	SoftTTL time.Duration

	// HardTTL is the age past which an answer is never used. It has no jitter: it is a promise in both directions.
	HardTTL time.Duration

	// NegativeTTL is how long a tenant is taken to be unknown without asking again, plus up to a tenth of jitter: what a
	// flood of made-up tenants can cost the control plane is counted by it, so it is a floor.
	NegativeTTL time.Duration

	// ReadTimeout is the deadline of one read.
	ReadTimeout time.Duration

	Clock  Clock          // nil means the process's clocks
	Random func() float64 // where jitter comes from, in [0, 1); nil means math/rand. Must be safe for concurrent use
}

// Validate returns everything that is wrong with the configuration, joined.
func (c Config) Validate() error {
	var errs []error
	if c.Size < 1 {
		errs = append(errs, fmt.Errorf("cache size is %d, want at least 1", c.Size))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"soft TTL", c.SoftTTL}, {"hard TTL", c.HardTTL}, {"negative TTL", c.NegativeTTL}, {"read timeout", c.ReadTimeout},
	} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("cache %s is %s, want a positive duration", d.name, d.value))
		}
	}
	if c.HardTTL < c.SoftTTL {
		errs = append(errs, fmt.Errorf("cache hard TTL is %s, want at least the soft TTL of %s", c.HardTTL, c.SoftTTL))
	}
	return errors.Join(errs...)
}

const (
	// jitter is the share of a TTL or holdoff that is left to chance, so that routers which learned of a tenant at the
	// same moment ask again at different ones. It never breaks a promise: a time that is a ceiling gets shorter by it,
	// the negative TTL, which is a floor, gets longer, and the hard TTL has none.
	jitter = 0.1

	// holdoffReads is how long, in read timeouts, no refresh is tried after a read failed. A source that swallows
	// reads then costs a router a fifth of its time at most (one timeout in five), while stale answers cost nothing.
	holdoffReads = 4
)

// Cache is the router's memory of the mapping table. It is what keeps tenants routed while the control plane is down
// (static stability), so it forgets late and asks gently:
//
//   - an answer is fresh up to the soft TTL;
//   - past it, the lookup that needs it reads again, within its own call, and falls back on the stale answer. Nothing
//     is refreshed in the background: Lambda freezes the process between invocations;
//   - after a read that failed, no refresh is tried for a while, for any tenant; a lookup that has nothing to fall
//     back on always tries. An answered read ends the wait;
//   - past the hard TTL an answer is as good as none;
//   - an unknown tenant is remembered too, for the negative TTL. A refresh that finds the tenant gone replaces the
//     mapping;
//   - concurrent lookups of one tenant share one read.
//
// A cache is safe for concurrent use and starts no goroutine.
type Cache struct {
	source Source
	config Config

	mu       sync.Mutex
	time     timeline
	known    *simplelru.LRU[string, *entry]
	unknown  *simplelru.LRU[string, time.Duration] // when to ask again
	flights  map[string]*flight
	askAgain time.Duration // no refresh is tried before
}

// entry is one cached mapping. It is never changed, only replaced.
type entry struct {
	mapping   mapping.Mapping
	softUntil time.Duration
	hardUntil time.Duration
}

// New returns an empty cache in front of source.
func New(source Source, config Config) (*Cache, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Clock == nil {
		config.Clock = SystemClock()
	}
	if config.Random == nil {
		config.Random = rand.Float64
	}
	known, err := simplelru.NewLRU[string, *entry](config.Size, nil)
	if err != nil {
		return nil, fmt.Errorf("mapping cache: %w", err)
	}
	unknown, err := simplelru.NewLRU[string, time.Duration](config.Size, nil)
	if err != nil {
		return nil, fmt.Errorf("mapping cache: %w", err)
	}
	return &Cache{
		source: source, config: config, time: newTimeline(config.Clock),
		known: known, unknown: unknown, flights: map[string]*flight{},
	}, nil
}

// Lookup returns the tenant's mapping, which is never older than the hard TTL, and how it came by it. Its error is
// mapping.ErrUnknownTenant or ErrUnavailable.
//
// A lookup takes no longer than the read timeout. It ends sooner when ctx does, unless it is the one that reads: others
// may be waiting for that read, so it is carried through.
func (c *Cache) Lookup(ctx context.Context, tenantID string) (mapping.Mapping, Outcome, error) {
	c.mu.Lock()
	now := c.time.advance()
	cached, ok := c.known.Get(tenantID)
	if ok && now < cached.softUntil {
		c.mu.Unlock()
		return cached.mapping, Hit, nil
	}
	if ok && now >= cached.hardUntil {
		c.known.Remove(tenantID)
		cached = nil
	}
	if cached != nil && now < c.askAgain {
		c.mu.Unlock()
		return cached.mapping, Held, nil
	}
	if cached == nil {
		if until, ok := c.unknown.Get(tenantID); ok && now < until {
			c.mu.Unlock()
			return mapping.Mapping{}, Negative, unknownTenant(tenantID)
		}
	}
	f, shared := c.flights[tenantID]
	if !shared {
		f = &flight{startedAt: now, landed: make(chan struct{}), err: errAbandoned}
		c.flights[tenantID] = f
	}
	c.mu.Unlock()

	if !shared {
		c.read(ctx, tenantID, f)
	}
	return c.answer(tenantID, cached, f.wait(ctx))
}

// answer turns the end of a read into the answer of one lookup. stale is what that lookup can fall back on, or nil.
func (c *Cache) answer(tenantID string, stale *entry, read result) (mapping.Mapping, Outcome, error) {
	if errors.Is(read.err, mapping.ErrUnknownTenant) {
		return mapping.Mapping{}, Unknown, unknownTenant(tenantID)
	}
	// A process can be frozen in the middle of a read, and its answer be old by now. So can the stale one.
	c.mu.Lock()
	now := c.time.advance()
	c.mu.Unlock()
	err := read.err
	if err == nil {
		if now < read.entry.hardUntil {
			if stale == nil {
				return read.entry.mapping, Miss, nil
			}
			return read.entry.mapping, Refreshed, nil
		}
		err = errors.New("the answer came later than the hard TTL")
	}
	if stale != nil && now < stale.hardUntil {
		return stale.mapping, Stale, nil
	}
	return mapping.Mapping{}, Unavailable, fmt.Errorf("tenant %q: %w: %w", tenantID, ErrUnavailable, err)
}

// shortened returns d less up to a tenth, by chance.
func (c *Cache) shortened(d time.Duration) time.Duration {
	return d - time.Duration(float64(d)*jitter*c.config.Random())
}

// lengthened returns d plus up to a tenth, by chance.
func (c *Cache) lengthened(d time.Duration) time.Duration {
	return d + time.Duration(float64(d)*jitter*c.config.Random())
}

func unknownTenant(tenantID string) error {
	return fmt.Errorf("tenant %q: %w", tenantID, mapping.ErrUnknownTenant)
}
