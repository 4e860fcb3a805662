package mappingcache_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/runtime/mappingcache"
)

// rig is a cache over a table and clocks that the test moves.
type rig struct {
	*testing.T
	table *table
	clock *clock
	cache *mappingcache.Cache
}

func newRig(t *testing.T, rows ...mapping.Mapping) rig {
	c := newClock()
	source := newTable(rows...)
	return rig{t, source, c, newCache(t, source, noJitter(c))}
}

// wantCell looks acme up and expects it in a cell.
func (r rig) wantCell(cell string, outcome mappingcache.Outcome) {
	r.Helper()
	m, got, err := r.cache.Lookup(r.Context(), "acme")
	require.NoError(r, err)
	require.Equal(r, outcome, got)
	require.Equal(r, cell, m.CellID)
}

// wantError looks acme up and expects no answer.
func (r rig) wantError(target error, outcome mappingcache.Outcome) {
	r.Helper()
	m, got, err := r.cache.Lookup(r.Context(), "acme")
	require.ErrorIs(r, err, target)
	require.ErrorContains(r, err, "acme")
	require.Equal(r, outcome, got)
	require.Zero(r, m)
}

func (r rig) moveTo(cell string) {
	m := acme()
	m.CellID, m.Epoch = cell, 2
	r.table.rows["acme"] = m
}

func TestFreshUntilTheSoftTTL(t *testing.T) {
	r := newRig(t, acme())
	r.wantCell("alpha", mappingcache.Miss)
	r.moveTo("beta")
	r.clock.pass(softTTL - 1)
	r.wantCell("alpha", mappingcache.Hit)
	r.clock.pass(1)
	r.wantCell("beta", mappingcache.Refreshed)
	r.wantCell("beta", mappingcache.Hit)
	require.Len(t, r.table.reads, 2)
}

func TestI5StaleUntilTheHardTTLThenUnavailable(t *testing.T) {
	r := newRig(t, acme())
	r.wantCell("alpha", mappingcache.Miss)
	r.table.err = errDown
	r.clock.pass(softTTL)
	r.wantCell("alpha", mappingcache.Stale)
	r.wantCell("alpha", mappingcache.Held)
	r.clock.pass(hardTTL - softTTL - 1)
	r.wantCell("alpha", mappingcache.Stale)
	r.clock.pass(1)
	r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)
	r.wantError(errDown, mappingcache.Unavailable)
	r.table.err = nil
	r.wantCell("alpha", mappingcache.Miss)
}

func TestI5AnUnknownTenantIsNeverGuessed(t *testing.T) {
	r := newRig(t)
	r.table.err = errDown
	r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)
	r.table.err = nil
	r.wantError(mapping.ErrUnknownTenant, mappingcache.Unknown)
	r.table.err = errDown
	r.wantError(mapping.ErrUnknownTenant, mappingcache.Negative)
	r.clock.pass(negativeTTL)
	r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)
}

func TestUnknownTenantsAreRememberedForTheNegativeTTL(t *testing.T) {
	r := newRig(t)
	r.wantError(mapping.ErrUnknownTenant, mappingcache.Unknown)
	r.table.rows["acme"] = acme()
	r.clock.pass(negativeTTL - 1)
	r.wantError(mapping.ErrUnknownTenant, mappingcache.Negative)
	require.Len(t, r.table.reads, 1)
	r.clock.pass(1)
	r.wantCell("alpha", mappingcache.Miss)
}

func TestARefreshThatFindsTheTenantGoneReplacesTheMapping(t *testing.T) {
	r := newRig(t, acme())
	r.wantCell("alpha", mappingcache.Miss)
	delete(r.table.rows, "acme")
	r.clock.pass(softTTL)
	r.wantError(mapping.ErrUnknownTenant, mappingcache.Unknown)
	r.table.err = errDown
	r.wantError(mapping.ErrUnknownTenant, mappingcache.Negative)
	r.clock.pass(negativeTTL)
	r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)
}

func TestAFailedRefreshHoldsOffTheNext(t *testing.T) {
	r := newRig(t, acme())
	r.wantCell("alpha", mappingcache.Miss)
	r.table.err = errDown
	r.clock.pass(softTTL)
	r.wantCell("alpha", mappingcache.Stale)
	r.table.err = nil
	r.moveTo("beta")
	r.clock.pass(longest - 1)
	r.wantCell("alpha", mappingcache.Held)
	require.Len(t, r.table.reads, 2, "the holdoff costs no reads")
	r.clock.pass(1)
	r.wantCell("beta", mappingcache.Refreshed)
}

// A table that swallows reads costs each of them the whole deadline. One tenant's failed refresh must spare the others
// theirs, and one answered read must end that.
func TestTheHoldoffIsForAllTenantsAndEndsWithAnAnswer(t *testing.T) {
	other := acme()
	other.TenantID = "other"
	r := newRig(t, acme(), other)
	lookup := func(tenant string) mappingcache.Outcome {
		_, outcome, _ := r.cache.Lookup(t.Context(), tenant)
		return outcome
	}
	r.wantCell("alpha", mappingcache.Miss)
	require.Equal(t, mappingcache.Miss, lookup("other"))
	r.table.err = errDown
	r.clock.pass(softTTL)
	r.wantCell("alpha", mappingcache.Stale)
	require.Equal(t, mappingcache.Held, lookup("other"))
	require.Equal(t, []string{"acme", "other", "acme"}, r.table.reads)

	require.Equal(t, mappingcache.Unavailable, lookup("third"), "who has nothing to fall back on tries")
	r.table.err = nil
	require.Equal(t, mappingcache.Unknown, lookup("third"))
	require.Equal(t, mappingcache.Refreshed, lookup("other"))
}

func TestOneTenantsBadItemConcernsThatTenantAlone(t *testing.T) {
	other := acme()
	other.TenantID = "other"
	r := newRig(t, acme(), other)
	r.wantCell("alpha", mappingcache.Miss)
	_, _, err := r.cache.Lookup(t.Context(), "other")
	require.NoError(t, err)

	r.table.bad["acme"] = fmt.Errorf("attribute cell_id: %w", mapping.ErrMalformed)
	r.clock.pass(softTTL)
	r.wantCell("alpha", mappingcache.Stale)
	_, outcome, err := r.cache.Lookup(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, mappingcache.Refreshed, outcome)

	r.clock.pass(hardTTL)
	r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)
	r.wantError(mapping.ErrMalformed, mappingcache.Unavailable)
}

func TestAFrozenProcessDoesNotExtendATTL(t *testing.T) {
	for name, freeze := range map[string]func(*clock, time.Duration){
		"the monotonic clock stood still":                   func(c *clock, d time.Duration) { c.move(0, d) },
		"the wall clock stood still":                        func(c *clock, d time.Duration) { c.move(d, 0) },
		"the wall clock went back":                          func(c *clock, d time.Duration) { c.move(d, -time.Hour) },
		"both ran":                                          func(c *clock, d time.Duration) { c.pass(d) },
		"the wall clock ran and the monotonic clock reset":  func(c *clock, d time.Duration) { c.move(-time.Hour, d) },
		"the wall clock was set forward by more than it is": func(c *clock, d time.Duration) { c.move(d, d+time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, acme())
			r.wantCell("alpha", mappingcache.Miss)
			r.table.err = errDown
			freeze(r.clock, softTTL)
			r.wantCell("alpha", mappingcache.Stale)
			freeze(r.clock, hardTTL-softTTL)
			r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)
		})
	}
}

// Each clock alone, and the larger of their totals too, would say that half the hard TTL has passed.
func TestAFreezeAndAWallClockSetBackDoNotCancelOut(t *testing.T) {
	r := newRig(t, acme())
	r.wantCell("alpha", mappingcache.Miss)
	r.table.err = errDown
	r.clock.move(0, hardTTL/2)
	r.wantCell("alpha", mappingcache.Stale)
	r.clock.move(hardTTL/2, -hardTTL/2)
	r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)
}

func TestAnAnswerFrozenInFlightIsAsOldAsItsRead(t *testing.T) {
	r := newRig(t, acme())
	r.table.hook = func(context.Context) error {
		r.clock.move(0, hardTTL)
		return nil
	}
	r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)

	r.table.hook = func(context.Context) error {
		r.clock.move(0, softTTL)
		return nil
	}
	r.wantCell("alpha", mappingcache.Miss)
	r.wantCell("alpha", mappingcache.Refreshed)
}

func TestAStaleAnswerIsNotUsedAfterAFreezePastTheHardTTL(t *testing.T) {
	r := newRig(t, acme())
	r.wantCell("alpha", mappingcache.Miss)
	r.clock.pass(softTTL)
	r.table.hook = func(context.Context) error {
		r.clock.move(0, hardTTL-softTTL)
		return errDown
	}
	r.wantError(mappingcache.ErrUnavailable, mappingcache.Unavailable)
}

func TestJitterBreaksNoPromise(t *testing.T) {
	c := newClock()
	config := noJitter(c)
	config.Random = func() float64 { return 0.999999 }
	source := newTable(acme())
	cache := newCache(t, source, config)
	lookup := func(tenant string) mappingcache.Outcome {
		_, outcome, _ := cache.Lookup(t.Context(), tenant)
		return outcome
	}
	require.Equal(t, mappingcache.Miss, lookup("acme"))
	require.Equal(t, mappingcache.Unknown, lookup("nobody"))
	c.pass(negativeTTL * 109 / 100)
	require.Equal(t, mappingcache.Negative, lookup("nobody"), "the negative TTL gets longer")
	c.pass(negativeTTL / 50)
	require.Equal(t, mappingcache.Unknown, lookup("nobody"))
	c.pass(softTTL*89/100 - negativeTTL*111/100)
	require.Equal(t, mappingcache.Hit, lookup("acme"), "the soft TTL gets shorter")
	c.pass(softTTL / 50)
	source.err = errDown
	require.Equal(t, mappingcache.Stale, lookup("acme"))
	c.pass(hardTTL - softTTL*91/100 - 1)
	require.Equal(t, mappingcache.Stale, lookup("acme"), "the hard TTL has no jitter")
	c.pass(1)
	require.Equal(t, mappingcache.Unavailable, lookup("acme"))
}

func TestUnknownTenantsDisplaceNoMappedOne(t *testing.T) {
	r := newRig(t, acme())
	r.wantCell("alpha", mappingcache.Miss)
	for i := range 1000 {
		_, outcome, _ := r.cache.Lookup(t.Context(), fmt.Sprintf("made-up-%d", i))
		require.Equal(t, mappingcache.Unknown, outcome)
	}
	known, unknown := r.cache.Len()
	require.Equal(t, 1, known)
	require.Equal(t, 100, unknown)
	r.wantCell("alpha", mappingcache.Hit)
}

func TestTheLeastRecentlyUsedTenantMakesRoom(t *testing.T) {
	r := newRig(t)
	tenant := func(i int) string { return fmt.Sprintf("tenant-%d", i) }
	for i := range 101 {
		m := acme()
		m.TenantID = tenant(i)
		r.table.rows[m.TenantID] = m
	}
	for i := range 100 {
		_, _, err := r.cache.Lookup(t.Context(), tenant(i))
		require.NoError(t, err)
	}
	outcome := func(i int) mappingcache.Outcome {
		_, outcome, err := r.cache.Lookup(t.Context(), tenant(i))
		require.NoError(t, err)
		return outcome
	}
	require.Equal(t, mappingcache.Hit, outcome(0))
	require.Equal(t, mappingcache.Miss, outcome(100))
	require.Equal(t, mappingcache.Hit, outcome(0))
	require.Equal(t, mappingcache.Miss, outcome(1))
	known, _ := r.cache.Len()
	require.Equal(t, 100, known)
}

func TestRefusesAnImpossibleConfiguration(t *testing.T) {
	_, err := mappingcache.New(newTable(), mappingcache.Config{SoftTTL: time.Minute, HardTTL: time.Second, NegativeTTL: -1})
	require.EqualError(t, err, `cache size is 0, want at least 1
cache negative TTL is -1ns, want a positive duration
cache read timeout is 0s, want a positive duration
cache hard TTL is 1s, want at least the soft TTL of 1m0s`)
}

func TestTheSystemClockRunsOnBothClocks(t *testing.T) {
	clock := mappingcache.SystemClock()
	before, wall := clock(), time.Now()
	after := clock()
	require.GreaterOrEqual(t, after.Monotonic, before.Monotonic)
	require.InDelta(t, wall.UnixNano(), int64(before.Wall), float64(time.Minute))
}

func TestAHitDoesNotAllocate(t *testing.T) {
	config := noJitter(newClock())
	config.Clock = nil
	cache := newCache(t, newTable(acme()), config)
	_, _, err := cache.Lookup(t.Context(), "acme")
	require.NoError(t, err)
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, outcome, _ := cache.Lookup(ctx, "acme"); outcome != mappingcache.Hit {
			panic(errors.New("not a hit"))
		}
	}))
}

func BenchmarkCacheHit(b *testing.B) {
	config := noJitter(newClock())
	config.Clock = nil
	config.Size = 10000
	source := newTable()
	cache := newCache(b, source, config)
	tenants := make([]string, config.Size)
	for i := range tenants {
		m := acme()
		m.TenantID = fmt.Sprintf("tenant-%d", i)
		tenants[i] = m.TenantID
		source.rows[m.TenantID] = m
	}
	ctx := b.Context()
	for _, tenant := range tenants {
		_, _, _ = cache.Lookup(ctx, tenant)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, outcome, _ := cache.Lookup(ctx, tenants[i%len(tenants)]); outcome != mappingcache.Hit {
			b.Fatal(outcome)
		}
		i++
	}
}
