package tenantdata

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/item"
)

// values are attribute values of every type, nested up to a depth.
func values(depth int) *rapid.Generator[types.AttributeValue] {
	number := rapid.StringMatching(`-?[1-9][0-9]{0,37}(\.[0-9]{1,5})?`)
	all := []*rapid.Generator[types.AttributeValue]{
		rapid.Map(rapid.String(), func(v string) types.AttributeValue { return item.Text(v) }),
		rapid.Map(number, func(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(v []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: v} }),
		rapid.Map(rapid.Bool(), func(v bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: v} }),
		rapid.Just[types.AttributeValue](&types.AttributeValueMemberNULL{Value: true}),
		rapid.Map(rapid.SliceOfN(rapid.String(), 1, 3), func(v []string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: v} }),
		rapid.Map(rapid.SliceOfN(number, 1, 3), func(v []string) types.AttributeValue { return &types.AttributeValueMemberNS{Value: v} }),
		rapid.Map(rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 3), func(v [][]byte) types.AttributeValue { return &types.AttributeValueMemberBS{Value: v} }),
	}
	if depth > 0 {
		all = append(all,
			rapid.Map(rapid.SliceOfN(values(depth-1), 0, 3), func(v []types.AttributeValue) types.AttributeValue { return &types.AttributeValueMemberL{Value: v} }),
			rapid.Map(rapid.MapOfN(rapid.String(), values(depth-1), 0, 3), func(v Item) types.AttributeValue { return &types.AttributeValueMemberM{Value: v} }))
	}
	return rapid.OneOf(all...)
}

func TestItemOf_IsTheInverseOfDynamoJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.MapOfN(rapid.String(), values(2), 1, 4).Draw(t, "item")
		encoded, err := DynamoJSON(item)
		require.NoError(t, err)
		text, err := json.Marshal(encoded)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		back, err := itemOf(fields)
		require.NoError(t, err)
		require.Equal(t, Sum(item), Sum(back), "%s", text)
	})
}

func TestItemOf_TakesNothingElse(t *testing.T) {
	for _, field := range []string{`1`, `{}`, `{"S":"a","N":"1"}`, `{"S":1}`, `{"N":1}`, `{"B":"?"}`, `{"BOOL":"true"}`, `{"SS":[1]}`, `{"BS":["?"]}`, `{"L":[1]}`, `{"M":{"a":1}}`, `{"X":"a"}`, `{"X":["a"]}`} {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(fmt.Appendf(nil, `{"a":%s}`, field), &fields))
		_, err := itemOf(fields)
		require.ErrorContains(t, err, "attribute a: ", field)
	}
}
