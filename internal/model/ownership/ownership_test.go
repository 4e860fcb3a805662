package ownership_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
	"cellular/internal/model/ownership"
	"cellular/internal/testkit/dynamotest"
)

var cell = naming.Stack("dev").Cell("alpha")

var states = []ownership.State{ownership.Incoming, ownership.Owner, ownership.Outgoing, ownership.Left}

func drawFence(t *rapid.T) ownership.Fence {
	return ownership.Fence{
		RemovedBelow: rapid.SampledFrom([]int64{0, 0, 1, 3, 6}).Draw(t, "removed below"),

		TenantID:  rapid.StringMatching(event.TenantIDPattern).Draw(t, "tenant"),
		Floor:     rapid.Int64Range(1, 9).Draw(t, "floor"),
		State:     rapid.SampledFrom(states).Draw(t, "state"),
		Peer:      rapid.SampledFrom([]string{"", "beta", "gamma-2"}).Draw(t, "peer"),
		UpdatedAt: time.UnixMilli(rapid.Int64Range(0, 4102444800000).Draw(t, "ms")).UTC(),
	}
}

func TestItemRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFence(t)
		got, err := ownership.FromItem(f.Item())
		require.NoError(t, err)
		require.Equal(t, f, got)
	})
}

// What belongs to a tenant is found by the index, and moves. The fence is the cell's, and stays.
func TestAFenceNeitherMovesWithItsTenantNorIsAnEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFence(t)
		require.NotContains(t, f.Item(), event.AttrTenantID)
		require.NotContains(t, f.Item(), event.AttrWaiting)
		_, _, err := event.ParseKey(ownership.Key(f.TenantID))
		require.Error(t, err)
	})
}

func TestFromItemNamesTheBadAttribute(t *testing.T) {
	for _, c := range []struct {
		attribute string
		value     types.AttributeValue // nil removes the attribute
		want      string
	}{
		{ownership.AttrTenant, item.Text("a#b"), `attribute fenced_tenant is "a#b"`},
		{ownership.AttrFloor, item.Number(0), "attribute floor is \"0\""},
		{ownership.AttrFloor, item.Text("1"), "attribute floor is missing or not a number"},
		{ownership.AttrState, item.Text("Gone"), `attribute state is "Gone", want a word of lower-case letters and -`},
		{ownership.AttrPeer, item.Text("Beta"), `attribute peer_cell is "Beta", want empty or`},
		{ownership.AttrPeer, nil, "attribute peer_cell is missing"},
		{ownership.AttrUpdatedAt, item.Text("now"), `attribute updated_at is "now"`},
	} {
		f := ownership.Fence{TenantID: "acme", Floor: 2, State: ownership.Owner, UpdatedAt: time.Unix(1772600767, 0)}
		attributes := f.Item()
		attributes[c.attribute] = c.value
		if c.value == nil {
			delete(attributes, c.attribute)
		}
		_, err := ownership.FromItem(attributes)
		require.ErrorIs(t, err, ownership.ErrMalformed)
		require.ErrorContains(t, err, c.want)
	}
}

// holds reports whether a transaction goes through that consists of one condition and a write beside it.
func holds(t *rapid.T, db *dynamotest.DB, condition types.TransactWriteItem) bool {
	table := cell.ResultsTable()
	_, err := db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		condition,
		{Put: &types.Put{TableName: &table, Item: dynamotest.Item{event.AttrKey: item.Text("acme#e-1")}}},
	}})
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		require.Equal(t, "ConditionalCheckFailed", *canceled.CancellationReasons[0].Code)
		return false
	}
	require.NoError(t, err)
	return true
}

func TestI8AnEventIsAppliedOrDivertedOrItsTenantWasRemoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := dynamotest.NewTables(dynamotest.Cell(cell))
		epoch := rapid.Int64Range(1, 10).Draw(t, "epoch")
		f := drawFence(t)
		fenced := rapid.Bool().Draw(t, "fenced")
		if fenced {
			db.Put(cell.ResultsTable(), f.Item())
		}
		may := holds(t, db, ownership.MayApply(cell.ResultsTable(), f.TenantID, epoch))
		must := holds(t, db, ownership.MustDivert(cell.ResultsTable(), f.TenantID, epoch))
		require.Equal(t, !fenced || f.Floor <= epoch, may)
		require.Equal(t, !may && !(fenced && f.Removed(epoch)), must)
	})
}

func TestSetKeepsWhatAFenceSaysOfARemovedTenant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := dynamotest.NewTables(dynamotest.Cell(cell))
		before, f := drawFence(t), drawFence(t)
		f.TenantID = before.TenantID
		db.Put(cell.ResultsTable(), before.Item())
		require.True(t, holds(t, db, ownership.Set(cell.ResultsTable(), f)))
		if f.RemovedBelow == 0 {
			f.RemovedBelow = before.RemovedBelow
		}
		got, there, err := ownership.Get(t.Context(), db, cell.ResultsTable(), f.TenantID)
		require.NoError(t, err)
		require.True(t, there)
		require.Equal(t, f, got)
	})
}

func TestReservedKeysAreTheSystems(t *testing.T) {
	for _, key := range []string{"acme#e-1", "acme", "", ownership.Key("acme"), ownership.Key("acme") + "#7", event.AppliedKey, event.TrialPrefix + "m-1"} {
		require.True(t, ownership.Reserved(key), "%q", key)
	}
	for _, key := range []string{"#", "#counters#acme", "#owner", "#applied#acme", "##owner#acme"} {
		require.False(t, ownership.Reserved(key), "%q", key)
	}
}
