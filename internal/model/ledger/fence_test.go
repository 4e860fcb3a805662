package ledger_test

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
	"cellular/internal/model/ledger"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/dynamotest"
)

var cell = naming.Stack("dev").Cell("alpha")

var states = []ledger.FenceState{ledger.Incoming, ledger.Owner, ledger.Outgoing, ledger.Left}

func drawFence(t *rapid.T) ledger.Fence {
	return ledger.Fence{
		RemovedBelow: rapid.SampledFrom([]int64{0, 0, 1, 3, 6}).Draw(t, "removed below"),
		Copied:       rapid.SampledFrom([]int64{0, 2, 5}).Draw(t, "copied"),

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
		got, err := ledger.FenceFromItem(f.Item())
		require.NoError(t, err)
		require.Equal(t, f, got)
	})
}

// What belongs to a tenant is found by the index, and moves. The fence is the cell's, and stays.
func TestAFenceNeitherMovesWithItsTenantNorIsAnEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFence(t)
		require.NotContains(t, f.Item(), event.AttrTenantID)
		require.NotContains(t, f.Item(), ledger.AttrWaiting)
		_, _, err := event.ParseKey(ledger.FenceKey(f.TenantID))
		require.Error(t, err)
	})
}

func TestFromItemNamesTheBadAttribute(t *testing.T) {
	for _, c := range []struct {
		attribute string
		value     types.AttributeValue // nil removes the attribute
		want      string
	}{
		{ledger.AttrFencedTenant, item.Text("a#b"), `attribute fenced_tenant is "a#b"`},
		{ledger.AttrFloor, item.Number(0), "attribute floor is \"0\""},
		{ledger.AttrFloor, item.Text("1"), "attribute floor is missing or not a number"},
		{ledger.AttrFenceState, item.Text("Gone"), `attribute state is "Gone", want a word of lower-case letters and -`},
		{ledger.AttrPeer, item.Text("Beta"), `attribute peer_cell is "Beta", want empty or`},
		{ledger.AttrPeer, nil, "attribute peer_cell is missing"},
		{ledger.AttrFencedAt, item.Text("now"), `attribute updated_at is "now"`},
	} {
		f := ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Owner, UpdatedAt: time.Unix(1772600767, 0)}
		attributes := f.Item()
		attributes[c.attribute] = c.value
		if c.value == nil {
			delete(attributes, c.attribute)
		}
		_, err := ledger.FenceFromItem(attributes)
		require.ErrorIs(t, err, ledger.ErrMalformedFence)
		require.ErrorContains(t, err, c.want)
	}
}

// holds reports whether a transaction goes through that consists of one condition and a write beside it.
func holds(t *rapid.T, db *dynamotest.DB, condition types.TransactWriteItem) bool {
	table := cell.ResultsTable()
	_, err := db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		condition,
		{Put: &types.Put{TableName: &table, Item: dynamotest.Item{event.AttrKey: item.Text("#effect")}}},
	}})
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		require.Equal(t, "ConditionalCheckFailed", *canceled.CancellationReasons[0].Code)
		return false
	}
	require.NoError(t, err)
	return true
}

func TestSetKeepsWhatAFenceSaysOfARemovedTenant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := dynamotest.NewTables(dynamotest.Cell(cell))
		before, f := drawFence(t), drawFence(t)
		f.TenantID = before.TenantID
		db.Put(cell.ResultsTable(), before.Item())
		require.True(t, holds(t, db, ledger.SetFence(cell.ResultsTable(), f)))
		f.Copied = f.Floor
		if f.RemovedBelow == 0 {
			f.RemovedBelow = before.RemovedBelow
		}
		got, there, err := ledger.ReadFence(t.Context(), db, cell.ResultsTable(), f.TenantID)
		require.NoError(t, err)
		require.True(t, there)
		require.Equal(t, f, got)
	})
}

func TestReservedKeysAreTheSystems(t *testing.T) {
	for _, key := range []string{"acme#e-1", "acme", "", ledger.FenceKey("acme"), ledger.FenceKey("acme") + "#7", ledger.AppliedKey, ledger.TrialPrefix + "m-1"} {
		require.True(t, ledger.Reserved(key), "%q", key)
	}
	for _, key := range []string{"#", "#counters#acme", "#owner", "#applied#acme", "##owner#acme"} {
		require.False(t, ledger.Reserved(key), "%q", key)
	}
}
