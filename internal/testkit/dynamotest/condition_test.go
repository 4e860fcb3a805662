package dynamotest_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What "Condition and filter expressions, operators, and functions in DynamoDB" of the developer guide says, and what
// is known of the service where the guide is silent: an attribute that is missing is unequal to everything.
func TestConditionsHoldAsTheGuideSays(t *testing.T) {
	all := item{
		":1": n("1"), ":2": n("2"), ":10": n("10"), ":a": s("a"), ":b": s("b"), ":9": n("9"), ":ten": s("10"), ":ab": s("ab"),
		":yes": &types.AttributeValueMemberBOOL{Value: true}, ":oneNought": n("1.00"),
	}
	it := func() item {
		return item{
			"text": s("ab"), "ten": n("10"), "one": n("1"), "yes": &types.AttributeValueMemberBOOL{Value: true},
			"tags": &types.AttributeValueMemberL{Value: []types.AttributeValue{s("a"), n("1")}},
		}
	}
	for condition, want := range map[string]bool{
		// Comparators. Numbers are compared as numbers, texts by their bytes, and types never match each other.
		"ten = :10": true, "ten = :ten": false, "ten <> :ten": true, "ten > :9": true, "ten < :9": false, ":9 < ten": true,
		"#text > :a": true, "#text < :b": true, "#text >= :ab": true, "#text <= :ab": true, "#text > :1": false, "#text < :1": false,
		"one = :oneNought": true, "yes = :yes": true, "yes <> :yes": false, "one < ten": true, "ten < one": false,
		// Attributes that are missing.
		"gone = :1": false, "gone <> :1": true, "gone < :1": false, "gone >= :1": false, "NOT gone < :1": true,
		"gone BETWEEN :1 AND :2": false, "gone IN (:1, :2)": false, "begins_with(gone, :a)": false, "contains(gone, :a)": false,
		"attribute_exists(gone)": false, "attribute_not_exists(gone)": true, "attribute_exists(ten)": true, "attribute_not_exists(ten)": false,
		// BETWEEN includes its bounds.
		"ten BETWEEN :10 AND :10": true, "ten BETWEEN :1 AND :9": false, "one BETWEEN :1 AND :2": true, "#text BETWEEN :a AND :b": true,
		"ten BETWEEN one AND :10": true, "ten BETWEEN :a AND :b": false,
		// IN and the functions.
		"ten IN (:1, :10)": true, "ten IN (:ten)": false, "#text IN (:ab)": true,
		"begins_with(#text, :a)": true, "begins_with(#text, :b)": false, "begins_with(ten, :a)": false,
		"contains(#text, :b)": true, "contains(tags, :a)": true, "contains(tags, :1)": true, "contains(tags, :b)": false, "contains(ten, :1)": false,
		// Precedence: NOT, then AND, then OR; parentheses; keywords in any case.
		"ten = :1 AND one = :2 OR one = :1": true, "one = :1 OR one = :2 AND ten = :1": true, "(one = :1 OR one = :2) AND ten = :1": false,
		"NOT ten = :1 AND one = :1": true, "NOT (ten = :10 AND one = :1)": false, "NOT ten = :10 OR one = :1": true, "not NOT ten = :10": true,
		"ten = :1 or ten between :9 and :10 and one in (:1)": true,
		"ten=:10 AND(one=:1)":                                true,
	} {
		t.Run(condition, func(t *testing.T) {
			got, err := meets(t, it(), condition, used(condition, names{"#text": "text"}), used(condition, all))
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

// used is those of the terms that a condition refers to.
func used[V any](condition string, terms map[string]V) map[string]V {
	var found map[string]V
	words := strings.FieldsFunc(condition, func(r rune) bool { return strings.ContainsRune(" (),=<>+-", r) })
	for _, word := range words {
		if v, ok := terms[word]; ok {
			if found == nil {
				found = map[string]V{}
			}
			found[word] = v
		}
	}
	return found
}

func TestAConditionOnAnItemThatIsNotThere(t *testing.T) {
	for condition, want := range map[string]bool{
		"attribute_not_exists(id)": true, "attribute_exists(id)": false, "num = :1": false, "num <> :1": true,
		"attribute_not_exists(num) OR num <= :1": true, "num > :1": false,
	} {
		got, err := meets(t, nil, condition, nil, used(condition, item{":1": n("1")}))
		require.NoError(t, err)
		require.Equal(t, want, got, condition)
	}
}

func TestConditionsThatTheServiceRefuses(t *testing.T) {
	yes := &types.AttributeValueMemberBOOL{Value: true}
	for _, c := range []struct {
		condition string
		names     names
		values    item
		want      string
	}{
		{"num = :1", nil, nil, "attribute value: :1"},
		{"#num = :1", nil, item{":1": n("1")}, "attribute name: #num"},
		{"num = :1", nil, item{":1": n("1"), ":2": n("2")}, "ExpressionAttributeValues unused in expressions: keys: {:2}"},
		{"num = :1", names{"#num": "num"}, item{":1": n("1")}, "ExpressionAttributeNames unused in expressions: keys: {#num}"},
		{"attribute_exists(num)", names{}, nil, "ExpressionAttributeNames must not be empty"},
		{"attribute_exists(num)", nil, item{}, "ExpressionAttributeValues must not be empty"},
		{"attribute_exists(num)", names{"num": "num"}, nil, "ExpressionAttributeNames contains invalid key"},
		{"num = :1", nil, item{"1": n("1")}, "ExpressionAttributeValues contains invalid key"},
		{"status = :1", nil, item{":1": n("1")}, "reserved keyword: status"},
		{"attribute_exists(State)", nil, nil, "reserved keyword: State"},
		{"open = :1", nil, item{":1": n("1")}, "reserved keyword: open"},
		{"", nil, nil, "can not be empty"},
		{"num", nil, nil, `token: "<EOF>"`},
		{"num = ", nil, nil, `token: "<EOF>"`},
		{"num = :1 num", nil, item{":1": n("1")}, `token: "num"`},
		{"num = :1 AND", nil, item{":1": n("1")}, `token: "<EOF>"`},
		{"num == :1", nil, item{":1": n("1")}, `token: "="`},
		{"num ! :1", nil, item{":1": n("1")}, `token: "! :1"`},
		{"(num = :1", nil, item{":1": n("1")}, `token: "<EOF>"`},
		{"((num = :1))", nil, item{":1": n("1")}, "redundant parentheses"},
		{"num BETWEEN :1 OR :2", nil, item{":1": n("1"), ":2": n("2")}, `token: "OR"`},
		{"num BETWEEN :2 AND :1", nil, item{":1": n("1"), ":2": n("2")}, "upper bound to be greater"},
		{"num BETWEEN :a AND :1", nil, item{":1": n("1"), ":a": s("a")}, "same data type"},
		{"num IN ()", nil, nil, `token: ")"`},
		{"num < :yes", nil, item{":yes": yes}, "operand type: BOOL"},
		{"begins_with(num, :1)", nil, item{":1": n("1")}, "operand type: N"},
		{"attribute_exists(:1)", nil, item{":1": n("1")}, `token: ":1"`},
		{"ATTRIBUTE_EXISTS(num)", nil, nil, "Invalid function name"},
		{"num = :1", nil, item{":1": n("one")}, "numeric value: one"},
		{"num = # AND", nil, nil, "Syntax error"},
	} {
		_, err := meets(t, item{}, c.condition, c.names, c.values)
		require.Error(t, err, c.condition)
		requireInvalid(t, err, c.want)
	}
}

// What the service may accept, and this package cannot judge, must not pass either.
func TestConditionsThatAreNotKnownDoNotPass(t *testing.T) {
	for _, condition := range []string{
		"a.b = :1", "a[0] = :1", "size(a) > :1", "attribute_type(a, :1)", "a = a AND b = :1", ":1 = :1",
	} {
		_, err := meets(t, item{}, condition, nil, item{":1": n("1")})
		require.ErrorContains(t, err, "dynamotest does not know", condition)
	}
	_, err := meets(t, item{}, "a = :1", nil, item{":1": &types.AttributeValueMemberSS{Value: []string{"a"}}})
	require.ErrorContains(t, err, "dynamotest does not know values of the type")
}

// De Morgan's laws, and a comparison being the negation of its opposite where both sides have a value.
func TestConditionsFollowLogic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(label string) string {
			return rapid.SampledFrom([]string{"-1", "0", "9", "10", "2.5"}).Draw(rt, label)
		}
		it := item{"a": n(draw("a")), "b": n("2")}
		values := item{":x": n(draw("x")), ":y": n(draw("y"))}
		holds := func(condition string) bool {
			got, err := meets(t, it, condition, nil, used(condition, values))
			require.NoError(rt, err)
			return got
		}
		require.Equal(rt, holds("NOT (a < :x AND b < :y)"), holds("NOT a < :x OR NOT b < :y"))
		require.Equal(rt, holds("NOT (a < :x OR b < :y)"), holds("a >= :x AND b >= :y"))
		require.NotEqual(rt, holds("a = :x"), holds("a <> :x"))
		require.Equal(rt, holds("a <= :x"), holds("a < :x OR a = :x"))
		require.Equal(rt, holds("a IN (:x, :y)"), holds("a = :x OR a = :y"))
	})
}
