package mapping_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/mapping"
)

type looked struct {
	mapping mapping.Mapping
	outcome mapping.Outcome
	err     error
}

func look(ctx context.Context, c *mapping.Cache) looked {
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
			require.Equal(t, looked{acme(), mapping.Miss, nil}, <-got)
		}
		require.Equal(t, []string{"acme"}, source.reads)
	})
}

func TestConcurrentRefreshesMakeOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lookups = 100
		source, clock := newTable(acme()), newClock()
		cache := newCache(t, source, noJitter(clock))
		require.Equal(t, mapping.Miss, look(t.Context(), cache).outcome)
		clock.pass(softTTL)
		source.hook = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		got := make(chan looked, lookups)
		start := time.Now()
		for range lookups {
			go func() { got <- look(t.Context(), cache) }()
		}
		for range lookups {
			require.Equal(t, looked{acme(), mapping.Stale, nil}, <-got)
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
					require.ErrorIs(t, left.err, mapping.ErrUnavailable)
					require.ErrorIs(t, left.err, context.Canceled)
				}
				close(answer)
				require.Equal(t, looked{acme(), mapping.Miss, nil}, <-two)
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
		require.ErrorIs(t, (<-waited).err, mapping.ErrUnavailable)
		source.hook = nil
		require.Equal(t, looked{acme(), mapping.Miss, nil}, look(t.Context(), cache))
	})
}
