package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cellular/internal/model/mapping"
	"cellular/internal/runtime/mappingcache"
)

// The fleet that is simulated. A request that takes 20 ms keeps an environment busy for 50 a second. Zipf with an exponent
// a little over 1 is what the popularity of tenants looks like: here the first tenant makes a seventh of the requests.
const (
	fleetEnvironments = 1000
	environmentRate   = 50.0 // requests per second
	fleetTenants      = 100_000
	zipfExponent      = 1.1
	fleetDuration     = 60 * time.Second
	fleetSoftTTL      = 30 * time.Second
)

// measureReads counts how often a fleet of routers reads the mapping table, in simulated time: the cache is the real one,
// its clock is not. The ideal is one read for each soft TTL in which an environment had to do with a tenant, by a cache
// of any size.
func measureReads(ctx context.Context, h *harness) ([]row, error) {
	environments := pick(h, fleetEnvironments, 10)
	tenants := tenantIDs(fleetTenants)
	var reads, ideal series
	seed := uint64(0)
	err := interleave(ctx, h.rounds, func() error {
		seed++
		f, err := playFleet(ctx, environments, tenants, seed)
		if err != nil {
			return err
		}
		million := 1e6 / float64(f.requests)
		reads = append(reads, float64(f.reads)*million)
		ideal = append(ideal, float64(f.ideal)*million)
		return nil
	})
	if err != nil {
		return nil, err
	}
	const maxJitter = 1.1 // a soft TTL is up to a tenth shorter, by chance
	return []row{
		newRow("mapping reads per million requests", count, reads, "ideal", ideal, ratioAtMost(maxJitter)).
			noted("%d environments with %g requests/s each, %d tenants (Zipf, exponent %g), soft TTL %s, %s of simulated time a round. Ideal: one read per tenant, environment and soft TTL in which the two met. Most reads are of tenants that an environment has not met for a while; without a cache there are 1,000,000.",
				environments, environmentRate, fleetTenants, zipfExponent, fleetSoftTTL, fleetDuration),
	}, nil
}

// counts are over the requests of one environment or of all.
type counts struct{ requests, reads, ideal int }

// playFleet plays every environment. They have nothing in common but the tenants, so each can be played by itself.
func playFleet(ctx context.Context, environments int, tenants []string, seed uint64) (counts, error) {
	var (
		mu  sync.Mutex
		all counts
	)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	for n := range environments {
		group.Go(func() error {
			c, err := playEnvironment(ctx, tenants, rand.New(rand.NewPCG(seed, uint64(n))))
			mu.Lock()
			defer mu.Unlock()
			all.requests, all.reads, all.ideal = all.requests+c.requests, all.reads+c.reads, all.ideal+c.ideal
			return err
		})
	}
	return all, group.Wait()
}

// playEnvironment plays one environment from its start.
func playEnvironment(ctx context.Context, tenants []string, random *rand.Rand) (counts, error) {
	var now time.Duration
	source := &countingSource{}
	cache, err := mappingcache.New(source, mappingcache.Config{
		Size: 10_000, SoftTTL: fleetSoftTTL, HardTTL: time.Hour, NegativeTTL: 5 * time.Second, ReadTimeout: 500 * time.Millisecond,
		Clock:  func() mappingcache.Instant { return mappingcache.Instant{Monotonic: now, Wall: now} },
		Random: random.Float64,
	})
	if err != nil {
		return counts{}, err
	}
	var c counts
	popularity := rand.NewZipf(random, zipfExponent, 1, uint64(len(tenants)-1))
	freshUntil := map[uint64]time.Duration{}
	const gap = float64(time.Second) / environmentRate // between two requests, on average
	for {
		now += time.Duration(random.ExpFloat64() * gap)
		if now >= fleetDuration {
			c.reads = source.reads
			return c, ctx.Err()
		}
		tenant := popularity.Uint64()
		c.requests++
		if until, ok := freshUntil[tenant]; !ok || now >= until {
			c.ideal++
			freshUntil[tenant] = now + fleetSoftTTL
		}
		if _, _, err := cache.Lookup(ctx, tenants[tenant]); err != nil {
			return counts{}, fmt.Errorf("look up %s: %w", tenants[tenant], err)
		}
	}
}

type countingSource struct {
	everyTenant
	reads int
}

func (s *countingSource) Get(ctx context.Context, tenant string) (mapping.Mapping, error) {
	s.reads++
	return s.everyTenant.Get(ctx, tenant)
}
