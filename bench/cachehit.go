package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"cellular/internal/model/mapping"
	"cellular/internal/runtime/mappingcache"
)

// hitTenants is how many tenants the lookups go through in turn, so that the processor's caches do not hold just one.
const hitTenants = 1000

// measureCacheHit compares a lookup that the cache answers with the least that a shared map can do.
func measureCacheHit(ctx context.Context, h *harness) ([]row, error) {
	cacheHit, err := benchmarkCacheHit(ctx)
	if err != nil {
		return nil, err
	}
	var hit, plain benchmarked
	err = interleave(ctx, pick(h, 11, 1),
		func() error { return hit.measure(h, cacheHit) },
		func() error { return plain.measure(h, benchmarkMapGet) },
	)
	if err != nil {
		return nil, err
	}
	const against = "mutex and map"
	return []row{
		newRow("cache hit: time", nanoseconds, hit.time, against, plain.time, valueAtMost(200)),
		newRow("cache hit: allocations", count, hit.allocations, against, plain.allocations, valueAtMost(0)),
	}, nil
}

func benchmarkCacheHit(ctx context.Context) (func(*testing.B), error) {
	cache, err := mappingcache.New(everyTenant{}, mappingcache.Config{
		Size: 10_000, SoftTTL: time.Hour, HardTTL: time.Hour, NegativeTTL: time.Second, ReadTimeout: time.Second,
	})
	if err != nil {
		return nil, err
	}
	tenants := tenantIDs(hitTenants)
	for _, tenant := range tenants {
		if _, _, err := cache.Lookup(ctx, tenant); err != nil {
			return nil, err
		}
	}
	return func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			_, outcome, err := cache.Lookup(ctx, tenants[i%hitTenants])
			if outcome != mappingcache.Hit {
				b.Fatalf("the lookup was no hit: %s, %v", outcome, err)
			}
		}
	}, nil
}

func benchmarkMapGet(b *testing.B) {
	tenants := tenantIDs(hitTenants)
	var mu sync.Mutex
	known := map[string]mapping.Mapping{}
	for _, tenant := range tenants {
		known[tenant] = mapping.Mapping{TenantID: tenant}
	}
	for i := 0; b.Loop(); i++ {
		mu.Lock()
		m := known[tenants[i%hitTenants]]
		mu.Unlock()
		if m.TenantID == "" {
			b.Fatal("the map has lost a tenant")
		}
	}
}

func tenantIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = tenantID(i)
	}
	return ids
}

// everyTenant is a mapping table that has every tenant, and takes no time.
type everyTenant struct{}

func (everyTenant) Get(_ context.Context, tenant string) (mapping.Mapping, error) {
	return mapping.Mapping{TenantID: tenant, CellID: cellOf(tenant), Epoch: 1, State: mapping.Active, Tier: mapping.TierStandard}, nil
}

// benchmarked are the figures of a benchmark of package testing, by round.
type benchmarked struct{ time, bytes, allocations series }

func (m *benchmarked) measure(h *harness, benchmark func(*testing.B)) error {
	if err := setBenchmarkTime(pick(h, "300ms", "10x")); err != nil {
		return err
	}
	result := testing.Benchmark(benchmark)
	if result.N == 0 {
		return fmt.Errorf("the benchmark failed")
	}
	m.time = append(m.time, float64(result.T.Nanoseconds())/float64(result.N))
	m.bytes = append(m.bytes, float64(result.AllocedBytesPerOp()))
	m.allocations = append(m.allocations, float64(result.AllocsPerOp()))
	return nil
}
