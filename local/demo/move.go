package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/move"
)

// route is which tenant moves, and between which cells.
type route struct{ tenant, from, to string }

// busiest chooses the tenant that moves: the one with the most orders. It leaves out tenants whose poison or refused
// requests the demo counts elsewhere. It goes to the cell with the fewest tenants.
func busiest(e Examples, cells map[string]manifest.Cell) (route, error) {
	orders, tenants, left := map[string]int{}, map[string]int{}, map[string]bool{}
	for _, r := range e.Orders {
		orders[r.TenantID]++
	}
	for _, r := range e.Poison {
		left[r.TenantID] = true
	}
	for _, r := range e.Refused {
		left[r.Request.TenantID] = true
	}
	var best route
	for _, p := range e.Tenants {
		tenants[p.CellID]++
		if !left[p.TenantID] && orders[p.TenantID] > orders[best.tenant] {
			best = route{tenant: p.TenantID, from: p.CellID}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(cells)) {
		if id != best.from && (best.to == "" || tenants[id] < tenants[best.to]) {
			best.to = id
		}
	}
	if best.tenant == "" || best.to == "" {
		return route{}, errors.New("the examples need a tenant with orders and without poison or refused requests, and another cell that it can move to")
	}
	return best, nil
}

// prepareMove chooses the tenant that moves, and lets either cell answer for it from here on.
func (d *demo) prepareMove(t *tally) error {
	r, err := busiest(d.examples, d.outputs.Cells)
	if err != nil {
		return err
	}
	d.moving = newRelocation(r, newSender(d.outputs.URL))
	t.beginMove(r.tenant, r.to)
	return nil
}

// relocation is a move that goes on beside the steps of the demo, while the tenant's events are read again and again.
type relocation struct {
	route
	sender *sender
	latest atomic.Pointer[move.Move]
	cancel context.CancelFunc
	done   chan struct{} // closed when the move and the reads have ended

	// Valid when done is closed.
	move  move.Move
	err   error
	wrong []error // reads that were not answered as they must
	reads int

	mu       sync.Mutex
	accepted []Request
}

// readEvery is the pause between two reads of a tenant that moves.
const readEvery = 50 * time.Millisecond

func newRelocation(r route, s *sender) *relocation {
	return &relocation{route: r, sender: s, done: make(chan struct{})}
}

// answered takes note of an event that can be read from now on.
func (r *relocation) answered(a answer) {
	if a.Request.TenantID == r.tenant && a.Status == http.StatusAccepted {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.accepted = append(r.accepted, a.Request)
	}
}

// start begins the move, once.
func (r *relocation) start(ctx context.Context, mover *move.Mover) {
	if r.cancel != nil {
		return
	}
	ctx, r.cancel = context.WithCancel(ctx)
	reading, stop := context.WithCancel(ctx)
	var readers sync.WaitGroup
	readers.Go(func() { r.read(reading) })
	go func() {
		defer close(r.done)
		_, r.err = mover.Start(ctx, r.tenant, r.to)
		if r.err == nil {
			r.move, r.err = mover.Run(ctx, r.tenant, "")
		}
		stop()
		readers.Wait()
	}()
}

// abandon ends what is still going on.
func (r *relocation) abandon() {
	if r.cancel != nil {
		r.cancel()
		<-r.done
	}
}

// read asks for the events that were accepted, one after the other, until ctx ends. Each must be known, in one cell or
// the other, in whatever phase the move is.
func (r *relocation) read(ctx context.Context) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		r.mu.Lock()
		known := r.accepted
		r.mu.Unlock()
		if len(known) > 0 {
			a, err := r.sender.get(ctx, known[n%len(known)])
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				r.wrong = append(r.wrong, err)
			case a.Status != http.StatusOK:
				r.wrong = append(r.wrong, fmt.Errorf("read of event %s of tenant %s: status %d: %s", a.Request.EventID, r.tenant, a.Status, a.Body))
			}
			r.reads++
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// finishMove waits for the move's end, which the steps before have left it most of the time for.
func (d *demo) finishMove(ctx context.Context, t *tally) error {
	r := d.moving
	d.out.begin("move", "tenant "+r.tenant)
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case <-r.done:
			waiting = false
		case <-tick.C:
			if m := r.latest.Load(); m != nil {
				d.out.transient("of tenant %s: %s", r.tenant, m.Phase)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if r.err != nil {
		return r.err
	}
	t.endMove(r.tenant)
	c := r.move.Counts
	d.out.took(r.move.FinishedAt.Sub(r.move.StartedAt), "tenant %s from %s to %s while its orders came in; it began during send and went on beside the rest", r.tenant, r.from, r.to)
	d.out.more("%s; %d diverted events sent on to be applied in %s; %s refused", copied(c, r.to), c.Sent, r.to, noneOr(t.refusedOf(r.tenant)))
	d.out.more("both cells compared: %d events, digest %.8s...; then %s forgot the tenant", c.SameEvents.Items, c.SameEvents.Digest, r.from)
	return nil
}

// copied says what a move brought to the cell, which is the tenant's part of MOVED IN, and what that had by then: an event
// that is sent again may reach both cells, through routers of which one does not know of the move yet.
func copied(c move.Counts, to string) string {
	text := fmt.Sprintf("%d events copied, with %d outcomes", c.Events, c.Outcomes)
	if own := c.SameEvents.Items - c.Events; own > 0 {
		text += fmt.Sprintf(", beside %d sent again that %s had accepted itself", own, to)
	}
	return text
}

func noneOr(refused []error) string {
	if len(refused) == 0 {
		return "none"
	}
	return fmt.Sprint(len(refused))
}
