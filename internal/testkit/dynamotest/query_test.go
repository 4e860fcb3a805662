package dynamotest_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/testkit/dynamotest"
)

func number(i int64) types.AttributeValue { return n(strconv.FormatInt(i, 10)) }

// query reads all pages and returns the items' attribute, and the number of pages.
func query(t testing.TB, db *dynamotest.DB, in dynamodb.QueryInput, attribute string) (values []string, pages int) {
	t.Helper()
	for {
		out, err := db.Query(t.Context(), &in)
		require.NoError(t, err)
		require.EqualValues(t, len(out.Items), out.Count)
		pages++
		for _, it := range out.Items {
			values = append(values, text(it[attribute]))
		}
		if out.LastEvaluatedKey == nil {
			return values, pages
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func text(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

func logQuery(condition string, v item) dynamodb.QueryInput {
	return dynamodb.QueryInput{TableName: aws.String(log), KeyConditionExpression: &condition, ExpressionAttributeValues: v, ConsistentRead: aws.Bool(true)}
}

func TestAQueryReadsARangeInTheOrderOfNumbers(t *testing.T) {
	db := newDB()
	for _, no := range []string{"9", "10", "-1", "2.5", "100"} {
		db.Put(log, item{"id": s("x"), "num": n(no)})
		db.Put(log, item{"id": s("y"), "num": n(no)})
	}
	for condition, want := range map[string][]string{
		"id = :x":                                {"-1", "2.5", "9", "10", "100"},
		"id = :x AND num = :10":                  {"10"},
		"id = :x AND num < :10":                  {"-1", "2.5", "9"},
		"num <= :10 AND id = :x":                 {"-1", "2.5", "9", "10"},
		"id = :x AND num > :10":                  {"100"},
		"(id = :x) AND (num >= :10)":             {"10", "100"},
		"id = :x AND num BETWEEN :2 AND :10":     {"2.5", "9", "10"},
		"(id = :x AND num BETWEEN :10 AND :100)": {"10", "100"},
	} {
		got, _ := query(t, db, logQuery(condition, used(condition, item{":x": s("x"), ":10": n("10"), ":2": n("2"), ":100": n("100")})), "num")
		require.Equal(t, want, got, condition)
	}
	backward := logQuery("id = :x", item{":x": s("x")})
	backward.ScanIndexForward = aws.Bool(false)
	got, _ := query(t, db, backward, "num")
	require.Equal(t, []string{"100", "10", "9", "2.5", "-1"}, got)
}

func TestQueriesThatTheServiceRefuses(t *testing.T) {
	db := newDB()
	values := item{":x": s("x"), ":1": n("1"), ":2": n("2"), ":empty": s("")}
	for condition, want := range map[string]string{
		"num = :1":                          "missed key schema element: id",
		"id > :x":                           "Query key condition not supported",
		"id = :x AND colour = :1":           "colour is no key",
		"id = :x OR num = :1":               "Invalid operator used in KeyConditionExpression",
		"id = :x AND NOT num = :1":          "Invalid operator used in KeyConditionExpression",
		"id = :x AND num <> :1":             "Invalid operator used in KeyConditionExpression",
		"id = :x AND num IN (:1)":           "Invalid operator used in KeyConditionExpression",
		"id = :x AND attribute_exists(num)": "Invalid operator used in KeyConditionExpression",
		"id = :x AND num > :1 AND num < :2": "one condition per key",
		"id = :x AND id = :x":               "one condition per key",
		"id = :x AND num = :x":              "does not match schema type",
		"id = :1":                           "Type mismatch for key id",
		"id = :empty":                       "empty string value",
		"id = :x AND begins_with(num, :x) ": "does not match schema type",
		"begins_with(id, :x)":               "Query key condition not supported",
		"id = :x AND num BETWEEN :1 AND :x": "requires same data type",
		"id = :x AND":                       "Syntax error",
	} {
		q := logQuery(condition, used(condition, values))
		_, err := db.Query(t.Context(), &q)
		require.Error(t, err, condition)
		requireInvalid(t, err, want)
	}
	for want, change := range map[string]func(*dynamodb.QueryInput){
		"Limit must be greater":     func(q *dynamodb.QueryInput) { q.Limit = aws.Int32(0) },
		"specified index: none":     func(q *dynamodb.QueryInput) { q.IndexName = aws.String("none") },
		"KeyConditionExpression":    func(q *dynamodb.QueryInput) { q.KeyConditionExpression = nil },
		"starting key is invalid":   func(q *dynamodb.QueryInput) { q.ExclusiveStartKey = item{"id": s("x")} },
		"outside query boundaries":  func(q *dynamodb.QueryInput) { q.ExclusiveStartKey = item{"id": s("y"), "num": n("1")} },
		"non-primary key attribute": func(q *dynamodb.QueryInput) { q.FilterExpression = aws.String("attribute_exists(num)") },
		"only the Count": func(q *dynamodb.QueryInput) {
			q.Select, q.ProjectionExpression = types.SelectCount, aws.String("num")
		},
		"unused in expressions": func(q *dynamodb.QueryInput) { q.ExpressionAttributeNames = names{"#a": "a"} },
	} {
		q := logQuery("id = :x", item{":x": s("x")})
		change(&q)
		_, err := db.Query(t.Context(), &q)
		require.Error(t, err, want)
		requireInvalid(t, err, want)
	}
	q := logQuery("id = :x", item{":x": s("x")})
	q.Select = types.SelectAllAttributes
	_, err := db.Query(t.Context(), &q)
	require.ErrorContains(t, err, "dynamotest does not know Select ALL_ATTRIBUTES")
	q = logQuery("id = :x", item{":x": s("x")})
	q.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	_, err = db.Query(t.Context(), &q)
	require.ErrorContains(t, err, "dynamotest does not know the field ReturnConsumedCapacity of QueryInput")
}

func byOwner(index string) dynamodb.QueryInput {
	return dynamodb.QueryInput{
		TableName: aws.String(things), IndexName: &index, KeyConditionExpression: aws.String("owner_id = :o"),
		ExpressionAttributeValues: item{":o": s("acme")},
	}
}

func TestAnIndexHasOnlyItemsWithItsKeysAndOnlyWhatItProjects(t *testing.T) {
	db := newDB()
	put(t, db, things, item{"id": s("a"), "owner_id": s("acme"), "rank_no": n("10"), "colour": s("red")})
	put(t, db, things, item{"id": s("b"), "owner_id": s("acme"), "rank_no": n("9"), "colour": s("red")})
	put(t, db, things, item{"id": s("c"), "owner_id": s("acme"), "colour": s("blue")})
	put(t, db, things, item{"id": s("d"), "owner_id": s("globex"), "rank_no": n("1")})
	put(t, db, things, item{"id": s("e"), "rank_no": n("1")})

	q := byOwner("by-owner")
	out, err := db.Query(t.Context(), &q)
	require.NoError(t, err)
	require.Equal(t, []item{
		{"id": s("b"), "owner_id": s("acme"), "rank_no": n("9")}, {"id": s("a"), "owner_id": s("acme"), "rank_no": n("10")},
	}, out.Items)

	all := byOwner("all")
	all.FilterExpression, all.ExpressionAttributeValues = aws.String("colour = :red"), item{":o": s("acme"), ":red": s("red")}
	out, err = db.Query(t.Context(), &all)
	require.NoError(t, err)
	require.EqualValues(t, 2, out.Count)
	require.EqualValues(t, 3, out.ScannedCount)

	for _, change := range []func(*dynamodb.QueryInput){
		func(q *dynamodb.QueryInput) { q.ProjectionExpression = aws.String("colour") },
		func(q *dynamodb.QueryInput) { q.FilterExpression = aws.String("attribute_exists(colour)") },
	} {
		q := byOwner("by-owner")
		change(&q)
		_, err := db.Query(t.Context(), &q)
		requireInvalid(t, err, "does not project [colour]")
	}
	q = byOwner("by-owner")
	q.ConsistentRead = aws.Bool(true)
	_, err = db.Query(t.Context(), &q)
	requireInvalid(t, err, "Consistent reads are not supported on global secondary indexes")
}

func TestAnIndexFollowsItsItems(t *testing.T) {
	db := newDB()
	keys := func() []string {
		got, _ := query(t, db, byOwner("by-owner"), "id")
		return got
	}
	put(t, db, things, item{"id": s("x"), "owner_id": s("acme"), "rank_no": n("1")})
	require.Equal(t, []string{"x"}, keys())
	_, err := update(t, db, "SET owner_id = :o", item{":o": s("globex")})
	require.NoError(t, err)
	require.Empty(t, keys())
	_, err = update(t, db, "SET owner_id = :o", item{":o": s("acme")})
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, keys())
	_, err = update(t, db, "REMOVE rank_no", nil)
	require.NoError(t, err)
	require.Empty(t, keys())
	put(t, db, things, item{"id": s("x"), "owner_id": s("acme"), "rank_no": n("1")})
	_, err = db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: aws.String(things), Key: item{"id": s("x")}})
	require.NoError(t, err)
	require.Empty(t, keys())
}

func TestAPageThatTheLimitFillsIsNotKnownToBeTheLast(t *testing.T) {
	db := newDB()
	for i := range 4 {
		db.Put(log, item{"id": s("x"), "num": number(int64(i))})
	}
	q := logQuery("id = :x", item{":x": s("x")})
	q.Limit = aws.Int32(2)
	got, pages := query(t, db, q, "num")
	require.Equal(t, []string{"0", "1", "2", "3"}, got)
	require.Equal(t, 3, pages, "the last one is empty")
	db.PageItems = 3
	_, pages = query(t, db, logQuery("id = :x", item{":x": s("x")}), "num")
	require.Equal(t, 2, pages)

	q = logQuery("id = :x", item{":x": s("x"), ":none": s("none")})
	q.FilterExpression, q.Limit = aws.String("colour = :none"), aws.Int32(1)
	got, pages = query(t, db, q, "num")
	require.Empty(t, got)
	require.Equal(t, 5, pages, "pages may be empty and have others after them")
}

func TestAPageEndsWithAMegabyte(t *testing.T) {
	db := newDB()
	for i := range 4 {
		db.Put(log, item{"id": s("x"), "num": number(int64(i)), "a": s(strings.Repeat("x", 390<<10))})
	}
	got, pages := query(t, db, logQuery("id = :x", item{":x": s("x")}), "num")
	require.Equal(t, []string{"0", "1", "2", "3"}, got)
	require.Equal(t, 2, pages)
}

func TestAQueryCounts(t *testing.T) {
	db := newDB()
	db.Put(log, item{"id": s("x"), "num": n("1"), "colour": s("red")})
	db.Put(log, item{"id": s("x"), "num": n("2")})
	q := logQuery("id = :x", item{":x": s("x")})
	q.Select, q.FilterExpression = types.SelectCount, aws.String("attribute_exists(colour)")
	out, err := db.Query(t.Context(), &q)
	require.NoError(t, err)
	require.Empty(t, out.Items)
	require.EqualValues(t, 1, out.Count)
	require.EqualValues(t, 2, out.ScannedCount)
}

// However the pages fall, and whatever is written between two of them, a query returns each item that was there all
// along exactly once and in order; so does a scan, in an order of its own.
func TestPagingMissesNothingAndRepeatsNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := newDB()
		db.PageItems = rapid.IntRange(0, 4).Draw(rt, "bound")
		var want []string
		ranks := map[string]int{}
		for i := range rapid.IntRange(0, 20).Draw(rt, "items") {
			id, rank := fmt.Sprint("stays-", i), rapid.IntRange(-2, 2).Draw(rt, "rank")
			db.Put(things, item{"id": s(id), "owner_id": s("acme"), "rank_no": number(int64(rank))})
			db.Put(things, item{"id": s(fmt.Sprint("other-", i)), "owner_id": s("globex"), "rank_no": n("1")})
			want, ranks[id] = append(want, id), rank
		}
		backward := rapid.Bool().Draw(rt, "backward")
		q := byOwner("by-owner")
		q.ScanIndexForward = aws.Bool(!backward)
		if rapid.Bool().Draw(rt, "limited") {
			q.Limit = aws.Int32(rapid.Int32Range(1, 5).Draw(rt, "limit"))
		}
		var got []string
		for {
			out, err := db.Query(t.Context(), &q)
			require.NoError(rt, err)
			for _, it := range out.Items {
				if id := text(it["id"]); ranks[id] != 0 || slices.Contains(want, id) {
					got = append(got, id)
				}
			}
			if out.LastEvaluatedKey == nil {
				break
			}
			require.Len(rt, out.LastEvaluatedKey, 3, "the keys of the index and of the table")
			q.ExclusiveStartKey = out.LastEvaluatedKey
			db.Put(things, item{"id": s("comes"), "owner_id": s("acme"), "rank_no": number(rapid.Int64Range(-2, 2).Draw(rt, "comes"))})
			if rapid.Bool().Draw(rt, "goes") {
				db.Delete(things, "comes")
			}
		}
		require.True(rt, slices.IsSortedFunc(got, func(a, b string) int {
			if backward {
				a, b = b, a
			}
			return cmp.Compare(ranks[a], ranks[b])
		}), "%v by %v", got, ranks)
		require.ElementsMatch(rt, want, got)
		db.Delete(things, "comes")

		var scanned []string
		scan := dynamodb.ScanInput{TableName: aws.String(things), IndexName: aws.String("all"), Limit: q.Limit}
		for {
			out, err := db.Scan(t.Context(), &scan)
			require.NoError(rt, err)
			for _, it := range out.Items {
				scanned = append(scanned, text(it["id"]))
			}
			if scan.ExclusiveStartKey = out.LastEvaluatedKey; scan.ExclusiveStartKey == nil {
				break
			}
		}
		require.Len(rt, scanned, 2*len(want))
		slices.Sort(scanned)
		require.Len(rt, slices.Compact(scanned), 2*len(want))
	})
}
