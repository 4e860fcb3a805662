package guard_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/runtime/guard"
)

func newBuckets(t require.TestingT, limit guard.Limit, size int) *guard.Buckets {
	buckets, err := guard.NewBuckets(limit, size)
	require.NoError(t, err)
	return buckets
}

func TestABucketTellsWhenItHasATokenAgain(t *testing.T) {
	buckets := newBuckets(t, guard.Limit{Rate: 2, Burst: 3}, 10)
	now := time.Unix(1, 0)
	take := func() time.Duration {
		wait, ok := buckets.Take(now, "acme")
		require.Equal(t, ok, wait == 0)
		return wait
	}
	for range 3 {
		require.Zero(t, take())
	}
	require.Equal(t, 500*time.Millisecond, take())
	require.Equal(t, 500*time.Millisecond, take(), "a request that is refused costs nothing")
	now = now.Add(400 * time.Millisecond)
	require.InDelta(t, 100*time.Millisecond, take(), float64(time.Microsecond))
	now = now.Add(101 * time.Millisecond)
	require.Zero(t, take())
	now = now.Add(time.Hour)
	for range 3 {
		require.Zero(t, take())
	}
	require.NotZero(t, take(), "no more than the burst is saved up")
}

// A tenant that stays within its limit is never refused, whatever the others do.
func TestAFloodCostsItsTenantAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := guard.Limit{Rate: rapid.IntRange(1, 100).Draw(t, "rate"), Burst: rapid.IntRange(1, 20).Draw(t, "burst")}
		buckets := newBuckets(t, limit, rapid.IntRange(1, 5).Draw(t, "size"))
		apart := time.Second/time.Duration(limit.Rate) + time.Microsecond
		now := time.Unix(1, 0)
		for range rapid.IntRange(1, 50).Draw(t, "requests") {
			now = now.Add(apart)
			for i := range rapid.IntRange(0, 30).Draw(t, "flood") {
				buckets.Take(now, "flooding")
				if rapid.IntRange(0, 9).Draw(t, "other") == 0 {
					buckets.Take(now, fmt.Sprintf("made-up-%d", i))
				}
			}
			wait, ok := buckets.Take(now, "modest")
			require.True(t, ok, "has to wait %s", wait)
		}
	})
}

func TestAFloodGetsItsRateAndNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := guard.Limit{Rate: rapid.IntRange(1, 100).Draw(t, "rate"), Burst: rapid.IntRange(1, 20).Draw(t, "burst")}
		buckets := newBuckets(t, limit, 10)
		start := time.Unix(1, 0)
		now, accepted := start, 0
		for range 200 {
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "milliseconds")) * time.Millisecond)
			if _, ok := buckets.Take(now, "flooding"); ok {
				accepted++
			}
			most := float64(limit.Burst) + now.Sub(start).Seconds()*float64(limit.Rate)
			require.LessOrEqual(t, float64(accepted), most+0.001)
		}
	})
}

func TestI10TheBucketsAreBounded(t *testing.T) {
	buckets := newBuckets(t, guard.Limit{Rate: 1, Burst: 1}, 100)
	for i := range 1000 {
		_, ok := buckets.Take(time.Unix(1, 0), fmt.Sprintf("tenant-%d", i))
		require.True(t, ok)
	}
	require.Equal(t, 100, buckets.Len())
}
