package dynamotest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/dynamotest"
)

func get(t testing.TB, db *dynamotest.DB, key item, change ...func(*dynamodb.GetItemInput)) (item, error) {
	t.Helper()
	in := &dynamodb.GetItemInput{TableName: aws.String(things), Key: key, ConsistentRead: aws.Bool(true)}
	for _, c := range change {
		c(in)
	}
	out, err := db.GetItem(t.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

func TestWhatIsStoredIsNobodyElses(t *testing.T) {
	db := newDB()
	value := &types.AttributeValueMemberS{Value: "a"}
	put(t, db, things, item{"id": s("x"), "a": value})
	value.Value = "changed"
	got, err := get(t, db, item{"id": s("x")})
	require.NoError(t, err)
	require.Equal(t, s("a"), got["a"])
	got["a"].(*types.AttributeValueMemberS).Value = "changed"
	require.Equal(t, s("a"), db.Item(things, "x")["a"])
}

func TestGetReadsWhatItIsAskedFor(t *testing.T) {
	db := newDB()
	db.Put(things, item{"id": s("x"), "a": n("1"), "status": s("on")})
	project := func(expression string, n names) func(*dynamodb.GetItemInput) {
		return func(in *dynamodb.GetItemInput) { in.ProjectionExpression, in.ExpressionAttributeNames = &expression, n }
	}
	got, err := get(t, db, item{"id": s("x")}, project("a, #s, gone", names{"#s": "status"}))
	require.NoError(t, err)
	require.Equal(t, item{"a": n("1"), "status": s("on")}, got)
	got, err = get(t, db, item{"id": s("none")})
	require.NoError(t, err)
	require.Nil(t, got)
	for want, expression := range map[string]string{
		"reserved keyword: status": "a, status", "paths overlap": "a, a", `token: "<EOF>"`: "a,", `token: "b"`: "a b",
	} {
		_, err := get(t, db, item{"id": s("x")}, project(expression, nil))
		requireInvalid(t, err, want)
	}
	for _, key := range []item{nil, {"id": n("1")}, {"id": s("")}, {"num": s("x")}, {"id": s("x"), "num": n("1")}, {"id": s(strings.Repeat("x", 2049))}} {
		_, err := get(t, db, key)
		require.Equal(t, "ValidationException", code(t, err))
	}
	_, err = get(t, db, item{"id": s("x")}, func(in *dynamodb.GetItemInput) { in.TableName = aws.String("none") })
	require.ErrorAs(t, err, new(*types.ResourceNotFoundException))
}

func TestPutReplacesTheWholeItem(t *testing.T) {
	db := newDB()
	put(t, db, things, item{"id": s("x"), "a": n("1")})
	out, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(things), Item: item{"id": s("x"), "b": n("1")}, ReturnValues: types.ReturnValueAllOld,
	})
	require.NoError(t, err)
	require.Equal(t, item{"id": s("x"), "a": n("1")}, item(out.Attributes))
	require.Equal(t, item{"id": s("x"), "b": n("1")}, db.Item(things, "x"))
	for want, it := range map[string]item{
		"Missing the key id":             {"a": n("1")},
		"Type mismatch for key owner_id": {"id": s("y"), "owner_id": n("1")},
		"maximum allowed size":           {"id": s("y"), "a": s(strings.Repeat("x", 400<<10))},
	} {
		_, err := db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(things), Item: it})
		requireInvalid(t, err, want)
	}
	require.Nil(t, db.Item(things, "y"))
}

func TestATestCanFailACallBeforeItTakesEffectOrLoseItsAnswer(t *testing.T) {
	db := newDB()
	boom := errors.New("boom")
	var seen []dynamotest.Call
	db.Intercept = func(_ context.Context, c dynamotest.Call) error { seen = append(seen, c); return boom }
	require.ErrorIs(t, transact(t, db, putWrite("a"), putWrite("b")), boom)
	require.Empty(t, db.Items(things))
	require.Equal(t, []dynamotest.Call{{Operation: "TransactWriteItems", Table: things, Key: "a,b"}}, seen)
	require.Equal(t, seen, db.Calls())

	db.Intercept = nil
	db.After = func(context.Context, dynamotest.Call) error {
		require.Len(t, db.Items(things), 2, "it has taken effect")
		return boom
	}
	require.ErrorIs(t, transact(t, db, putWrite("a"), putWrite("b")), boom)
	require.ErrorIs(t, transact(t, db, newWrite("a"), putWrite("b")), boom, "that a condition failed is an answer too")
	err := transact(t, db, checkWrite("a", "attribute_exists(status)"))
	require.NotErrorIs(t, err, boom, "a refusal is not to be hidden")
	requireInvalid(t, err, "reserved")

	db.After = nil
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = db.PutItem(ended, &dynamodb.PutItemInput{TableName: aws.String(things), Item: item{"id": s("c")}})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, db.Items(things), 2)
}

func TestACallSaysWhatItIsAbout(t *testing.T) {
	db := newDB()
	put(t, db, log, item{"id": s("x"), "num": n("7")})
	q := logQuery("id = :x", item{":x": s("x")})
	_, err := db.Query(t.Context(), &q)
	require.NoError(t, err)
	_, err = db.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(log)})
	require.NoError(t, err)
	require.NoError(t, transact(t, db, putWrite("a"), types.TransactWriteItem{Delete: &types.Delete{
		TableName: aws.String(log), Key: item{"id": s("x"), "num": n("7")},
	}}))
	require.Equal(t, []dynamotest.Call{
		{Operation: "PutItem", Table: log, Key: "x/7"}, {Operation: "Query", Table: log, Key: "x"}, {Operation: "Scan", Table: log},
		{Operation: "TransactWriteItems", Table: things + "," + log, Key: "a,x/7"},
	}, db.Calls())
}

func TestIndexesAndLooseReadsLagUntilTheyAreLetCatchUp(t *testing.T) {
	db := newDB()
	loose := func() item {
		got, err := get(t, db, item{"id": s("x")}, func(in *dynamodb.GetItemInput) { in.ConsistentRead = nil })
		require.NoError(t, err)
		return got
	}
	indexed := func() []string {
		got, _ := query(t, db, byOwner("by-owner"), "rank_no")
		return got
	}
	write := func(rank string) { put(t, db, things, item{"id": s("x"), "owner_id": s("acme"), "rank_no": n(rank)}) }
	write("1")
	db.LagIndexes(true)
	write("2")
	require.Equal(t, n("1"), loose()["rank_no"])
	require.Equal(t, []string{"1"}, indexed())
	fresh, err := get(t, db, item{"id": s("x")})
	require.NoError(t, err)
	require.Equal(t, n("2"), fresh["rank_no"])
	write("3")
	db.CatchUp()
	require.Equal(t, []string{"3"}, indexed())
	db.Delete(things, "x")
	require.NotNil(t, loose())
	db.LagIndexes(false)
	require.Nil(t, loose())
	require.Empty(t, indexed())
}

func TestInsertsAreToldOnceWhateverMadeThem(t *testing.T) {
	db := newDB()
	var told []string
	db.OnInsert(things, func(it dynamotest.Item) {
		require.NotNil(t, db.Item(things, text(it["id"])), "it is there")
		told = append(told, text(it["id"]))
	})
	put(t, db, things, item{"id": s("put")})
	put(t, db, things, item{"id": s("put"), "a": n("1")})
	put(t, db, log, item{"id": s("elsewhere"), "num": n("1")})
	require.NoError(t, transact(t, db, newWrite("transaction"), addWrite("update"), deleteWrite("put"), checkWrite("none", "attribute_not_exists(id)")))
	require.Error(t, transact(t, db, putWrite("cancelled"), newWrite("transaction")))
	_, err := db.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{
		things: {{PutRequest: &types.PutRequest{Item: item{"id": s("batch")}}}, {PutRequest: &types.PutRequest{Item: item{"id": s("transaction")}}}},
	}})
	require.NoError(t, err)
	db.After = func(context.Context, dynamotest.Call) error { return errors.New("lost") }
	_, err = db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(things), Item: item{"id": s("put")}})
	require.Error(t, err)
	db.Put(things, item{"id": s("test")})
	require.Equal(t, []string{"put", "transaction", "update", "batch", "put"}, told)
}

func TestADatabaseOfNewInsistsOnConsistentReads(t *testing.T) {
	db := dynamotest.New(map[string]string{things: "id"})
	_, err := get(t, db, item{"id": s("x")}, func(in *dynamodb.GetItemInput) { in.ConsistentRead = nil })
	require.ErrorContains(t, err, "reads that are not consistent")
}

func TestTablesThatCannotBeAreRefused(t *testing.T) {
	id, zero := dynamotest.S("id"), dynamotest.Key{}
	for _, table := range []dynamotest.Table{
		{}, {Hash: dynamotest.Key{Name: "id", Type: types.ScalarAttributeTypeB}}, {Hash: id, Range: dynamotest.N("id")},
		{Hash: id, Indexes: map[string]dynamotest.Index{"i": {Hash: zero, Projection: types.ProjectionTypeAll}}},
		{Hash: id, Indexes: map[string]dynamotest.Index{"i": {Hash: id}}},
		{Hash: id, Indexes: map[string]dynamotest.Index{"i": {Hash: dynamotest.N("id"), Projection: types.ProjectionTypeAll}}},
	} {
		require.Panics(t, func() { dynamotest.NewTables(map[string]dynamotest.Table{"t": table}) }, "%+v", table)
	}
	require.Panics(t, func() { newDB().Put("none", item{"id": s("x")}) })
	require.Panics(t, func() { newDB().Put(things, item{"a": s("x")}) })
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	db := newDB()
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 50 {
				_, err := update(t, db, "ADD a :1", item{":1": n("1")})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	require.Equal(t, n("400"), db.Item(things, "x")["a"])
}
