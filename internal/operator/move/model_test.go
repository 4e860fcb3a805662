package move_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
)

// model is the whole system under everything that may happen to it: clients that send and send again, routers with
// caches of any age below the hard TTL and writes that take their time, streams and queues that deliver late and more
// than once, and movers that die, lose answers, or freeze while others take over.
type model struct {
	*world
	t       *rapid.T
	routers []*router
	sent    int
	frozen  bool // a mover is frozen, and another one is at work
	started int  // moves
}

var cellIDs = []string{"alpha", "beta"}

// step lets one thing happen, other than to a mover.
func (m *model) step() {
	r := m.routers[rapid.IntRange(0, len(m.routers)-1).Draw(m.t, "router")]
	c := m.cells[rapid.SampledFrom(cellIDs).Draw(m.t, "cell")]
	switch what := rapid.SampledFrom([]string{
		"send", "send", "send again", "decide", "land", "refresh", "publish", "publish", "consume", "consume", "consume", "time", "suspend", "read",
	}).Draw(m.t, "step"); what {
	case "send", "decide":
		if m.now.Sub(r.readAt) >= hardTTL {
			m.refresh(r)
		}
		if r.write != nil || !r.known.Routable() {
			return
		}
		kind := rapid.SampledFrom([]string{"visit", "visit", "visit", "poison"}).Draw(m.t, "type")
		m.begin(r, fmt.Sprintf("e-%d", m.sent), kind)
		m.sent++
		if what == "send" {
			m.land(r)
		}
	case "send again":
		if m.now.Sub(r.readAt) >= hardTTL {
			m.refresh(r)
		}
		if id := m.any(); id != "" && r.write == nil && r.known.Routable() {
			m.begin(r, id, m.accepted[id])
			m.land(r)
		}
	case "land":
		m.land(r)
	case "refresh":
		m.refresh(r)
	case "publish":
		m.publish(c, rapid.IntRange(1, 3).Draw(m.t, "records"), rapid.IntRange(0, 4).Draw(m.t, "again") == 0)
	case "consume":
		if n := len(c.queue); n > 0 {
			m.consume(c, rapid.IntRange(0, n-1).Draw(m.t, "message"), rapid.IntRange(0, 4).Draw(m.t, "again") == 0)
		}
	case "time":
		m.pass(time.Duration(rapid.IntRange(1, 30).Draw(m.t, "seconds")) * time.Second)
	case "suspend":
		do := m.placement().Suspend
		if m.place().State == mapping.Suspended {
			do = m.placement().Resume
		}
		if _, err := do(context.Background(), tenant); !errors.Is(err, placement.ErrRefused) { // it is being removed
			require.NoError(m.t, err)
		}
	case "read":
		if id := m.any(); id != "" {
			m.readable(r, id)
		}
	}
	m.look()
}

// inTime has writes land that would otherwise take longer than they may.
func (m *model) inTime(d time.Duration) {
	for _, r := range m.routers {
		if r.write != nil && m.now.Add(d).After(r.until) {
			m.land(r)
		}
	}
}

// any is an event that was accepted, or "".
func (m *model) any() string {
	ids := slices.Sorted(maps.Keys(m.accepted))
	if len(ids) == 0 {
		return ""
	}
	return ids[rapid.IntRange(0, len(ids)-1).Draw(m.t, "event")]
}

// life is what becomes of one mover, while the world goes on.
func (m *model) life() *hooks {
	return m.mortal("mover", 300, m.step, func() { m.carryOn(m.world.mover(&hooks{})) })
}

// mortal is what becomes of one process: it dies at one of its first calls, with the answer lost or not, or freezes there while
// another one takes over; and around its calls the world makes steps.
func (m *model) mortal(who string, calls int, step, takeOver func()) *hooks {
	h := &hooks{}
	const never = 1 << 20
	end := rapid.SampledFrom([]string{"lives", "lives", "dies", "loses an answer", "freezes"}).Draw(m.t, who)
	at := never
	if end != "lives" {
		at = rapid.IntRange(1, calls).Draw(m.t, "at call")
	}
	dead := false
	h.before = func() error {
		if dead {
			return errDied
		}
		if rapid.IntRange(0, 3).Draw(m.t, "meanwhile") == 0 {
			step()
		}
		switch {
		case h.calls < at:
		case end == "dies":
			dead = true
			return errDied
		case end == "freezes" && !m.frozen:
			m.frozen, at = true, never
			takeOver()
			m.frozen = false
		}
		return nil
	}
	h.after = func() error {
		if dead || end == "loses an answer" && h.calls >= at {
			dead = true
			return errDied
		}
		return nil
	}
	return h
}

// carryOn has a mover do what an operator may ask of it.
func (m *model) carryOn(mover *move.Mover) {
	ctx := context.Background()
	var err error
	until := rapid.SampledFrom([]move.Phase{"", "", move.Redirect}).Draw(m.t, "until")
	switch rapid.SampledFrom([]string{"start", "carry on", "carry on", "back out"}).Draw(m.t, "ask for") {
	case "start":
		_, err = mover.Start(ctx, tenant, rapid.SampledFrom(cellIDs).Draw(m.t, "to"))
		if err == nil {
			m.started++
		}
	case "carry on":
		_, err = mover.Run(ctx, tenant, until)
	case "back out":
		_, err = mover.BackOut(ctx, tenant, until)
	}
	for _, fine := range []error{
		errDied, move.ErrNoMove, move.ErrSameCell, move.ErrMoving, move.ErrRemoving, move.ErrTakenOver, move.ErrTooLate, move.ErrBackingOut,
		mapping.ErrUnknownTenant, // removed before the mover looked
	} {
		if errors.Is(err, fine) {
			return
		}
	}
	require.NoError(m.t, err)
}

func TestI8NothingIsLostOrAppliedTwiceWhateverHappensToAMove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { newModel(t).run() })
}

func newModel(t *rapid.T) *model {
	m := &model{world: newWorld(t), t: t, routers: []*router{{}, {}, {}}}
	m.beforePass = m.inTime
	m.updated()
	m.callTakes = time.Duration(rapid.SampledFrom([]int{0, 20, 400}).Draw(t, "a call takes ms")) * time.Millisecond
	return m
}

// updated may have consumers of the version before at work beside those of this one, as while a cell is updated.
func (m *model) updated() {
	if rapid.IntRange(0, 3).Draw(m.t, "updated") == 0 {
		m.isBefore = func() bool { return rapid.Bool().Draw(m.t, "by a consumer of the version before") }
	}
}

// olderVersion has the version before at work until now, where it can have left the tables as they are.
func (m *model) olderVersion(t *rapid.T) {
	m.t = t
	if !m.older() {
		t.Skip()
	}
}

// run lets anything happen, and then checks that all is well once everybody is done.
func (m *model) run() {
	t := m.t
	t.Repeat(map[string]func(*rapid.T){
		"things happen": func(t *rapid.T) {
			m.t = t
			for range rapid.IntRange(1, 8).Draw(t, "steps") {
				m.step()
			}
		},
		"an operator asks a mover": func(t *rapid.T) {
			m.t = t
			m.carryOn(m.mover(m.life()))
		},
		"the version before was at work": m.olderVersion,
	})
	m.t, m.meet = t, nil
	for _, r := range m.routers {
		m.land(r)
	}
	if m.place().State == mapping.Suspended {
		_, err := m.placement().Resume(context.Background(), tenant)
		require.NoError(t, err)
	}
	if _, err := m.mover(&hooks{}).Run(context.Background(), tenant, ""); !errors.Is(err, move.ErrNoMove) {
		require.NoError(t, err)
	}
	m.quiesce()
	m.settled()
}
