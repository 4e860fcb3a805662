package mappingcache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/mapping"
	"cellular/internal/runtime/mappingcache"
)

// world is the reference model: what the control plane says now, and everything that it was asked so far. It knows
// nothing of how the cache works. Each mapping that it hands out carries the number of the read in its epoch, so that
// an answer tells which read it came from.
type world struct {
	clock  *clock
	tenant map[string]mapping.State // absent: not mapped
	up     bool
	freeze mappingcache.Instant // how the clocks move during the next read

	asked []question
}

type question struct {
	tenant string
	at     mappingcache.Instant
	passed time.Duration // on the clock
	state  mapping.State
	err    error
}

func (w *world) Get(_ context.Context, tenant string) (mapping.Mapping, error) {
	q := question{tenant: tenant, at: w.clock.read(), passed: w.clock.passed}
	w.clock.move(w.freeze.Monotonic, w.freeze.Wall)
	state, mapped := w.tenant[tenant]
	switch {
	case !w.up:
		q.err = errDown
	case !mapped:
		q.err = mapping.ErrUnknownTenant
	}
	q.state = state
	w.asked = append(w.asked, q)
	if q.err != nil {
		return mapping.Mapping{}, q.err
	}
	return mapping.Mapping{TenantID: tenant, CellID: "alpha", Epoch: int64(len(w.asked)), State: state}, nil
}

// age is how long ago an instant was, by whichever clock says longer.
func (w *world) age(at mappingcache.Instant) time.Duration {
	now := w.clock.read()
	return max(now.Monotonic-at.Monotonic, now.Wall-at.Wall)
}

// lastAnswer returns the latest of the first n questions about a tenant that the control plane answered.
func (w *world) lastAnswer(tenant string, n int) question {
	for i := n - 1; i >= 0; i-- {
		if q := w.asked[i]; q.tenant == tenant && !errors.Is(q.err, errDown) {
			return q
		}
	}
	return question{}
}

func TestCacheKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{clock: newClock(), tenant: map[string]mapping.State{}, up: true}
		size := rapid.IntRange(1, 4).Draw(t, "size")
		cache, err := mappingcache.New(w, mappingcache.Config{
			Size: size, SoftTTL: softTTL, HardTTL: 10 * softTTL, NegativeTTL: negativeTTL, ReadTimeout: readTimeout,
			Clock:  w.clock.read,
			Random: func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "jitter") },
		})
		require.NoError(t, err)
		tenant := rapid.SampledFrom([]string{"acme", "globex", "initech"}) // fewer than fit, as many, or more
		step := rapid.Custom(func(t *rapid.T) time.Duration {
			unit := rapid.SampledFrom([]time.Duration{readTimeout, negativeTTL, softTTL, 10 * softTTL}).Draw(t, "unit")
			return time.Duration(rapid.Float64Range(0, 1.2).Draw(t, "of") * float64(unit))
		})
		state := rapid.SampledFrom([]mapping.State{mapping.Active, mapping.Moving, mapping.Suspended, ""})

		t.Repeat(map[string]func(*rapid.T){
			"both clocks run":                  func(t *rapid.T) { w.clock.pass(step.Draw(t, "by")) },
			"the process freezes":              func(t *rapid.T) { w.clock.move(0, step.Draw(t, "by")) },
			"the wall clock is set back":       func(t *rapid.T) { w.clock.move(0, -step.Draw(t, "by")) },
			"the wall clock is set forward":    func(t *rapid.T) { by := step.Draw(t, "by"); w.clock.move(by/2, by) },
			"the control plane fails or is up": func(*rapid.T) { w.up = !w.up },
			"a read freezes":                   func(t *rapid.T) { w.freeze.Wall = step.Draw(t, "by") },
			"reads are quick":                  func(*rapid.T) { w.freeze = mappingcache.Instant{} },
			"a tenant comes, changes, or leaves": func(t *rapid.T) {
				name, state := tenant.Draw(t, "tenant"), state.Draw(t, "state")
				if state == "" {
					delete(w.tenant, name)
				} else {
					w.tenant[name] = state
				}
			},
			"a lookup": func(t *rapid.T) { w.lookup(t, cache, tenant.Draw(t, "tenant")) },
			"some lookups": func(t *rapid.T) {
				for range 3 {
					w.lookup(t, cache, tenant.Draw(t, "tenant"))
				}
			},
			"": func(t *rapid.T) {
				known, unknown := cache.Len()
				require.LessOrEqual(t, known, size)
				require.LessOrEqual(t, unknown, size)
			},
		})
	})
}

func (w *world) lookup(t *rapid.T, cache *mappingcache.Cache, tenant string) {
	before := len(w.asked)
	start := w.clock.read()
	m, outcome, err := cache.Lookup(context.Background(), tenant)
	read := len(w.asked) > before
	require.LessOrEqual(t, len(w.asked), before+1, "one lookup makes one read at most")

	if err == nil {
		answer := w.asked[m.Epoch-1]
		require.Equal(t, tenant, m.TenantID)
		require.Equal(t, tenant, answer.tenant)
		require.Less(t, w.age(answer.at), 10*softTTL, "older than the hard TTL")
		require.Equal(t, answer.state != mapping.Suspended, m.Routable())
		require.Equal(t, answer, w.lastAnswer(tenant, len(w.asked)), "the control plane has since said something else")
	}
	switch outcome {
	case mappingcache.Hit:
		require.False(t, read)
		require.Less(t, w.age(w.asked[m.Epoch-1].at), softTTL)
	case mappingcache.Miss, mappingcache.Refreshed:
		require.True(t, read)
		require.Equal(t, int64(len(w.asked)), m.Epoch, "the answer is the one just read")
	case mappingcache.Stale:
		require.True(t, read)
		require.True(t, !w.up || w.freeze.Wall > 0, "a stale answer although the control plane answers")
	case mappingcache.Held:
		require.False(t, read)
		require.True(t, w.failedWithin(4*readTimeout, start), "a stale answer although the control plane answers")
	case mappingcache.Negative:
		require.ErrorIs(t, err, mapping.ErrUnknownTenant)
		require.False(t, read)
		last := w.lastAnswer(tenant, before)
		require.ErrorIs(t, last.err, mapping.ErrUnknownTenant)
		require.Less(t, w.age(last.at), negativeTTL*11/10)
	case mappingcache.Unknown:
		require.ErrorIs(t, err, mapping.ErrUnknownTenant)
		require.True(t, read)
		w.wasDue(t, tenant, before)
	case mappingcache.Unavailable:
		require.ErrorIs(t, err, mappingcache.ErrUnavailable)
		require.True(t, read)
		require.True(t, !w.up || w.freeze.Wall >= 10*softTTL)
	default:
		t.Fatalf("outcome %q", outcome)
	}
}

// failedWithin reports whether the latest read failed, so recently that refreshes are held off.
func (w *world) failedWithin(d time.Duration, now mappingcache.Instant) bool {
	if len(w.asked) == 0 {
		return false
	}
	// A read may end in a freeze, and the holdoff counts from its end; the monotonic clock does not notice that one.
	last := w.asked[len(w.asked)-1]
	return errors.Is(last.err, errDown) && now.Monotonic-last.at.Monotonic < d
}

// wasDue checks that a tenant which the control plane called unknown was not asked for again within the negative TTL,
// unless other unknown tenants have taken its place meanwhile.
func (w *world) wasDue(t *rapid.T, tenant string, n int) {
	others := map[string]bool{}
	for i := n - 1; i >= 0; i-- {
		q := w.asked[i]
		if q.tenant != tenant {
			others[q.tenant] = true
			continue
		}
		if errors.Is(q.err, mapping.ErrUnknownTenant) && len(others) == 0 {
			require.GreaterOrEqual(t, w.asked[n].passed-q.passed, negativeTTL, "asked again within the negative TTL")
		}
		return
	}
}
