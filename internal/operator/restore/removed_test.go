package restore_test

import (
	"context"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/restore"
	"cellular/internal/testkit/dynamotest"
)

// lives is a world in which tenants of one name are placed, live, and are removed, one after the other. The remover, the
// placement and the consumers are the real ones.
type lives struct {
	*world
	t *rapid.T

	life    int            // counts from 1
	first   map[int]int64  // the first epoch of a life
	applied map[string]int // the last life in which an event was applied in alpha
	goneBy  time.Time      // the last removal had ended

	then      map[string]dynamotest.Item // what there was in alpha, and the mapping, when the copy was made
	thenLife  int
	copySteps int // after which step the copy is made; less than 0 once it is
}

const lifeTenant = "acme"

func (l *lives) mapped() bool { return l.Tables.Item(control.MappingTable, lifeTenant) != nil }

func (l *lives) home() manifest.Cell {
	if l.place(lifeTenant).CellID == alpha.ID {
		return alpha
	}
	return beta
}

func (l *lives) copy() {
	l.snapshot()
	l.then, l.thenLife, l.copySteps = l.items(alpha.DataTable, alpha.ResultsTable, control.MappingTable), l.life, -1
}

func (l *lives) step(i int) {
	l.Clock.Advance(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * time.Minute}).Draw(l.t, "passes"))
	if !l.mapped() {
		l.life++
		l.first[l.life] = l.assign(lifeTenant, rapid.SampledFrom([]manifest.Cell{alpha, alpha, beta}).Draw(l.t, "cell")).Epoch
		return
	}
	id := strconv.Itoa(rapid.IntRange(0, 4).Draw(l.t, "id"))
	key := event.Key(lifeTenant, id)
	home := l.home()
	switch rapid.SampledFrom([]string{"accept", "apply", "apply", "remove"}).Draw(l.t, "step") {
	case "accept":
		if l.Tables.Item(home.DataTable, key) == nil {
			l.Accept(home, lifeTenant, id, l.place(lifeTenant).Epoch, 0)
		}
	case "apply":
		if l.Tables.Item(home.DataTable, key) == nil {
			l.Accept(home, lifeTenant, id, l.place(lifeTenant).Epoch, 0)
		}
		l.apply(home)
	case "remove":
		l.apply(home)
		if during := rapid.IntRange(0, 30).Draw(l.t, "copied at call"); l.copySteps == i && during > 0 {
			calls := 0
			l.Tables.After = func(context.Context, dynamotest.Call) error {
				if calls++; calls == during {
					l.copy()
				}
				return nil
			}
		}
		l.remove(lifeTenant)
		l.Tables.After = nil
		l.goneBy = l.Clock.Now()
	}
}

// apply has the tenant's consumer apply all that it was sent and has not applied.
func (l *lives) apply(home manifest.Cell) {
	for _, item := range l.Tables.Items(home.DataTable) {
		e, err := event.FromItem(item)
		require.NoError(l.t, err)
		if l.Status(home, e.Key()) == "" {
			l.PutEvent(l.t, home.QueueURL, e)
			if home.ID == alpha.ID {
				l.applied[e.Key()] = l.life
			}
		}
	}
	l.Consume(l.t, home)
}

// lifeOf is the life that an item belongs to.
func (l *lives) lifeOf(item dynamotest.Item) int {
	n, _ := item[event.AttrEpoch].(*types.AttributeValueMemberN)
	if n == nil {
		return l.applied[strings.TrimPrefix(textOf(item, event.AttrKey), "#effects#")]
	}
	epoch, err := strconv.ParseInt(n.Value, 10, 64)
	require.NoError(l.t, err)
	life := 0
	for i := 1; i <= l.life && l.first[i] <= epoch; i++ {
		life = i
	}
	return life
}

// ofTenant reports whether an item is the tenant's, and no fence.
func ofTenant(item dynamotest.Item) bool { return tenantOf(item) == lifeTenant }

// tenantOf is the tenant of an event, an outcome or an item of the business logic; "" for a fence.
func tenantOf(item dynamotest.Item) string {
	if shard := textOf(item, event.AttrTenantShard); shard != "" {
		return event.TenantOfShard(shard)
	}
	return textOf(item, event.AttrTenantID)
}

// restoreAll restores the mapping and then the cell, and is killed at some call, and repeated.
func (l *lives) restoreAll(o restore.Options) {
	run := func() error {
		if _, err := l.restoreMappings(o); err != nil {
			return err
		}
		_, err := l.restoreCell(o)
		return err
	}
	if n := rapid.IntRange(0, 60).Draw(l.t, "killed at"); n > 0 {
		calls := l.killAt(n, rapid.Bool().Draw(l.t, "answer lost"))
		if err := run(); *calls >= n {
			require.ErrorIs(l.t, err, errKilled)
		}
		l.world.revive()
	}
	require.NoError(l.t, run())
}

func newLives(t *rapid.T) *lives {
	return &lives{world: newWorld(t), t: t, first: map[int]int64{}, applied: map[string]int{}}
}

func (l *lives) live(steps int) {
	l.copySteps = rapid.IntRange(0, steps-1).Draw(l.t, "copied after")
	for i := range steps {
		l.step(i)
		if l.copySteps == i {
			l.copy()
		}
	}
	l.Clock.Advance(time.Minute)
}

// Whatever becomes of tenants of a name, whenever the copy was made, whatever was lost, and wherever a restore is killed:
// nothing of a removed life comes back, nothing of the life of now is changed, and what was lost of it comes back.
func TestRestore_BringsBackWhatWasLostOfTheLifeOfNowAndNothingOfRemovedOnes(t *testing.T) {
	returned, left := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		l := newLives(t)
		l.live(rapid.IntRange(1, 14).Draw(t, "steps"))
		for key, before := range l.then {
			table, id, _ := strings.Cut(key, "/")
			if ofTenant(before) && l.Tables.Item(table, id) != nil && rapid.Bool().Draw(t, "lost "+key) {
				l.Tables.Delete(table, id)
			}
		}
		before := l.items(alpha.DataTable, alpha.ResultsTable, control.MappingTable)
		l.restoreAll(restore.Options{})
		after := l.items(alpha.DataTable, alpha.ResultsTable, control.MappingTable)

		for key, stored := range before {
			require.True(t, reflect.DeepEqual(stored, after[key]), "%s was overwritten", key)
		}
		present := l.mapped()
		for key, stored := range after {
			if before[key] != nil {
				continue
			}
			returned++
			require.NotNil(t, l.then[key], "%s is from nowhere", key)
			require.True(t, present, "%s came back of a tenant that was removed", key)
			require.Equal(t, l.life, l.lifeOf(stored), "%s came back from a life that was removed", key)
			require.Equal(t, l.life, l.thenLife, "%s came back from before the life of now", key)
		}
		atHome := present && l.place(lifeTenant).CellID == alpha.ID
		sure := l.goneBy.IsZero() || !l.taken.Before(l.goneBy.Add(5*time.Minute))
		for key, stored := range l.then {
			table, _, _ := strings.Cut(key, "/")
			switch {
			case !ofTenant(stored) || after[key] != nil:
			case table == control.MappingTable:
				require.False(t, l.lifeOf(stored) == l.life && l.thenLife == l.life && l.goneBy.Before(l.taken), "the mapping did not come back")
			case !atHome || l.thenLife < l.life || stored[event.AttrEpoch] == nil && !sure:
				left++
			default:
				require.Less(t, l.lifeOf(stored), l.life, "%s did not come back", key)
				left++
			}
		}
	})
	require.NotZero(t, returned, "nothing came back: the test saw no restore at work")
	require.NotZero(t, left, "nothing was left alone: the test saw no removal at work")
}

// A tenant that is named comes back as it was at the time, under an epoch that nothing of it has seen, suspended, and what
// it had not had applied by then is applied once.
func TestRestore_RevivesANamedTenantUnderAnEpochOfItsOwn(t *testing.T) {
	revived := 0
	rapid.Check(t, func(t *rapid.T) {
		l := newLives(t)
		l.live(rapid.IntRange(2, 10).Draw(t, "steps"))
		if l.mapped() {
			l.apply(l.home())
			l.remove(lifeTenant)
		}
		highest := int64(0)
		for _, c := range []manifest.Cell{alpha, beta} {
			if item := l.Tables.Item(c.ResultsTable, ledger.FenceKey(lifeTenant)); item != nil {
				f, err := ledger.FenceFromItem(item)
				require.NoError(t, err)
				highest = max(highest, f.Floor, f.RemovedBelow)
			}
		}
		l.restoreAll(restore.Options{Revive: []string{lifeTenant}})
		then := l.then[control.MappingTable+"/"+lifeTenant]
		if then == nil {
			require.False(t, l.mapped())
			return
		}
		m := l.place(lifeTenant)
		require.Greater(t, m.Epoch, max(highest, l.first[l.life]))
		require.Equal(t, mapping.Suspended, m.State)
		require.Equal(t, textOf(then, mapping.AttrCellID), m.CellID)
		count := l.Tables.Item(control.CellTable, m.CellID)["tenants"]
		require.Equal(t, item.Number(1), count)
		if m.CellID != alpha.ID {
			return
		}
		for key, before := range l.then {
			table, id, _ := strings.Cut(key, "/")
			if !ofTenant(before) || table == control.MappingTable {
				continue
			}
			now := l.Tables.Item(table, id)
			require.NotNil(t, now, "%s did not come back", key)
			if before[event.AttrEpoch] != nil {
				require.Equal(t, item.Number(m.Epoch), now[event.AttrEpoch], key)
				revived++
			}
		}
		_, err := l.placement().Resume(l.ctx, lifeTenant)
		require.NoError(t, err)
		l.replay(alpha, lifeTenant)
		for key, item := range l.then {
			if table, id, _ := strings.Cut(key, "/"); table == alpha.DataTable && ofTenant(item) {
				require.Equal(t, 1, l.Effects(alpha, id), key)
				require.Equal(t, ledger.Processed, l.Status(alpha, id), key)
			}
		}
	})
	require.NotZero(t, revived, "the test saw no revived item")
}
