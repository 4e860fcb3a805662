package mappingcache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/runtime/mappingcache"
)

var errDown = errors.New("connection refused")

// table is a mapping table in memory.
type table struct {
	mu    sync.Mutex
	rows  map[string]mapping.Mapping
	err   error            // what every read fails with, if not nil
	bad   map[string]error // what the read of one tenant fails with
	reads []string         // the tenants that were read, in order
	hook  func(context.Context) error
}

func newTable(rows ...mapping.Mapping) *table {
	t := &table{rows: map[string]mapping.Mapping{}, bad: map[string]error{}}
	for _, m := range rows {
		t.rows[m.TenantID] = m
	}
	return t
}

func (t *table) Get(ctx context.Context, tenantID string) (mapping.Mapping, error) {
	t.mu.Lock()
	t.reads = append(t.reads, tenantID)
	hook := t.hook
	t.mu.Unlock()
	if hook != nil {
		if err := hook(ctx); err != nil {
			return mapping.Mapping{}, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return mapping.Mapping{}, t.err
	}
	if err := t.bad[tenantID]; err != nil {
		return mapping.Mapping{}, err
	}
	m, ok := t.rows[tenantID]
	if !ok {
		return mapping.Mapping{}, mapping.ErrUnknownTenant
	}
	return m, nil
}

// clock is two clocks that stand still until they are moved.
type clock struct {
	mu  sync.Mutex
	now mappingcache.Instant

	passed time.Duration // the sum of all moves, each by the clock that went further; nobody can say that more has passed
}

func newClock() *clock { return &clock{now: mappingcache.Instant{Wall: 56 * 365 * 24 * time.Hour}} }

func (c *clock) read() mappingcache.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(monotonic, wall time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.Monotonic += monotonic
	c.now.Wall += wall
	c.passed += max(monotonic, wall, 0)
}

func (c *clock) pass(d time.Duration) { c.move(d, d) }

func acme() mapping.Mapping {
	return mapping.Mapping{
		TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Active, Tier: "standard",
		UpdatedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
	}
}

const (
	softTTL     = 30 * time.Second
	hardTTL     = time.Hour
	negativeTTL = 5 * time.Second
	readTimeout = 500 * time.Millisecond
	longest     = 4 * readTimeout // of the holdoff
)

// noJitter is a configuration in which every TTL is exact.
func noJitter(c *clock) mappingcache.Config {
	return mappingcache.Config{
		Size: 100, SoftTTL: softTTL, HardTTL: hardTTL, NegativeTTL: negativeTTL, ReadTimeout: readTimeout,
		Clock: c.read, Random: func() float64 { return 0 },
	}
}

func newCache(t testing.TB, source mappingcache.Source, config mappingcache.Config) *mappingcache.Cache {
	t.Helper()
	cache, err := mappingcache.New(source, config)
	require.NoError(t, err)
	return cache
}
