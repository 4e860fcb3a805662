package guard

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Limit is that of a token bucket.
type Limit struct {
	Rate  int // requests per second that the bucket refills by
	Burst int // requests that a full bucket holds
}

func (l Limit) validate(of string) error {
	var errs []error
	if l.Rate < 1 {
		errs = append(errs, fmt.Errorf("%s rate is %d, want at least 1", of, l.Rate))
	}
	if l.Burst < 1 {
		errs = append(errs, fmt.Errorf("%s burst is %d, want at least 1", of, l.Burst))
	}
	return errors.Join(errs...)
}

func (l Limit) bucket() *rate.Limiter { return rate.NewLimiter(rate.Limit(l.Rate), l.Burst) }

// take takes a token out of a bucket, or returns false and when there will be one. A bucket refills by the wall clock: the
// monotonic one may stand still while Lambda has the process frozen.
func take(bucket *rate.Limiter, now time.Time) (time.Duration, bool) {
	now = now.Round(0)
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(missing / float64(bucket.Limit()) * float64(time.Second)), false
}

// Buckets hold what a process knows of its tenants' requests, each tenant for itself: what one tenant takes, no other
// misses. A tenant has a token bucket, which bounds what this process lets through, and a pace, which bounds its share of
// what all processes do. They are safe for concurrent use.
//
// A bounded number is held. The one that was least recently asked for makes room, and is full when it comes back: too
// many tenants at a time make the limit lax, they never make it strict.
type Buckets struct {
	limit Limit

	mu      sync.Mutex
	tenants *simplelru.LRU[string, *tenant]
}

// tenant is what a process knows of one tenant.
type tenant struct {
	bucket *rate.Limiter
	pace   pace
}

// NewBuckets returns buckets of one limit, of which at most size are held.
func NewBuckets(limit Limit, size int) (*Buckets, error) {
	if err := limit.validate("tenant"); err != nil {
		return nil, err
	}
	tenants, err := simplelru.NewLRU[string, *tenant](size, nil)
	if err != nil {
		return nil, fmt.Errorf("tenants' buckets: size is %d: %w", size, err)
	}
	return &Buckets{limit: limit, tenants: tenants}, nil
}

// Take takes a token out of a tenant's bucket, or returns false and how long the tenant has to wait.
func (b *Buckets) Take(now time.Time, tenantID string) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, held := b.tenants.Get(tenantID)
	if !held {
		t = &tenant{bucket: b.limit.bucket()}
		b.tenants.Add(tenantID, t)
	}
	if wait, ok := t.pace.admit(now, b.limit); !ok {
		return wait, false
	}
	return take(t.bucket, now)
}

// Due begins a report of a tenant's requests to the counter in a cell, or returns false where none is due. Learn or Miss
// ends it, and until then no other begins. Without a cell's id it goes to the cell of the last report: a request that is
// refused has none.
func (b *Buckets) Due(now time.Time, tenantID, cellID string) (Report, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, held := b.tenants.Get(tenantID)
	if !held {
		return Report{}, false
	}
	return t.pace.due(now, b.limit, cellID)
}

// Learn ends a report with the counter's answer.
func (b *Buckets) Learn(now time.Time, tenantID string, total Total) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t, held := b.tenants.Get(tenantID); held {
		t.pace.learn(now, b.limit, total)
	}
}

// Miss ends a report that got no answer. One that is late may have been counted, and is not made again.
func (b *Buckets) Miss(tenantID string, late bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t, held := b.tenants.Get(tenantID); held {
		t.pace.miss(late)
	}
}
