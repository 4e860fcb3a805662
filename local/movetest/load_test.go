package movetest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/model/wait"
	"cellular/internal/testkit/cloudtest"
)

const visit = cloudtest.Visit

// load is what clients do to one tenant: through each router one writes at a steady rate, and one reads events that were
// accepted before.
type load struct {
	world   *world
	tenant  string
	routers []*cloudtest.Client
	clients *cloudtest.Crowd

	mu       sync.Mutex
	accepted []acceptance // of an event that was sent more than once, the first
	known    map[string]bool
	wrong    []string      // answers that no client should get
	refused  []string      // with 503
	slowest  time.Duration // that the emulator took to look up the tenant's mapping
}

// acceptance is an event that a client was told of that it is accepted.
type acceptance struct {
	ID, Cell string
	Sent     time.Time
}

// load starts clients, so many requests per second each, until it is stopped or the test ends. The emulator answers about
// a hundred requests per second, and an event needs a dozen on its way: what all tests send together has to stay below.
func (w *world) load(t *testing.T, tenant string, perSecond rate.Limit, routers ...*cloudtest.Client) *load {
	t.Helper()
	l := &load{world: w, tenant: tenant, routers: routers, clients: cloudtest.NewCrowd(t.Context()), known: map[string]bool{}}
	t.Cleanup(l.clients.Stop)
	for i, r := range routers {
		l.clients.Go(perSecond, func(ctx context.Context, n int) { l.write(ctx, r, fmt.Sprintf("%d-%d", i, n)) })
		l.clients.Go(perSecond, func(ctx context.Context, _ int) { l.read(ctx, r) })
	}
	l.clients.Go(perSecond, func(ctx context.Context, _ int) {
		began := time.Now()
		_, err := mapping.NewStore(w.tables, w.outputs.MappingTable).Get(ctx, tenant)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.slowest = max(l.slowest, time.Since(began))
		if err != nil {
			l.wrong = append(l.wrong, err.Error())
		}
	})
	return l
}

func (l *load) write(ctx context.Context, r *cloudtest.Client, id string) {
	sent := time.Now()
	a := insist(ctx, func() cloudtest.Answer {
		a := r.Post(ctx, l.tenant, id, visit, cloudtest.Page)
		l.note(a)
		return a
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Status != http.StatusAccepted {
		l.wrong = append(l.wrong, fmt.Sprintf("POST of %s to %s: %s", id, r.URL, a))
		return
	}
	if !l.known[id] {
		l.known[id] = true
		l.accepted = append(l.accepted, acceptance{id, a.Field("cell"), sent})
	}
}

func (l *load) read(ctx context.Context, r *cloudtest.Client) {
	l.mu.Lock()
	if len(l.accepted) == 0 {
		l.mu.Unlock()
		return
	}
	id := l.accepted[rand.N(len(l.accepted))].ID
	l.mu.Unlock()
	a := r.Get(ctx, l.tenant, id)
	if l.note(a); a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.wrong = append(l.wrong, fmt.Sprintf("GET of %s from %s: %s", id, r.URL, a))
	}
}

// note keeps a refusal.
func (l *load) note(a cloudtest.Answer) {
	if a.Status == http.StatusServiceUnavailable {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.refused = append(l.refused, a.String())
	}
}

// insist sends a request until it is not refused with 503, as a client does.
func insist(ctx context.Context, send func() cloudtest.Answer) cloudtest.Answer {
	for {
		a := send()
		if a.Status != http.StatusServiceUnavailable || wait.For(ctx, 200*time.Millisecond) != nil {
			return a
		}
	}
}

// awaitAccepted polls until so many more events are accepted.
func (l *load) awaitAccepted(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.accepted)
	}
	before := count()
	cloudtest.Await(t, fmt.Sprintf("%d more events of tenant %s are accepted", more, l.tenant), func() (int, bool) {
		return count(), count() >= before+more
	})
}

// promptly is how long the emulator takes at most on a machine that the system can be held to account on: a fifth of what the
// router waits for it.
const promptly = time.Second

// stop ends the clients. None of them may have had a wrong answer, or have been refused for anything but a busy machine.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.clients.Stop()
	require.NotEmpty(t, l.accepted)
	require.Empty(t, l.wrong, "of tenant %s, %d events accepted", l.tenant, len(l.accepted))
	if l.slowest > promptly {
		t.Logf("the emulator took up to %s for a lookup; %d requests were refused: %v", l.slowest, len(l.refused), l.refused)
		return
	}
	require.Empty(t, l.refused, "of tenant %s, %d events accepted, the slowest lookup took %s", l.tenant, len(l.accepted), l.slowest)
}

// acceptedBy counts the events of a stopped load that a cell has accepted since.
func (l *load) acceptedBy(cellID string, since time.Time) int {
	n := 0
	for _, a := range l.accepted {
		if a.Cell == cellID && a.Sent.After(since) {
			n++
		}
	}
	return n
}

// requireAppliedOnce stops the clients and checks what has become of all they sent: each event has had its effect once,
// in the tenant's cell; every router tells so; and no other cell has anything of the tenant but what says that it went.
func (l *load) requireAppliedOnce(t *testing.T, cellID string) {
	t.Helper()
	l.stop(t)
	home := l.world.cell(cellID)
	want := map[string]int{visit: len(l.accepted)}
	cloudtest.Await(t, fmt.Sprintf("cell %s has counted %v of tenant %s", cellID, want, l.tenant), func() (map[string]int, bool) {
		got := home.counters(t, l.tenant)
		return got, got[visit] >= want[visit]
	})
	for _, r := range l.routers {
		var group errgroup.Group
		group.SetLimit(4)
		for _, a := range l.accepted {
			group.Go(func() error {
				got := insist(t.Context(), func() cloudtest.Answer { return r.Get(t.Context(), l.tenant, a.ID) })
				if got.Status != http.StatusOK || got.Field("status") != string(ledger.Processed) {
					return fmt.Errorf("event %s, accepted by cell %s, from %s: %s", a.ID, a.Cell, r.URL, got)
				}
				return nil
			})
		}
		require.NoError(t, group.Wait(), "tenant %s", l.tenant)
	}
	l.world.requireAtHome(t, l.tenant, cellID, want)
}
