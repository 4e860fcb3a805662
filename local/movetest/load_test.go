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

	"cellular/internal/model/event"
)

const visit = "visit" // a type of events that the shipped business logic counts

// load is what clients do to one tenant: through each router one writes at a steady rate, and one reads events that were
// accepted before.
type load struct {
	world   *world
	tenant  string
	routers []router
	cancel  context.CancelFunc
	clients sync.WaitGroup

	mu       sync.Mutex
	accepted []acceptance // of an event that was sent more than once, the first
	known    map[string]bool
	wrong    []string // answers that no client should get
}

// acceptance is an event that a client was told of that it is accepted.
type acceptance struct {
	ID, Cell string
	Sent     time.Time
}

// load starts clients, so many requests per second each, until it is stopped or the test ends. The emulator answers about
// a hundred requests per second, and an event needs a dozen on its way: what all tests send together has to stay below.
func (w *world) load(t *testing.T, tenant string, perSecond float64, routers ...router) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{world: w, tenant: tenant, routers: routers, cancel: cancel, known: map[string]bool{}}
	t.Cleanup(func() { cancel(); l.clients.Wait() })
	for i, r := range routers {
		n := 0
		l.client(ctx, perSecond, func(ctx context.Context) {
			n++
			l.write(ctx, r, fmt.Sprintf("%d-%d", i, n))
		})
		l.client(ctx, perSecond, func(ctx context.Context) { l.read(ctx, r) })
	}
	return l
}

// client calls do at the rate, until the context ends. What is under way then is brought to its end.
func (l *load) client(ctx context.Context, perSecond float64, do func(context.Context)) {
	limit := rate.NewLimiter(rate.Limit(perSecond), 1)
	l.clients.Go(func() {
		for limit.Wait(ctx) == nil {
			do(context.WithoutCancel(ctx))
		}
	})
}

func (l *load) write(ctx context.Context, r router, id string) {
	sent := time.Now()
	a := post(ctx, r, l.tenant, id, visit)
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.Status != http.StatusAccepted {
		l.wrong = append(l.wrong, fmt.Sprintf("POST of %s through a %T: %+v", id, r, a))
		return
	}
	if !l.known[id] {
		l.known[id] = true
		l.accepted = append(l.accepted, acceptance{id, a.field("cell"), sent})
	}
}

func (l *load) read(ctx context.Context, r router) {
	l.mu.Lock()
	if len(l.accepted) == 0 {
		l.mu.Unlock()
		return
	}
	id := l.accepted[rand.N(len(l.accepted))].ID
	l.mu.Unlock()
	if a := get(ctx, r, l.tenant, id); a.Status != http.StatusOK {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.wrong = append(l.wrong, fmt.Sprintf("GET of %s through a %T: %+v", id, r, a))
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
	await(t, fmt.Sprintf("%d more events of tenant %s are accepted", more, l.tenant), func() (int, bool) {
		return count(), count() >= before+more
	})
}

// stop ends the clients. None of them may have had a wrong answer.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	l.clients.Wait()
	require.NotEmpty(t, l.accepted)
	require.Empty(t, l.wrong, "of tenant %s, %d events accepted", l.tenant, len(l.accepted))
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
	await(t, fmt.Sprintf("cell %s has counted %v of tenant %s", cellID, want, l.tenant), func() (map[string]int, bool) {
		got := home.counters(t, l.tenant)
		return got, got[visit] >= want[visit]
	})
	for _, r := range l.routers {
		var group errgroup.Group
		group.SetLimit(4)
		for _, a := range l.accepted {
			group.Go(func() error {
				got := get(t.Context(), r, l.tenant, a.ID)
				if got.Status != http.StatusOK || got.field("status") != string(event.Processed) {
					return fmt.Errorf("event %s, accepted by cell %s, through a %T: %+v", a.ID, a.Cell, r, got)
				}
				return nil
			})
		}
		require.NoError(t, group.Wait(), "tenant %s", l.tenant)
	}
	l.world.requireAtHome(t, l.tenant, cellID, want)
}
