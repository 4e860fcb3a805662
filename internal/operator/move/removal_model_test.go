package move_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/residence"
)

// lives is the model, with removals: the tenant is suspended, resumed, moved, removed, and another one of its name placed,
// by operators whose processes die, lose answers, or freeze while others take over.
type lives struct {
	*model
	vacant bool      // the name is nobody's, and that was noticed
	past   []message // of the tenants before

	removals int
}

// ended notices that the tenant has been removed, and checks that nothing is there of it.
func (l *lives) ended() {
	_, there := l.placed()
	if !there && !l.vacant {
		l.gone()
		l.removals++
		for _, id := range slices.Sorted(maps.Keys(l.accepted)) {
			for epoch := range l.nthOf {
				e := event.Event{TenantID: tenant, ID: id, Type: l.accepted[id], Payload: []byte(`{"n":1}`), Epoch: epoch, AcceptedAt: l.now}
				body, err := event.Message{Event: e}.Encode()
				require.NoError(l.t, err)
				l.past = append(l.past, message{body: string(body), eventID: id})
			}
		}
		slices.SortFunc(l.past, func(a, b message) int { return strings.Compare(a.body, b.body) })
		l.nextLife()
	}
	l.vacant = !there
}

// step lets one thing happen, other than to a mover or a remover.
func (l *lives) step() {
	l.ended()
	_, there := l.placed()
	switch what := rapid.SampledFrom([]string{"world", "world", "world", "world", "suspend", "resume", "assign", "redrive", "late"}).Draw(l.t, "step"); {
	case what == "world" && there:
		l.model.step()
	case what == "world":
		l.flow()
	case what == "suspend" && there:
		_, err := l.placement().Suspend(context.Background(), tenant)
		l.mayRefuse(err)
	case what == "resume" && there:
		_, err := l.placement().Resume(context.Background(), tenant)
		l.mayRefuse(err)
	case what == "assign" && !there:
		l.assign(rapid.SampledFrom(cellIDs).Draw(l.t, "cell"))
	case what == "redrive":
		l.redrive()
	case what == "late":
		l.late()
	}
	l.look()
}

func (l *lives) mayRefuse(err error) {
	if !errors.Is(err, placement.ErrRefused) {
		require.NoError(l.t, err)
	}
}

// flow has what is in streams and queues go on, while no tenant has the name.
func (l *lives) flow() {
	c := l.cells[rapid.SampledFrom(cellIDs).Draw(l.t, "cell")]
	l.publish(c, 2, false)
	if n := len(c.queue); n > 0 {
		l.consume(c, rapid.IntRange(0, n-1).Draw(l.t, "message"), rapid.IntRange(0, 4).Draw(l.t, "again") == 0)
	}
}

// redrive has the command redrive a letter: it is sent to wherever its tenant is.
func (l *lives) redrive() {
	c := l.cells[rapid.SampledFrom(cellIDs).Draw(l.t, "cell")]
	if len(c.dlq) == 0 {
		return
	}
	at := rapid.IntRange(0, len(c.dlq)-1).Draw(l.t, "letter")
	decoded, err := event.DecodeMessage([]byte(c.dlq[at].body))
	require.NoError(l.t, err)
	sent, err := l.home().Send(context.Background(), c.Cell, tenant, []resend.Wanted{{Key: decoded.Key(), Carried: &decoded.Event}})
	require.NoError(l.t, err)
	if sent[decoded.Key()].Verdict.Settled() {
		c.dlq = slices.Delete(c.dlq, at, at+1)
	}
}

// home sends events to wherever the tenant is.
func (l *lives) home() *resend.Home {
	return &resend.Home{
		Tables: l.db, Queue: l.world, Mappings: l.placement(), Now: func() time.Time { return l.now },
		Cells: func(_ context.Context, id string) (manifest.Cell, error) { return l.cells[id].Cell, nil },
		RemovedEpoch: func(ctx context.Context, tenantID string) (int64, error) {
			known, err := residence.Get(ctx, l.db, stack.MoveTable(), tenantID)
			return known.RemovedEpoch, err
		},
	}
}

// replay has the command find what waits where no move will send it on: what was redriven just before its tenant moved.
func (l *lives) replay() {
	for _, id := range cellIDs {
		_, err := (&replay.Replayer{DynamoDB: l.db, Home: l.home()}).Run(context.Background(), l.cells[id].Cell, replay.Scope{
			Tenant: tenant, Since: l.now.Add(-24 * time.Hour), Until: l.now.Add(time.Hour), InDLQ: l.inDLQ(),
		}, replay.Options{Rate: 1e6})
		require.NoError(l.t, err)
	}
}

func (l *lives) inDLQ() map[string]time.Time {
	keys := map[string]time.Time{}
	for _, c := range l.cells {
		for _, m := range c.dlq {
			keys[event.Key(tenant, m.eventID)] = time.Time{}
		}
	}
	return keys
}

// late delivers a message about an event of a tenant that was removed, in a cell where that one was.
func (l *lives) late() {
	if len(l.past) == 0 {
		return
	}
	c := l.cells[rapid.SampledFrom(cellIDs).Draw(l.t, "cell")]
	m := l.past[rapid.IntRange(0, len(l.past)-1).Draw(l.t, "late")]
	decoded, err := event.DecodeMessage([]byte(m.body))
	require.NoError(l.t, err)
	if l.owners[decoded.Epoch] == c.ID {
		c.queue = append(c.queue, m)
	}
}

// remove has a remover do what an operator may ask of it.
func (l *lives) remove(remover *removal.Remover) {
	ctx := context.Background()
	var err error
	switch rapid.SampledFrom([]string{"start", "start", "carry on", "carry on", "carry on", "call off"}).Draw(l.t, "ask for") {
	case "start":
		if place, there := l.placed(); there && place.State == mapping.Suspended && rapid.Bool().Draw(l.t, "wait") {
			l.pass(quarantine)
		}
		_, err = remover.Start(ctx, tenant)
	case "carry on":
		fate := removal.Fate{GiveUp: true}
		if rapid.Bool().Draw(l.t, "copy") {
			fate = l.fate(&copies{})
		}
		_, err = remover.Run(ctx, tenant, fate)
	case "call off":
		_, err = remover.CallOff(ctx, tenant)
	}
	for _, fine := range []error{
		errDied, mapping.ErrUnknownTenant, removal.ErrNone, removal.ErrNotSuspended, removal.ErrMoving, removal.ErrUnderWay, removal.ErrTooSoon,
		removal.ErrUnsettled, removal.ErrTakenOver, removal.ErrTooLate,
		removal.ErrNotCopied, // a late delivery has changed another cell's outcome since the copy: the removal asks for a new one
	} {
		if errors.Is(err, fine) {
			return
		}
	}
	require.NoError(l.t, err)
}

// fateful is life for a remover: the world goes on around its calls, and another remover may take over.
func (l *lives) fateful() *hooks {
	return l.mortal("remover", 240, l.step, func() {
		l.remove(l.remover(&hooks{}))
		l.ended()
		l.step()
	})
}

func TestI8NothingIsLostOrRevivedWhateverHappensToARemoval(t *testing.T) {
	removals := 0
	rapid.Check(t, func(t *rapid.T) {
		l := &lives{model: &model{world: newWorld(t), t: t, routers: []*router{{}, {}}}}
		l.beforePass = l.inTime
		l.updated()
		t.Repeat(map[string]func(*rapid.T){
			"things happen": func(t *rapid.T) {
				l.t = t
				for range rapid.IntRange(1, 8).Draw(t, "steps") {
					l.step()
				}
			},
			"the version before was at work": l.olderVersion,
			"an operator asks a mover": func(t *rapid.T) {
				l.t = t
				l.ended()
				if _, there := l.placed(); there {
					l.carryOn(l.mover(l.fateful()))
				}
				l.ended()
			},
			"an operator asks a remover": func(t *rapid.T) {
				l.t = t
				l.remove(l.remover(l.fateful()))
				l.ended()
			},
		})
		l.t = t
		l.rest()
		removals += l.removals
	})
	t.Logf("%d removals", removals)
}

// rest brings everything to its end: the removal under way, or else the tenant's move. Then the tenant that is there, or the
// next one of the name, has all that it sent, once, and nothing of anybody else.
func (l *lives) rest() {
	ctx := context.Background()
	l.ended()
	for _, r := range l.routers {
		l.land(r)
	}
	l.ended()
	_, err := l.remover(&hooks{}).Run(ctx, tenant, removal.Fate{GiveUp: true})
	if errors.Is(err, removal.ErrUnsettled) {
		l.quiesce()
		l.replay()
		l.quiesce()
		_, err = l.remover(&hooks{}).Run(ctx, tenant, removal.Fate{GiveUp: true})
	}
	if !errors.Is(err, removal.ErrNone) {
		require.NoError(l.t, err)
	}
	l.ended()
	if _, there := l.placed(); !there {
		l.assign(rapid.SampledFrom(cellIDs).Draw(l.t, "cell"))
		l.send(&router{}, "e-0", "visit") // an id that the tenants before had, too
	}
	_, err = l.placement().Resume(ctx, tenant)
	require.NoError(l.t, err)
	if _, err = l.mover(&hooks{}).Run(ctx, tenant, ""); !errors.Is(err, move.ErrNoMove) {
		require.NoError(l.t, err)
	}
	l.quiesce()
	l.replay()
	l.quiesce()
	l.settled()
	l.nothingOfOthers()
	l.counted(1)
}

// nothingOfOthers checks that every event can be read, and that the cells have no other.
func (l *lives) nothingOfOthers() {
	for _, id := range slices.Sorted(maps.Keys(l.accepted)) {
		record, err := l.tables().Read(context.Background(), l.place().CellID, tenant, id)
		require.NoError(l.t, err)
		require.NotEmpty(l.t, record.Status, "event %s", id)
	}
	for _, c := range l.cells {
		for _, item := range l.db.Items(c.DataTable) {
			e, err := event.FromItem(item)
			require.NoError(l.t, err)
			require.Contains(l.t, l.accepted, e.ID, "in cell %s", c.ID)
			require.Equal(l.t, l.nth, l.nthOf[e.Epoch], "event %s in cell %s is another tenant's", e.ID, c.ID)
		}
	}
}
