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

// take takes a token out of a bucket, or returns false and when there will be one.
func take(bucket *rate.Limiter, now time.Time) (time.Duration, bool) {
	if bucket.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(missing / float64(bucket.Limit()) * float64(time.Second)), false
}

// Buckets are the token buckets of tenants, one each: what one tenant takes, no other misses. They are safe for
// concurrent use.
//
// A bounded number is held. The one that was least recently asked for makes room, and is full when it comes back: too
// many tenants at a time make the limit lax, they never make it strict.
type Buckets struct {
	limit Limit

	mu      sync.Mutex
	buckets *simplelru.LRU[string, *rate.Limiter]
}

// NewBuckets returns buckets of one limit, of which at most size are held.
func NewBuckets(limit Limit, size int) (*Buckets, error) {
	if err := limit.validate("tenant"); err != nil {
		return nil, err
	}
	buckets, err := simplelru.NewLRU[string, *rate.Limiter](size, nil)
	if err != nil {
		return nil, fmt.Errorf("tenants' buckets: size is %d: %w", size, err)
	}
	return &Buckets{limit: limit, buckets: buckets}, nil
}

// Take takes a token out of a tenant's bucket, or returns false and when there will be one.
func (b *Buckets) Take(now time.Time, tenantID string) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket, held := b.buckets.Get(tenantID)
	if !held {
		bucket = b.limit.bucket()
		b.buckets.Add(tenantID, bucket)
	}
	return take(bucket, now)
}
