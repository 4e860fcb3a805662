package ratecounter_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/naming"
	"cellular/internal/model/ratecounter"
	"cellular/internal/testkit/dynamotest"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// The attributes are shared by the versions of the router that run at a time, and the TTL attribute by the table.
func TestCounterSumsUpWhatIsAsked(t *testing.T) {
	cell := naming.Stack("dev").Cell("alpha")
	db := dynamotest.NewTables(dynamotest.Cell(cell))
	add := func(count ratecounter.Count) map[string]types.AttributeValue {
		out, err := db.UpdateItem(t.Context(), ratecounter.Add(cell.CountersTable(), "acme", count, now))
		require.NoError(t, err)
		require.Equal(t, out.Attributes, db.Item(cell.CountersTable(), "acme"), "the answer is the whole item")
		return out.Attributes
	}
	got, err := ratecounter.FromItem(add(ratecounter.Count{Asked: 5}))
	require.NoError(t, err)
	require.Equal(t, ratecounter.Count{Asked: 5}, got)

	add(ratecounter.Count{Asked: 7, Share: 0.25, SharedAt: now})
	item := add(ratecounter.Count{Asked: 1})
	require.Equal(t, dynamotest.Item{
		"tenant_id": &types.AttributeValueMemberS{Value: "acme"}, "asked": &types.AttributeValueMemberN{Value: "13"},
		"share": &types.AttributeValueMemberN{Value: "250000"}, "shared_at": &types.AttributeValueMemberN{Value: "1772600767000"},
		"expires_at": &types.AttributeValueMemberN{Value: "1772604367"},
	}, dynamotest.Item(item))
	got, err = ratecounter.FromItem(item)
	require.NoError(t, err)
	require.Equal(t, 13, int(got.Asked))
	require.InDelta(t, 0.25, got.Share, 0)
	require.True(t, got.SharedAt.Equal(now))
}

func TestMalformedCounterIsAnError(t *testing.T) {
	n := func(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }
	for name, item := range map[string]dynamotest.Item{
		"attribute asked is missing":       {},
		`attribute asked is "-1"`:          {"asked": n("-1")},
		"attribute shared_at is missing":   {"asked": n("1"), "share": n("1")},
		"attribute share is 1000001":       {"asked": n("1"), "share": n("1000001"), "shared_at": n("1")},
		`attribute share is "0.5", want a`: {"asked": n("1"), "share": n("0.5"), "shared_at": n("1")},
	} {
		_, err := ratecounter.FromItem(item)
		require.ErrorContains(t, err, name)
	}
}
