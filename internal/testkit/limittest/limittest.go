// Package limittest runs the router's limit per tenant over many processes, in virtual time: the real guard of each
// process, a counter that may fail, and requests that come at random from a seed.
package limittest

import (
	"math"
	"math/rand/v2"
	"time"

	"cellular/internal/runtime/guard"
)

// Fleet is one tenant's requests to the processes of a router.
type Fleet struct {
	Limit     guard.Limit
	Processes int
	Load      float64       // of the limit's rate
	Later     float64       // the load in the second half; 0 means Load
	Uneven    bool          // the i-th process gets 1/i of what the first gets, instead of as much
	Lifetime  time.Duration // of a process, on average; 0 is forever
	Failing   float64       // share of the counter's calls that fail; half of them count, and answer too late
	For       time.Duration
	Seed      uint64
}

// Measured is what came of it, second by second.
type Measured struct {
	Asked, Admitted []int // requests
	Reports         []int // calls of the counter
}

// tenant is the only one.
const tenant = "acme"

// Run returns what the processes let through. The same fleet has the same result.
func (f Fleet) Run() Measured {
	random := rand.New(rand.NewPCG(f.Seed, 0))
	processes := make([]*guard.Buckets, f.Processes)
	dies := make([]time.Duration, f.Processes)
	shares := make([]float64, f.Processes) // of the requests, summed up
	sum := 0.0
	for i := range processes {
		if f.Uneven {
			sum += 1 / float64(i+1)
		} else {
			sum++
		}
		shares[i] = sum
	}
	seconds := int(f.For / time.Second)
	m := Measured{Asked: make([]int, seconds), Admitted: make([]int, seconds), Reports: make([]int, seconds)}
	var counter guard.Total
	start := time.Unix(1_800_000_000, 0)
	for at := time.Duration(0); ; {
		load := f.Load
		if f.Later > 0 && at >= f.For/2 {
			load = f.Later
		}
		at += time.Duration(random.ExpFloat64() / (load * float64(f.Limit.Rate)) * float64(time.Second))
		if at >= f.For {
			return m
		}
		second, now := int(at/time.Second), start.Add(at)
		i := f.pick(shares, random.Float64()*sum)
		if processes[i] == nil || f.Lifetime > 0 && at >= dies[i] {
			processes[i] = f.start()
			dies[i] = at + time.Duration(random.ExpFloat64()*float64(f.Lifetime))
		}
		m.Asked[second]++
		cell := "" // a refused request is not looked up
		if _, ok := processes[i].Take(now, tenant); ok {
			cell = "alpha"
			m.Admitted[second]++
		}
		report, due := processes[i].Due(now, tenant, cell)
		if !due {
			continue
		}
		m.Reports[second]++
		failing, late := random.Float64() < f.Failing, random.IntN(2) == 0
		if !failing || late {
			counter.Asked += report.Asked
		}
		if failing {
			processes[i].Miss(tenant, late)
			continue
		}
		if !report.At.IsZero() {
			counter.Share = report.Share
		}
		processes[i].Learn(now, tenant, counter)
	}
}

func (f Fleet) start() *guard.Buckets {
	b, err := guard.NewBuckets(f.Limit, 1)
	if err != nil {
		panic(err)
	}
	return b
}

// pick returns the first process whose summed share is above a point.
func (f Fleet) pick(shares []float64, point float64) int {
	low, high := 0, len(shares)-1
	for low < high {
		middle := (low + high) / 2
		if shares[middle] > point {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// Minutes returns the least and the most that were let through in any 60 s that begin after the warm-up, as a share of
// what the limit and the load have in common.
func (m Measured) Minutes(limit guard.Limit, load float64, warmUp time.Duration) (least, most float64) {
	least = math.Inf(1)
	want := 60 * float64(limit.Rate) * min(load, 1)
	for from := int(warmUp / time.Second); from+60 <= len(m.Admitted); from++ {
		share := float64(sum(m.Admitted[from:from+60])) / want
		least, most = min(least, share), max(most, share)
	}
	return least, most
}

// BusiestSecond returns the most calls of the counter in a second.
func (m Measured) BusiestSecond() int {
	most := 0
	for _, n := range m.Reports {
		most = max(most, n)
	}
	return most
}

// Calls returns all calls of the counter.
func (m Measured) Calls() int { return sum(m.Reports) }

// Requests returns all requests, refused ones included.
func (m Measured) Requests() int { return sum(m.Asked) }

func sum(seconds []int) int {
	all := 0
	for _, n := range seconds {
		all += n
	}
	return all
}
