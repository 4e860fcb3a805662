package dynamotest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/testkit/dynamotest"
)

func update(t testing.TB, db *dynamotest.DB, expression string, v item, change ...func(*dynamodb.UpdateItemInput)) (item, error) {
	t.Helper()
	in := &dynamodb.UpdateItemInput{
		TableName: aws.String(things), Key: item{"id": s("x")}, UpdateExpression: &expression,
		ExpressionAttributeNames: used(expression, names{"#status": "status"}), ExpressionAttributeValues: used(expression, v),
		ReturnValues: types.ReturnValueAllNew,
	}
	for _, c := range change {
		c(in)
	}
	out, err := db.UpdateItem(t.Context(), in)
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

func TestUpdatesDoAsTheGuideSays(t *testing.T) {
	values := item{":1": n("1"), ":5": n("5"), ":a": s("a"), ":tenth": n("0.10")}
	for _, c := range []struct {
		expression string
		want       item // besides the key
	}{
		{"SET a = :5", item{"a": n("5"), "b": n("2"), "c": s("c")}},
		{"SET a = a + :5", item{"a": n("6"), "b": n("2"), "c": s("c")}},
		{"SET a = :1 - :5", item{"a": n("-4"), "b": n("2"), "c": s("c")}},
		{"SET a = a + :tenth", item{"a": n("1.1"), "b": n("2"), "c": s("c")}},
		{"SET a = b, b = a", item{"a": n("2"), "b": n("1"), "c": s("c")}},
		{"set #status = :a remove c", item{"a": n("1"), "b": n("2"), "status": s("a")}},
		{"SET a = if_not_exists(a, :5), z = if_not_exists(z, :5) + :1", item{"a": n("1"), "b": n("2"), "c": s("c"), "z": n("6")}},
		{"REMOVE a, b, z", item{"c": s("c")}},
		{"ADD a :5, z :1", item{"a": n("6"), "b": n("2"), "c": s("c"), "z": n("1")}},
		{"ADD a :5 SET b = a", item{"a": n("6"), "b": n("1"), "c": s("c")}},
	} {
		t.Run(c.expression, func(t *testing.T) {
			db := newDB()
			db.Put(things, item{"id": s("x"), "a": n("1"), "b": n("2"), "c": s("c")})
			got, err := update(t, db, c.expression, values)
			require.NoError(t, err)
			c.want["id"] = s("x")
			require.Equal(t, c.want, got)
			require.Equal(t, c.want, db.Item(things, "x"))
		})
	}
}

func TestAnUpdateMakesTheItem(t *testing.T) {
	db := newDB()
	got, err := update(t, db, "ADD a :1", item{":1": n("1")})
	require.NoError(t, err)
	require.Equal(t, item{"id": s("x"), "a": n("1")}, got)
	_, err = update(t, db, "SET a = :1", item{":1": n("7")}, func(in *dynamodb.UpdateItemInput) {
		in.Key, in.ConditionExpression = item{"id": s("y")}, aws.String("attribute_exists(id)")
	})
	require.ErrorAs(t, err, new(*types.ConditionalCheckFailedException))
	require.Nil(t, db.Item(things, "y"))
}

func TestUpdatesThatTheServiceRefuses(t *testing.T) {
	values := item{":1": n("1"), ":a": s("a"), ":empty": s("")}
	for expression, want := range map[string]string{
		"":                               "can not be empty",
		"a = :1":                         `token: "a"`,
		"SET a = :1, a = :1":             "paths overlap",
		"SET a = :1 REMOVE a":            "paths overlap",
		"SET a = :1 SET b = :1":          `"SET" section can only be used once`,
		"SET id = :a":                    "part of the key",
		"SET status = :a":                "reserved keyword: status",
		"SET a = :2":                     "attribute value: :2",
		"SET a = z":                      "does not exist in the item: z",
		"SET a = z + :1":                 "does not exist in the item: z",
		"SET a = c + :1":                 "incorrect data type",
		"ADD c :1":                       "incorrect data type",
		"ADD a :a":                       "operand type: S",
		"ADD a b":                        `token: "b"`,
		"REMOVE a SET":                   `token: "<EOF>"`,
		"SET a = :1,":                    `token: "<EOF>"`,
		"SET a = attribute_exists(b)":    "Invalid function name",
		"SET owner_id = :1":              "Type mismatch for key owner_id",
		"SET owner_id = :empty":          "empty string value",
		"SET a = :1 + :1 + :1":           `token: "+"`,
		"SET a = if_not_exists(:1, :1)":  `token: ":1"`,
		"REMOVE #status, #status":        "paths overlap",
		"SET a = (:1)":                   `token: "("`,
		"DROP a":                         `token: "DROP"`,
		"SET a = :1 ADD id :1":           "part of the key",
		"SET a = if_not_exists(b :1)":    `token: ":1"`,
		"SET #status = :a, #other = :a ": "attribute name: #other",
	} {
		db := newDB()
		before := item{"id": s("x"), "a": n("1"), "b": n("2"), "c": s("c")}
		db.Put(things, before)
		_, err := update(t, db, expression, values)
		require.Error(t, err, expression)
		requireInvalid(t, err, want)
		require.Equal(t, before, db.Item(things, "x"))
	}
	_, err := update(t, newDB(), "DELETE a :1", values)
	require.ErrorContains(t, err, "dynamotest does not know")
	_, err = update(t, newDB(), "SET a = list_append(a, :1)", values)
	require.ErrorContains(t, err, "dynamotest does not know")
	_, err = update(t, newDB(), "SET a.b = :1", values)
	require.ErrorContains(t, err, "dynamotest does not know")
}

func TestAnUpdateReturnsWhatItIsAskedFor(t *testing.T) {
	for asked, want := range map[types.ReturnValue]item{
		"": nil, types.ReturnValueNone: nil,
		types.ReturnValueAllOld:     {"id": s("x"), "a": n("1"), "b": n("2")},
		types.ReturnValueAllNew:     {"id": s("x"), "a": n("2"), "c": n("1")},
		types.ReturnValueUpdatedOld: {"a": n("1"), "b": n("2")},
		types.ReturnValueUpdatedNew: {"a": n("2"), "c": n("1")},
	} {
		db := newDB()
		db.Put(things, item{"id": s("x"), "a": n("1"), "b": n("2")})
		got, err := update(t, db, "ADD a :1, c :1 REMOVE b", item{":1": n("1")}, func(in *dynamodb.UpdateItemInput) { in.ReturnValues = asked })
		require.NoError(t, err)
		require.Equal(t, want, got, asked)
	}
}

func TestAFailedConditionReturnsTheItemWhereThatIsAskedFor(t *testing.T) {
	db := newDB()
	db.Put(things, item{"id": s("x"), "a": n("1")})
	for asked, want := range map[types.ReturnValuesOnConditionCheckFailure]item{
		"": nil, types.ReturnValuesOnConditionCheckFailureAllOld: {"id": s("x"), "a": n("1")},
	} {
		_, err := update(t, db, "SET a = :1", item{":1": n("1")}, func(in *dynamodb.UpdateItemInput) {
			in.ConditionExpression, in.ReturnValuesOnConditionCheckFailure = aws.String("a > :1"), asked
		})
		var failed *types.ConditionalCheckFailedException
		require.ErrorAs(t, err, &failed)
		require.Equal(t, want, item(failed.Item))
	}
}

// Numbers are exact in 38 digits, and come back in one spelling.
func TestNumbersAreExactAndHaveOneSpelling(t *testing.T) {
	for given, want := range map[string]string{
		"007": "7", "1.0": "1", "-0": "0", "+5": "5", "1e3": "1000", "12.50": "12.5", "0.001": "0.001", ".5": "0.5", "100": "100",
		"-0.0": "0", "1E-3": "0.001", "99999999999999999999999999999999999999": "99999999999999999999999999999999999999",
	} {
		db := newDB()
		got, err := update(t, db, "SET a = :n", item{":n": n(given)})
		require.NoError(t, err)
		require.Equal(t, n(want), got["a"], given)
	}
	for _, given := range []string{"", "one", "1.2.3", "0x10", "1/3", "999999999999999999999999999999999999999", "1e126", "NaN", "1_000"} {
		_, err := update(t, newDB(), "SET a = :n", item{":n": n(given)})
		require.Error(t, err, given)
		require.Equal(t, "ValidationException", code(t, err))
	}
	rapid.Check(t, func(rt *rapid.T) {
		db := newDB()
		a, b := rapid.Int32().Draw(rt, "a"), rapid.Int32().Draw(rt, "b")
		db.Put(things, item{"id": s("x"), "a": number(int64(a))})
		got, err := update(t, db, "ADD a :b", item{":b": number(int64(b))})
		require.NoError(rt, err)
		require.Equal(rt, number(int64(a)+int64(b)), got["a"])
		got, err = update(t, db, "SET a = a - :b", item{":b": number(int64(b))})
		require.NoError(rt, err)
		require.Equal(rt, number(int64(a)), got["a"])
	})
}
