package residence_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/item"
	"cellular/internal/model/naming"
	"cellular/internal/operator/residence"
	"cellular/internal/testkit/dynamotest"
)

const stack = naming.Stack("test")

var (
	table = stack.MoveTable()
	now   = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
)

func newTables() *dynamotest.DB { return dynamotest.NewTables(dynamotest.ControlPlane(stack)) }

// commit writes an operation, and reports whether its condition held.
func commit(t require.TestingT, db *dynamotest.DB, write types.TransactWriteItem) bool {
	_, err := db.TransactWriteItems(context.Background(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{write}})
	if err == nil {
		return true
	}
	var canceled *types.TransactionCanceledException
	require.ErrorAs(t, err, &canceled)
	require.Equal(t, "ConditionalCheckFailed", aws.ToString(canceled.CancellationReasons[0].Code))
	return false
}

func record(t require.TestingT, db *dynamotest.DB, tenantID string) residence.Record {
	r, err := residence.Get(context.Background(), db, table, tenantID)
	require.NoError(t, err)
	return r
}

// Whatever is written in whatever order: an epoch is given once, nothing that is known is taken back, and what was removed
// stays removed.
func TestRecord_GivesAnEpochOnceAndForgetsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := newTables()
		want, given := residence.Record{TenantID: "acme"}, map[int64]bool{}
		cell := rapid.SampledFrom([]string{"alpha", "beta"})
		epoch := rapid.Int64Range(1, 8)
		done := func(held bool, c string, e int64) {
			if held {
				want.LastCell, want.LastEpoch, want.UpdatedAt = c, e, now
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"give": func(t *rapid.T) {
				c, e := cell.Draw(t, "cell"), epoch.Draw(t, "epoch")
				held := commit(t, db, residence.GiveEpoch(table, "acme", c, e, now))
				require.Equal(t, e >= want.NextEpoch(), held)
				require.False(t, held && given[e], "epoch %d was given twice", e)
				done(held, c, e)
				given[e] = given[e] || held
			},
			"settle": func(t *rapid.T) {
				c, e := cell.Draw(t, "cell"), epoch.Draw(t, "epoch")
				held := commit(t, db, residence.Settle(table, "acme", c, e, now))
				require.Equal(t, e >= want.LastEpoch && e > want.RemovedEpoch, held)
				done(held, c, e)
				given[e] = given[e] || held
			},
			"remove": func(t *rapid.T) {
				c, e := cell.Draw(t, "cell"), epoch.Draw(t, "epoch")
				held := commit(t, db, residence.Remove(table, "acme", c, e, now))
				require.Equal(t, e >= want.LastEpoch, held)
				done(held, c, e)
				if held {
					want.RemovedEpoch, want.RemovedAt, given[e] = e, now, true
				}
			},
			"revive": func(t *rapid.T) {
				c, e := cell.Draw(t, "cell"), epoch.Draw(t, "epoch")
				held := commit(t, db, residence.Revive(table, "acme", c, e, now))
				require.Equal(t, e >= want.NextEpoch(), held)
				require.False(t, held && given[e], "epoch %d was given twice", e)
				done(held, c, e)
				if held {
					want.RevivedEpoch, given[e] = e, true
				}
			},
			"": func(t *rapid.T) {
				for _, c := range []string{"alpha", "beta"} {
					listed, next, err := residence.InCell(context.Background(), db, table, c, "")
					require.NoError(t, err)
					require.Empty(t, next)
					require.Equal(t, c == want.LastCell && !want.Removed(), len(listed) > 0, "%s: %v", c, listed)
				}
				r := record(t, db, "acme")
				require.Equal(t, want, r)
				require.Equal(t, len(given) > 0, r.Known())
				require.Equal(t, r.RemovedEpoch > 0 && r.RemovedEpoch == r.LastEpoch, r.Removed())
				require.False(t, r.Removed() && r.Revived())
			},
		})
	})
}

// A program of a version that knows no records reads every item that a query for a tenant, or for what is open, finds as a
// move. The TTL deletes what has its attribute.
func TestRecord_IsInNoQueryForMovesAndNeverExpires(t *testing.T) {
	db := newTables()
	require.True(t, commit(t, db, residence.GiveEpoch(table, "acme", "alpha", 1, now)))
	for _, q := range []dynamodb.QueryInput{
		{KeyConditionExpression: aws.String("tenant_id = :v"), ExpressionAttributeValues: dynamotest.Item{":v": item.Text("acme")}},
		{
			IndexName: aws.String("open"), KeyConditionExpression: aws.String("#open = :v"), ExpressionAttributeNames: map[string]string{"#open": "open"},
			ExpressionAttributeValues: dynamotest.Item{":v": item.Text("open")},
		},
	} {
		q.TableName = &table
		out, err := db.Query(t.Context(), &q)
		require.NoError(t, err)
		require.Empty(t, out.Items)
	}
	out, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: residence.Key("acme")})
	require.NoError(t, err)
	require.NotContains(t, out.Item, "expires_at")
}

func recordItem(tenantID string) dynamotest.Item {
	i := residence.Key(tenantID)
	i["last_cell"], i["last_epoch"] = item.Text("alpha"), item.Number(3)
	i["updated_at"] = item.Text("2026-03-04T05:06:07.000Z")
	return i
}

func TestRecord_OfALaterVersionIsRead(t *testing.T) {
	db := newTables()
	i := recordItem("acme")
	i["color"] = &types.AttributeValueMemberBOOL{Value: true}
	db.Put(table, i)
	require.Equal(t, residence.Record{TenantID: "acme", LastCell: "alpha", LastEpoch: 3, UpdatedAt: now}, record(t, db, "acme"))
	require.Equal(t, residence.Record{TenantID: "globex"}, record(t, db, "globex"), "nothing is known")
}

func TestRecord_ThatIsNoneIsAnErrorThatNamesEachAttribute(t *testing.T) {
	db := newTables()
	i := recordItem("acme")
	i["last_cell"], i["removed_epoch"] = item.Text("Alpha"), item.Number(0)
	delete(i, "last_epoch")
	db.Put(table, i)
	_, err := residence.Get(t.Context(), db, table, "acme")
	require.ErrorIs(t, err, residence.ErrMalformed)
	for _, want := range []string{`tenant "acme"`, `attribute last_cell is "Alpha"`, "attribute last_epoch is missing", `attribute removed_epoch is "0"`} {
		require.ErrorContains(t, err, want)
	}
	_, err = residence.GetAll(t.Context(), db, table, []string{"acme"})
	require.ErrorIs(t, err, residence.ErrMalformed)
}

func TestInCell_ListsPageByPage(t *testing.T) {
	db := newTables()
	db.PageItems = 3
	var want, got []string
	for n := range 10 {
		id := fmt.Sprintf("t%d", n)
		want = append(want, id)
		require.True(t, commit(t, db, residence.GiveEpoch(table, id, "alpha", 1, now)))
	}
	require.True(t, commit(t, db, residence.GiveEpoch(table, "elsewhere", "beta", 1, now)))
	for after := ""; ; {
		page, next, err := residence.InCell(t.Context(), db, table, "alpha", after)
		require.NoError(t, err)
		got = append(got, page...)
		if after = next; next == "" {
			break
		}
	}
	require.Equal(t, want, got)
}

func TestGetAll_ReadsManyFromAThrottledTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which need not wait for the delays
		db := newTables()
		var all []string
		for n := range 250 {
			id := fmt.Sprintf("t%d", n)
			all = append(all, id)
			if n%2 == 0 {
				db.Put(table, recordItem(id))
			}
		}
		throttled := 0
		db.Leave = func(_ dynamotest.Call, n int) int {
			throttled++
			return map[bool]int{true: n / 2}[throttled <= 3]
		}
		records, err := residence.GetAll(t.Context(), db, table, append(all, all[0]))
		require.NoError(t, err)
		require.Len(t, records, 125)
		require.Equal(t, "t248", records["t248"].TenantID)

		db.Leave = func(_ dynamotest.Call, n int) int { return n }
		_, err = residence.GetAll(t.Context(), db, table, all)
		require.ErrorContains(t, err, "read the records of 250 tenants")
		require.ErrorContains(t, err, "over 30s, try later")
	})
}
