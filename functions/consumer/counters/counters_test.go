package counters_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/app"
	"cellular/functions/consumer/counters"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/dynamotest"
)

var (
	alpha = naming.Stack("dev").Cell("alpha")
	table = alpha.ResultsTable()
)

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int) types.AttributeValue { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }

type fataler interface {
	require.TestingT
	Context() context.Context
}

// count applies an event as the consumer would.
func count(t fataler, db *dynamotest.DB, tenantID, id, eventType string) {
	write, err := counters.Add(t.Context(), db, table, app.Event{TenantID: tenantID, ID: id, Type: eventType})
	require.NoError(t, err)
	_, err = db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{write}})
	require.NoError(t, err)
}

func read(t fataler, db *dynamotest.DB, tenantID string) counters.Counts {
	counts, err := counters.Read(t.Context(), db, table, tenantID)
	require.NoError(t, err)
	return counts
}

func TestCounters_AreItemsOfAShardAndNameTheirTenant(t *testing.T) {
	db := dynamotest.NewTables(dynamotest.Cell(alpha))
	for range 2 {
		count(t, db, "acme", "e-1", "order.placed")
	}
	require.Equal(t, []dynamotest.Item{{
		"id": text("#counters#acme#27"), "tenant_id": text("acme"), "type:order.placed": number(2),
	}}, db.Items(table))
	tenantID, ok := counters.TenantOf("#counters#acme#27")
	require.True(t, ok)
	require.Equal(t, "acme", tenantID)
	_, ok = counters.TenantOf("acme#counters#27")
	require.False(t, ok)
}

// The reason for the shards: events of one tenant seldom write the same item.
func TestCounters_OfOneTenantSeldomMeet(t *testing.T) {
	db := dynamotest.NewTables(dynamotest.Cell(alpha))
	const events = 64 * 64
	for i := range events {
		count(t, db, "acme", fmt.Sprint("e-", i), "visit")
	}
	items := db.Items(table)
	require.Len(t, items, app.Shards)
	for _, item := range items {
		var of counters.Counts
		require.NoError(t, of.Add(item))
		require.InDelta(t, events/app.Shards, of.ByType["visit"], 0.6*events/app.Shards)
	}
	require.Equal(t, counters.Counts{ByType: map[string]int{"visit": events}}, read(t, db, "acme"))
}

// Nothing is missed and nothing is counted twice or for another tenant, and what the version before has counted goes on counting.
func TestCounters_AreReadAsTheSumOfAllItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := dynamotest.NewTables(dynamotest.Cell(alpha))
		want := map[string]int{}
		if rapid.Bool().Draw(t, "counted before") {
			db.Put(table, dynamotest.Item{"id": text("#counters#acme"), "tenant_id": text("acme"), "type:a": number(5), "other_types": number(7)})
			want["a"] = 5
		}
		others := 0
		if want["a"] > 0 {
			others = 7
		}
		for i := range rapid.IntRange(0, 40).Draw(t, "events") {
			tenantID := rapid.SampledFrom([]string{"acme", "acme.1", "acme-2"}).Draw(t, "tenant")
			eventType := rapid.SampledFrom([]string{"a", "b", "other_types", "tenant_id", "type:a"}).Draw(t, "type")
			count(t, db, tenantID, fmt.Sprint("e-", i), eventType)
			if tenantID == "acme" {
				want[eventType]++
			}
		}
		got := read(t, db, "acme")
		require.Equal(t, others, got.Others)
		require.Len(t, got.ByType, len(want))
		for eventType, n := range want {
			require.Equal(t, n, got.ByType[eventType], eventType)
		}
	})
}

// A client that makes up a type for each event gets each of them counted, and every item stays small.
func TestCounters_OfATenantThatMakesUpTypesAreBounded(t *testing.T) {
	db := dynamotest.NewTables(dynamotest.Cell(alpha))
	var ids []string // of one shard
	for i := 0; len(ids) < 2*counters.MaxTypes; i++ {
		if id := fmt.Sprint("e-", i); app.Shard(app.Event{ID: id}) == 5 {
			ids = append(ids, id)
		}
	}
	for i, id := range ids {
		count(t, db, "acme", id, fmt.Sprintf("%0128d", i)) // as long as a type may be
	}
	count(t, db, "acme", ids[0], fmt.Sprintf("%0128d", 0))

	require.Len(t, db.Items(table), 1)
	item, bytes := db.Item(table, "#counters#acme#5"), 0
	for name := range item {
		bytes += len(name) + 8
	}
	require.Len(t, item, counters.MaxTypes+len([]string{"id", "tenant_id", "other_types"}))
	require.Less(t, bytes, 16<<10)
	got := read(t, db, "acme")
	require.Len(t, got.ByType, counters.MaxTypes)
	require.Equal(t, 2, got.ByType[fmt.Sprintf("%0128d", 0)], "a type that has a name keeps it")
	require.Equal(t, len(ids)-counters.MaxTypes, got.Others)
}

func TestCounters_ThatCannotBeReadFailTheEventForNow(t *testing.T) {
	db := dynamotest.NewTables(dynamotest.Cell(alpha))
	db.Intercept = func(context.Context, dynamotest.Call) error { return errors.New("out of order") }
	_, err := counters.Add(t.Context(), db, table, app.Event{TenantID: "acme", ID: "e-1", Type: "visit"})
	require.ErrorContains(t, err, "read the tenant's counters: ")
	_, err = counters.Read(t.Context(), db, table, "acme")
	require.ErrorContains(t, err, "read the counters of tenant acme: ")
	require.False(t, app.IsPermanent(err))
}

func TestCounters_ThatAreNoNumbersAreNotSummed(t *testing.T) {
	db := dynamotest.NewTables(dynamotest.Cell(alpha))
	db.Put(table, dynamotest.Item{"id": text("#counters#acme#3"), "tenant_id": text("acme"), "type:a": text("five")})
	_, err := counters.Read(t.Context(), db, table, "acme")
	require.ErrorContains(t, err, `counter "type:a" is no number`)
}
