package guard_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/guard"
	"cellular/internal/testkit/limittest"
)

const warmUp = 10 * time.Second

// fleet is processes of the router that one tenant sends to for so long that many minutes can be looked at.
func fleet(rate, processes int, load float64) limittest.Fleet {
	return limittest.Fleet{
		Limit: guard.Limit{Rate: rate, Burst: 2 * rate}, Processes: processes, Load: load, For: 100 * time.Second, Seed: 1,
	}
}

func TestBuckets_HoldATenantToItsLimitInTotal(t *testing.T) {
	for _, rate := range []int{10, 100, 1000} {
		for _, processes := range []int{1, 20, 200} {
			for _, load := range []float64{0.5, 1, 2, 10} {
				if rate == 1000 && (load == 10 || processes != 200) {
					continue // they are many requests
				}
				for name, change := range map[string]func(*limittest.Fleet){
					"even":                  func(*limittest.Fleet) {},
					"uneven":                func(f *limittest.Fleet) { f.Uneven = true },
					"processes come and go": func(f *limittest.Fleet) { f.Lifetime = 2 * time.Minute },
					"a call in ten fails":   func(f *limittest.Fleet) { f.Failing = 0.1 },
					"all of it, another seed": func(f *limittest.Fleet) {
						f.Uneven, f.Lifetime, f.Failing, f.Seed = true, 2*time.Minute, 0.1, 2
					},
				} {
					t.Run(fmt.Sprintf("%d a second, %d processes, %gx, %s", rate, processes, load, name), func(t *testing.T) {
						f := fleet(rate, processes, load)
						change(&f)
						measured := f.Run()
						least, most := measured.Minutes(f.Limit, load, warmUp)
						require.Greater(t, least, 0.8)
						require.Less(t, most, 1.2)
						require.Less(t, measured.BusiestSecond(), 250, "an item takes 1,000 writes a second")
					})
				}
			}
		}
	}
}

func TestBuckets_LetATenantThroughAgainThatAsksForLess(t *testing.T) {
	for _, processes := range []int{1, 20, 200} {
		f := fleet(100, processes, 10)
		f.Later, f.For = 0.5, 200*time.Second
		measured := f.Run()
		asked, admitted := 0, 0
		for second := 130; second < 200; second++ {
			asked, admitted = asked+measured.Asked[second], admitted+measured.Admitted[second]
		}
		require.InEpsilon(t, asked, admitted, 0.005, "%d processes, from 30 s after the flood on", processes)
	}
}

func TestBuckets_HaveALimitOfTheirOwnWhileTheCounterFails(t *testing.T) {
	f := fleet(100, 4, 10)
	f.Failing = 1
	measured := f.Run()
	least, most := measured.Minutes(f.Limit, f.Load, warmUp)
	require.InDelta(t, 4, least, 0.1, "each process lets its own limit through")
	require.InDelta(t, 4, most, 0.1)
	require.LessOrEqual(t, measured.Calls(), 4*7, "1, 2, 4, ... s apart")
}

// A process that gets next to nothing of a tenant's limit never calls, and one below a report in a window seldom does.
func TestBuckets_CostAQuietTenantNothing(t *testing.T) {
	for share, calls := range map[float64]int{0.001: 0, 0.005: 10, 0.009: 20} {
		f := fleet(100, 1, share)
		require.LessOrEqual(t, f.Run().Calls(), calls, "%g of the limit", share)
	}
}
