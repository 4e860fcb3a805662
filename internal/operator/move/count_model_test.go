package move_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/controltables"
	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/removal"
	"cellular/internal/testkit/dynamotest"
)

// fleet is a deployment whose operators place, move and remove tenants, drain cells, and correct counts, in any order. At
// each call of one of them, others may do all of that while it is frozen; it may die there, or lose an answer. The indexes
// show what is new when somebody waits for them, and no sooner.
type fleet struct {
	t     *rapid.T
	db    *dynamotest.DB
	now   time.Time
	cells []manifest.Cell

	stack  []*operator    // those at work: the last one acts, the others are frozen
	drift  map[string]int // what was put into the cells' counts by hand
	fixing int            // how many of the operators correct a count
	mended int
	gaveUp int
}

// operator is one at work, whose process dies at its call at, or behind it with the answer lost.
type operator struct {
	calls, at int
	lost      bool
	dead      bool
}

// maxFrozen bounds how many operators are at work at a time.
const maxFrozen = 3

func newFleet(t *rapid.T) *fleet {
	f := &fleet{
		t: t, db: dynamotest.NewTables(dynamotest.Deployment(stack, "alpha", "beta", "gamma")),
		now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), drift: map[string]int{},
	}
	for _, id := range []string{"alpha", "beta", "gamma"} {
		c := manifestOf(id)
		c.MaxTenants = 3
		f.cells = append(f.cells, c)
	}
	f.db.LagIndexes(true)
	f.db.Intercept = func(context.Context, dynamotest.Call) error {
		f.check()
		return f.meanwhile()
	}
	f.db.After = func(context.Context, dynamotest.Call) error {
		f.check()
		if o := f.atWork(); o != nil && o.lost && o.calls >= o.at {
			o.dead = true
			return errDied
		}
		return nil
	}
	return f
}

func (f *fleet) atWork() *operator {
	if len(f.stack) == 0 {
		return nil
	}
	return f.stack[len(f.stack)-1]
}

// meanwhile comes before a call of the operator that acts: it dies, or others act first.
func (f *fleet) meanwhile() error {
	o := f.atWork()
	if o == nil {
		return nil
	}
	o.calls++
	if o.dead || o.calls == o.at && !o.lost {
		o.dead = true
		return errDied
	}
	if len(f.stack) < maxFrozen && rapid.IntRange(0, 7).Draw(f.t, "meanwhile") == 0 {
		f.act()
	}
	return nil
}

func (f *fleet) sleep(_ context.Context, d time.Duration) error {
	f.db.CatchUp()
	f.now = f.now.Add(d)
	return f.meanwhile()
}

func (f *fleet) time() time.Time { return f.now }

func (f *fleet) store() *placement.Store {
	s := placement.NewStore(f.db, control)
	s.Now, s.Sleep = f.time, f.sleep
	return s
}

func (f *fleet) cell(_ context.Context, id string) (manifest.Cell, error) {
	for _, c := range f.cells {
		if c.ID == id {
			return c, nil
		}
	}
	return manifest.Cell{}, errors.New("no such cell")
}

func (f *fleet) mover() *move.Mover {
	return move.New(move.Options{
		DynamoDB: f.db, Queue: hooked{}, ControlPlane: control, Cell: f.cell,
		Quarantine: quarantine, IndexSettle: time.Second, Poll: 20 * time.Second, Holder: "mover", Gone: func(string) bool { return true },
		Now: f.time, Sleep: f.sleep,
	})
}

func (f *fleet) remover() *removal.Remover {
	return removal.New(removal.Options{
		DynamoDB: f.db, Queue: hooked{}, ControlPlane: control,
		Cells: func(context.Context) ([]manifest.Cell, error) { return f.cells, nil },
		SweepLetters: func(context.Context, manifest.Cell, string, func(context.Context) error) (map[string]int, error) {
			return nil, nil
		},
		Quarantine: quarantine, IndexSettle: time.Second, Parallel: 1, Holder: "remover", Gone: func(string) bool { return true },
		Now: f.time, Sleep: f.sleep,
	})
}

var tenants = []string{"t1", "t2", "t3", "t4", "t5"}

// act has one operator do something, from its beginning to its end.
func (f *fleet) act() {
	o := &operator{at: -1}
	if rapid.IntRange(0, 3).Draw(f.t, "ends badly") == 0 {
		o.at, o.lost = rapid.IntRange(1, 30).Draw(f.t, "at call"), rapid.Bool().Draw(f.t, "answer lost")
	}
	f.stack = append(f.stack, o)
	defer func() { f.stack = f.stack[:len(f.stack)-1] }()
	ctx := context.Background()
	tenantID := rapid.SampledFrom(tenants).Draw(f.t, "tenant")
	cellID := rapid.SampledFrom([]string{"alpha", "beta", "gamma"}).Draw(f.t, "cell")
	// Whatever is refused, or fails, leaves the counts right. That is checked at each call.
	switch rapid.SampledFrom([]string{"assign", "assign", "start", "start", "run", "run", "back out", "remove", "resume", "status", "fix", "fix", "fix", "drift"}).Draw(f.t, "do") {
	case "assign":
		_, _ = f.store().Assign(ctx, f.cells, placement.Request{TenantID: tenantID, CellID: cellID})
	case "start":
		_, _ = f.mover().Start(ctx, tenantID, cellID)
	case "run":
		_, _ = f.mover().Run(ctx, tenantID, rapid.SampledFrom([]move.Phase{"", move.Redirect}).Draw(f.t, "until"))
	case "back out":
		_, _ = f.mover().BackOut(ctx, tenantID, "")
	case "remove":
		_, _ = f.store().Suspend(ctx, tenantID)
		f.now = f.now.Add(quarantine)
		_, _ = f.remover().Start(ctx, tenantID)
		_, _ = f.remover().Run(ctx, tenantID, removal.Fate{GiveUp: true})
	case "resume":
		_, _ = f.store().Resume(ctx, tenantID)
	case "status":
		_, _ = f.store().SetStatus(ctx, cellID, rapid.SampledFrom([]placement.Status{placement.Active, placement.Draining}).Draw(f.t, "status"))
	case "fix":
		f.fixing++
		_ = f.fix(ctx, cellID)
		f.fixing--
	case "drift":
		f.drifts(cellID, rapid.SampledFrom([]int{-1, 1, 2}).Draw(f.t, "by"))
	}
}

func (f *fleet) fix(ctx context.Context, cellID string) error {
	r, err := f.store().Recount(ctx, cellID, move.Places{Mover: f.mover()}, 3*time.Second)
	if err == nil && r.Count != r.Correct {
		err = f.store().Correct(ctx, r)
	}
	if errors.Is(err, placement.ErrChanged) {
		f.gaveUp++
	}
	return err
}

// drifts changes a count by hand.
func (f *fleet) drifts(cellID string, by int) {
	state := f.db.Item(stack.CellTable(), cellID)
	if n := f.count(cellID); state != nil && n+by >= 0 {
		state[controltables.AttrTenants] = item.Number(n + by)
		f.db.Put(stack.CellTable(), state)
		f.drift[cellID] += by
	}
}

func (f *fleet) count(cellID string) int {
	if v, ok := f.db.Item(stack.CellTable(), cellID)[controltables.AttrTenants].(*types.AttributeValueMemberN); ok {
		n, err := strconv.Atoi(v.Value)
		require.NoError(f.t, err)
		return n
	}
	return 0
}

// placed is how many tenants are mapped to each cell, or have a place reserved there by an open move.
func (f *fleet) placed() map[string]int {
	n, home := map[string]int{}, map[string]string{}
	for _, item := range f.db.Items(stack.MappingTable()) {
		m, err := mapping.FromItem(item)
		require.NoError(f.t, err)
		home[m.TenantID] = m.CellID
		n[m.CellID]++
	}
	for _, item := range f.db.Items(stack.MoveTable()) {
		if open, ok := item[controltables.AttrOpen].(*types.AttributeValueMemberS); !ok || open.Value != controltables.OpenValue {
			continue
		}
		for _, side := range []string{"from_cell", "to_cell"} {
			if cellID := item[side].(*types.AttributeValueMemberS).Value; cellID != home[item[controltables.AttrTenantID].(*types.AttributeValueMemberS).Value] {
				n[cellID]++
			}
		}
	}
	return n
}

// check compares each count with what is there. It is off by what was put in by hand, until a correction mends that.
func (f *fleet) check() {
	placed := f.placed()
	for _, c := range f.cells {
		off := f.count(c.ID) - placed[c.ID]
		if off == 0 && f.fixing > 0 && f.drift[c.ID] != 0 {
			f.drift[c.ID] = 0
			f.mended++
		}
		require.Equal(f.t, f.drift[c.ID], off, "cell %s counts %d tenants, and has %d", c.ID, f.count(c.ID), placed[c.ID])
	}
}

func TestRecount_NeverMakesARightCountWrong(t *testing.T) {
	mended, gaveUp := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(t)
		for _, id := range tenants[:3] {
			_, err := f.store().Assign(t.Context(), f.cells, placement.Request{TenantID: id})
			require.NoError(t, err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"an operator acts": func(t *rapid.T) {
				f.t = t
				f.act()
			},
		})
		f.t = t
		f.quiet(t)
		mended, gaveUp = mended+f.mended, gaveUp+f.gaveUp
	})
	t.Logf("%d drifts were mended while others worked, and %d fixes gave up", mended, gaveUp)
}

// quiet checks that every drift is mended once nobody else is at work, and that all that was begun can be finished then.
func (f *fleet) quiet(t *rapid.T) {
	fixAll := func() {
		f.fixing++
		for _, c := range f.cells {
			require.NoError(t, f.fix(t.Context(), c.ID))
			f.check()
			require.Zero(t, f.drift[c.ID], "cell %s", c.ID)
		}
		f.fixing--
	}
	fixAll()
	f.db.CatchUp()
	for _, id := range tenants {
		if _, err := f.mover().Run(t.Context(), id, ""); !errors.Is(err, move.ErrNoMove) {
			require.NoError(t, err)
		}
		if _, err := f.remover().Run(t.Context(), id, removal.Fate{GiveUp: true}); !errors.Is(err, removal.ErrNone) {
			require.NoError(t, err)
		}
	}
	f.check()
	fixAll()
}

// An index may show one item of a transaction before another, which the model does not do. So a transaction that changes
// what a tenant's place in a cell is due to makes the recounts void that began before it.
func TestRecount_IsVoidOnceAMoveIsFlippedOrReversed(t *testing.T) {
	w := newWorld(t)
	recounts := func() (all []placement.Recount) {
		for _, id := range cellIDs {
			r, err := w.placement().Recount(t.Context(), id, move.Places{Mover: w.mover(&hooks{})}, 0)
			require.NoError(t, err)
			require.Equal(t, r.Correct, r.Count)
			all = append(all, r)
		}
		return all
	}
	_, err := w.mover(&hooks{}).Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	before := recounts()
	_, err = w.mover(&hooks{}).Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	flipped := recounts()

	h := &hooks{}
	h.after = func() error {
		if current, err := w.mover(&hooks{}).Get(t.Context(), tenant); err == nil && current.BackingOut {
			return errDied
		}
		return nil
	}
	_, err = w.mover(h).BackOut(t.Context(), tenant, "")
	require.ErrorIs(t, err, errDied)
	for _, r := range append(before, flipped...) {
		require.ErrorIs(t, w.placement().Correct(t.Context(), r), placement.ErrChanged, "cell %s", r.CellID)
	}
	for _, r := range recounts() {
		require.Equal(t, 1, r.Correct)
		require.NoError(t, w.placement().Correct(t.Context(), r))
	}
}
