package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/formattest"
)

// table is a results table, and a way to write to it.
type table struct {
	db   *dynamotest.DB
	name string
}

func newTable() table {
	return table{dynamotest.NewTables(dynamotest.Cell(cell)), cell.ResultsTable()}
}

func (c table) write(w types.TransactWriteItem) error {
	return transact.Retrier{}.Write(context.Background(), c.db, w)
}

func (c table) bring(t require.TestingT, f ledger.Fence) {
	require.NoError(t, ledger.BringFence(context.Background(), c.db, c.name, f, c.write))
}

func (c table) copies(t require.TestingT) [ledger.FenceCopies]ledger.FenceCopy {
	copies, err := ledger.ReadFenceCopies(context.Background(), c.db, c.name, "acme")
	require.NoError(t, err)
	return copies
}

func fenceAt(floor, removedBelow int64) ledger.Fence {
	return ledger.Fence{
		TenantID: "acme", Floor: floor, State: ledger.Left, RemovedBelow: removedBelow, UpdatedAt: time.UnixMilli(1772600767008).UTC(),
	}
}

func all(c ledger.FenceCopy) (copies [ledger.FenceCopies]ledger.FenceCopy) {
	for n := range copies {
		copies[n] = c
	}
	return copies
}

// A copy that an event's transactions checked before must be the one that they check now.
func TestTheCopyOfAnEventIsKept(t *testing.T) {
	require.Equal(t, 64, ledger.FenceCopies)
	for id, want := range map[string]string{
		"e-1": "#owner#acme#27", "a": "#owner#acme#32", "0195c1f0-7a3b-7c44-9d1e-5f2b8a6c7d90": "#owner#acme#44",
	} {
		require.Equal(t, want, ledger.FenceCopyKey("acme", id))
		require.True(t, ledger.Reserved(want))
		require.False(t, ledger.IsFence(want))
	}
	require.True(t, ledger.IsFence(ledger.FenceKey("acme")))
	require.False(t, ledger.IsFence("acme#e-1"))
}

func TestTheFormatOfACopyIsKept(t *testing.T) {
	c := newTable()
	require.NoError(t, c.write(ledger.SetFenceCopy(c.name, fenceAt(3, 0), 7)))
	formattest.WritesItem(t, "testdata/copy-v1/moved.json", c.db.Item(c.name, "#owner#acme#7"))
	require.NoError(t, c.write(ledger.SetFenceCopy(c.name, fenceAt(5, 5), 7)))
	formattest.WritesItem(t, "testdata/copy-v1/removed.json", c.db.Item(c.name, "#owner#acme#7"))
	want := map[string]ledger.FenceCopy{"testdata/copy-v1/moved.json": {Floor: 3}, "testdata/copy-v1/removed.json": {Floor: 5, RemovedBelow: 5}}
	for path, item := range formattest.Items(t, "testdata/copy-v*") {
		for _, item := range []formattest.Item{item, formattest.NewerItem(item)} {
			c.db.Put(c.name, item)
			require.Equal(t, want[path], c.copies(t)[7], path)
		}
	}
}

func TestI8AnEventIsAppliedOrDivertedOrItsTenantWasRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newTable()
		epoch, id := rapid.Int64Range(1, 10).Draw(t, "epoch"), rapid.StringMatching(`[a-z0-9-]{1,8}`).Draw(t, "event")
		f, others := drawFence(t), drawFence(t)
		f.TenantID, others.TenantID = "acme", "acme"
		c.bring(t, others)
		at := event.Shard(id, ledger.FenceCopies)
		fenced := rapid.Bool().Draw(t, "fenced")
		if c.db.Delete(c.name, ledger.FenceCopyKey("acme", id)); fenced {
			require.NoError(t, c.write(ledger.SetFenceCopy(c.name, f, at)))
		}
		copy, err := ledger.ReadFenceCopy(t.Context(), c.db, c.name, "acme", id)
		require.NoError(t, err)
		require.Equal(t, c.copies(t)[at], copy)
		require.Equal(t, fenced && f.Removed(epoch), copy.Removed(epoch))

		e := event.Event{TenantID: "acme", ID: id, Epoch: epoch}
		may := holds(t, c.db, ledger.MayApply(c.name, e))
		must := holds(t, c.db, ledger.MustDivert(c.name, e))
		require.Equal(t, !fenced || f.Floor <= epoch, may)
		require.Equal(t, !may && !(fenced && f.Removed(epoch)), must)
		require.True(t, holds(t, c.db, ledger.NotRemovedSince(c.name, "acme", id, copy)))
		require.NoError(t, c.write(ledger.SetFenceCopy(c.name, fenceAt(11, 11), at)))
		require.False(t, holds(t, c.db, ledger.NotRemovedSince(c.name, "acme", id, copy)))
	})
}

// However far others have come before they died, all copies say the same in the end, and what one says of a removed tenant stays.
func TestBringFence_MakesAllCopiesSayTheSameFromWhereverOthersHaveDied(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newTable()
		died := errors.New("died")
		removed := [ledger.FenceCopies]int64{}
		for range rapid.IntRange(0, 4).Draw(t, "that died") {
			f := fenceAt(rapid.Int64Range(1, 9).Draw(t, "floor"), rapid.SampledFrom([]int64{0, 0, 4}).Draw(t, "removed below"))
			left := rapid.IntRange(0, ledger.FenceCopies).Draw(t, "after")
			err := ledger.BringFence(t.Context(), c.db, c.name, f, func(w types.TransactWriteItem) error {
				if left--; left < 0 {
					return died
				}
				return c.write(w)
			})
			if err != nil {
				require.ErrorIs(t, err, died)
			}
			for n, copy := range c.copies(t) {
				require.GreaterOrEqual(t, copy.RemovedBelow, removed[n])
				removed[n] = copy.RemovedBelow
			}
		}
		c.bring(t, fenceAt(6, 0))
		for n, copy := range c.copies(t) {
			require.Equal(t, ledger.FenceCopy{Floor: 6, RemovedBelow: removed[n]}, copy)
		}
	})
}

// What is written is not taken for granted: a table that was made again meanwhile has none of it.
func TestBringFence_EndsOnlyWhenItSeesAllCopies(t *testing.T) {
	c := newTable()
	writes := 0
	err := ledger.BringFence(t.Context(), c.db, c.name, fenceAt(3, 0), func(w types.TransactWriteItem) error {
		writes++
		if err := c.write(w); err != nil {
			return err
		}
		if writes == 40 {
			c.db.Drop(c.name)
			c.db.Make(c.name)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, ledger.FenceCopies+40, writes)
	require.Equal(t, all(ledger.FenceCopy{Floor: 3}), c.copies(t))

	err = ledger.BringFence(t.Context(), c.db, c.name, fenceAt(4, 0), func(types.TransactWriteItem) error { return nil })
	require.ErrorIs(t, err, ledger.ErrDisturbed)
}

func (c table) convert(t require.TestingT) {
	require.NoError(t, ledger.ConvertFence(context.Background(), c.db, transact.Retrier{}, c.name, "acme"))
}

func TestConvertFence_GivesAFenceOfTheVersionBeforeItsCopies(t *testing.T) {
	c := newTable()
	c.convert(t)
	require.Empty(t, c.db.Items(c.name), "a tenant without a fence needs none")
	for path, item := range formattest.Items(t, "testdata/fence-v1") {
		if item[ledger.AttrCopiedFloor] != nil {
			continue
		}
		c := newTable()
		c.db.Put(c.name, item)
		before, err := ledger.FenceFromItem(item)
		require.NoError(t, err)
		c.convert(t)
		require.Equal(t, all(ledger.FenceCopy{Floor: before.Floor, RemovedBelow: before.RemovedBelow}), c.copies(t), path)
		after, _, err := ledger.ReadFence(t.Context(), c.db, c.name, "acme")
		require.NoError(t, err)
		before.Copied = before.Floor
		require.Equal(t, before, after)

		state := c.db.Items(c.name)
		c.convert(t)
		require.Equal(t, state, c.db.Items(c.name), "a second time there is nothing to do")
	}
}

// The version before writes the fence and keeps what it does not know. When this one is back, its copies are of the past.
func TestConvertFence_FollowsAFenceThatTheVersionBeforeHasWrittenSince(t *testing.T) {
	c := newTable()
	c.bring(t, fenceAt(3, 0))
	require.NoError(t, c.write(ledger.SetFence(c.name, fenceAt(3, 0))))
	item := c.db.Item(c.name, ledger.FenceKey("acme"))
	item[ledger.AttrFloor] = &types.AttributeValueMemberN{Value: "5"}
	item[ledger.AttrRemovedBelow] = &types.AttributeValueMemberN{Value: "5"}
	c.db.Put(c.name, item)
	c.convert(t)
	require.Equal(t, all(ledger.FenceCopy{Floor: 5, RemovedBelow: 5}), c.copies(t))
}

// late is a client whose first transaction comes when all that others did meanwhile is done.
type late struct {
	*dynamotest.DB
	meanwhile func()
}

func (l *late) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	if do := l.meanwhile; do != nil {
		l.meanwhile = nil
		do()
	}
	return l.DB.TransactWriteItems(ctx, in, o...)
}

// A process that has read a fence of the version before may be frozen until a mover has converted it, raised and lowered
// copies, some or all, and written the fence: what the process does then changes nothing.
func TestConvertFence_WritesOverNoCopyThatAMoverHasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newTable()
		old := fenceAt(3, 0)
		c.db.Put(c.name, old.Item())
		client := &late{DB: c.db}
		var state any
		client.meanwhile = func() {
			c.convert(t)
			for range rapid.IntRange(0, 3).Draw(t, "steps of a mover") {
				f := fenceAt(rapid.Int64Range(3, 6).Draw(t, "floor"), 0)
				switch rapid.SampledFrom([]string{"all", "some", "fence"}).Draw(t, "writes") {
				case "all":
					c.bring(t, f)
				case "some":
					require.NoError(t, c.write(ledger.SetFenceCopy(c.name, f, rapid.IntRange(0, ledger.FenceCopies-1).Draw(t, "copy"))))
				case "fence":
					require.NoError(t, c.write(ledger.SetFence(c.name, f)))
				}
			}
			state = c.db.Items(c.name)
		}
		sleep := func(context.Context, time.Duration) error { return nil }
		require.NoError(t, ledger.ConvertFence(t.Context(), client, transact.Retrier{Sleep: sleep}, c.name, "acme"))
		require.Equal(t, state, c.db.Items(c.name))
	})
}
