package mappingcache_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/mapping"
	"cellular/internal/runtime/mappingcache"
)

type looked struct {
	mapping mapping.Mapping
	outcome mappingcache.Outcome
	err     error
}

func look(ctx context.Context, c *mappingcache.Cache) looked {
	m, outcome, err := c.Lookup(ctx, "acme")
	return looked{m, outcome, err}
}

func TestConcurrentFirstLookupsMakeOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lookups = 1000
		source := newTable(acme())
		answer := make(chan struct{})
		source.hook = func(context.Context) error { <-answer; return nil }
		cache := newCache(t, source, noJitter(newClock()))
		got := make(chan looked, lookups)
		for range lookups {
			go func() { got <- look(t.Context(), cache) }()
		}
		synctest.Wait()
		close(answer)
		for range lookups {
			require.Equal(t, looked{acme(), mappingcache.Miss, nil}, <-got)
		}
		require.Equal(t, []string{"acme"}, source.reads)
	})
}

func TestConcurrentRefreshesMakeOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lookups = 100
		source, clock := newTable(acme()), newClock()
		cache := newCache(t, source, noJitter(clock))
		require.Equal(t, mappingcache.Miss, look(t.Context(), cache).outcome)
		clock.pass(softTTL)
		source.hook = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		got := make(chan looked, lookups)
		start := time.Now()
		for range lookups {
			go func() { got <- look(t.Context(), cache) }()
		}
		for range lookups {
			require.Equal(t, looked{acme(), mappingcache.Stale, nil}, <-got)
		}
		require.Equal(t, readTimeout, time.Since(start))
		require.Len(t, source.reads, 2)
	})
}

func TestOneCallersCancelDoesNotEndTheReadOfTheOthers(t *testing.T) {
	for name, first := range map[string]bool{"who reads": true, "who waits": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := newTable(acme())
				answer := make(chan struct{})
				source.hook = func(ctx context.Context) error {
					select {
					case <-answer:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				cache := newCache(t, source, noJitter(newClock()))
				impatient, cancel := context.WithCancel(t.Context())
				lookWith := func(ctx context.Context) chan looked {
					got := make(chan looked, 1)
					go func() { got <- look(ctx, cache) }()
					synctest.Wait()
					return got
				}
				var one, two chan looked
				if first {
					one, two = lookWith(impatient), lookWith(t.Context())
				} else {
					two, one = lookWith(t.Context()), lookWith(impatient)
				}
				cancel()
				synctest.Wait()
				if !first {
					left := <-one
					require.ErrorIs(t, left.err, mappingcache.ErrUnavailable)
					require.ErrorIs(t, left.err, context.Canceled)
				}
				close(answer)
				require.Equal(t, looked{acme(), mappingcache.Miss, nil}, <-two)
				require.Len(t, source.reads, 1)
			})
		})
	}
}

func TestALookupEndsAtTheReadTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newTable(acme())
		source.hook = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		cache := newCache(t, source, noJitter(newClock()))
		start := time.Now()
		require.ErrorIs(t, look(t.Context(), cache).err, context.DeadlineExceeded)
		require.Equal(t, readTimeout, time.Since(start))
	})
}

func TestAPanicWhileReadingStrandsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := newTable(acme())
		answer := make(chan struct{})
		source.hook = func(context.Context) error { <-answer; panic("boom") }
		cache := newCache(t, source, noJitter(newClock()))
		panicked := make(chan any, 1)
		go func() {
			defer func() { panicked <- recover() }()
			look(t.Context(), cache)
		}()
		synctest.Wait()
		waited := make(chan looked, 1)
		go func() { waited <- look(t.Context(), cache) }()
		synctest.Wait()
		close(answer)
		require.Equal(t, "boom", <-panicked)
		require.ErrorIs(t, (<-waited).err, mappingcache.ErrUnavailable)
		source.hook = nil
		require.Equal(t, looked{acme(), mappingcache.Miss, nil}, look(t.Context(), cache))
	})
}

// crowded is a source that notices when it is asked for a tenant twice at a time.
type crowded struct {
	table *table

	mu       sync.Mutex
	underWay map[string]int
	most     int
}

func (c *crowded) Get(ctx context.Context, tenantID string) (mapping.Mapping, error) {
	c.mu.Lock()
	c.underWay[tenantID]++
	c.most = max(c.most, c.underWay[tenantID])
	c.mu.Unlock()
	for range rand.IntN(20) {
		runtime.Gosched() // whoever else is about to read gets the chance
	}
	defer func() {
		c.mu.Lock()
		c.underWay[tenantID]--
		c.mu.Unlock()
	}()
	return c.table.Get(ctx, tenantID)
}

func TestNeverMoreThanOneReadOfATenantIsUnderWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"acme", "globex", "initech", "nobody"}
		source := &crowded{table: newTable(), underWay: map[string]int{}}
		for _, name := range names[:3] {
			m := acme()
			m.TenantID = name
			source.table.rows[name] = m
		}
		if rapid.Bool().Draw(t, "down") {
			source.table.err = errDown
		}
		clock := newClock()
		config := noJitter(clock)
		config.Size = rapid.IntRange(1, 4).Draw(t, "size")
		cache, err := mappingcache.New(source, config)
		require.NoError(t, err)
		var callers sync.WaitGroup
		for range rapid.IntRange(2, 8).Draw(t, "callers") {
			wanted := rapid.SliceOfN(rapid.SampledFrom(names), 1, 10).Draw(t, "wanted")
			step := time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second
			callers.Go(func() {
				for _, name := range wanted {
					_, _, _ = cache.Lookup(context.Background(), name)
					clock.pass(step)
				}
			})
		}
		callers.Wait()
		require.Equal(t, 1, source.most)
		known, unknown := cache.Len()
		require.LessOrEqual(t, known, config.Size)
		require.LessOrEqual(t, unknown, config.Size)
	})
}
