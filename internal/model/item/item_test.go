package item_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
)

const layout = "2006-01-02"

func attributes() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"text":   &types.AttributeValueMemberS{Value: "hello"},
		"empty":  &types.AttributeValueMemberS{},
		"number": &types.AttributeValueMemberN{Value: "7"},
		"large":  &types.AttributeValueMemberN{Value: "1E+30"},
		"day":    &types.AttributeValueMemberS{Value: "2026-02-03"},
		"list":   item.Texts([]string{"a", "b"}),
		"mixed":  &types.AttributeValueMemberL{Value: []types.AttributeValue{item.Text("a"), item.Number(1)}},
	}
}

func TestReadsWhatIsThere(t *testing.T) {
	r := item.Read(attributes())
	require.Equal(t, "hello", r.String("text"))
	require.Equal(t, "", r.String("empty"))
	require.Equal(t, "hello", r.OptionalString("text"))
	require.Equal(t, "", r.OptionalString("absent"))
	require.Equal(t, []string{"a", "b"}, r.OptionalStrings("list"))
	require.Nil(t, r.OptionalStrings("absent"))
	require.Equal(t, int64(7), r.Int("number", 7))
	require.Equal(t, time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC), r.Time("day", layout))
	require.Equal(t, "hello", r.Checked("text", func(s string) bool { return s == "hello" }, "hello"))
	require.Equal(t, "7", string(item.Read(map[string]types.AttributeValue{"j": &types.AttributeValueMemberS{Value: "7"}}).JSON("j")))
	require.NoError(t, r.Err())
}

func TestNamesEveryAttributeThatIsWrong(t *testing.T) {
	r := item.Read(attributes())
	r.String("absent")
	r.String("number")
	r.OptionalString("large")
	r.OptionalStrings("text")
	r.OptionalStrings("mixed")
	r.Int("text", 0)
	r.Int("number", 8)
	r.Int("large", 0)
	r.Time("text", layout)
	r.Time("gone", layout)
	r.Checked("empty", func(s string) bool { return s != "" }, "anything but nothing")
	r.JSON("text")
	r.JSON("nowhere")
	require.EqualError(t, r.Err(), `attribute absent is missing, want a string
attribute number is not a string
attribute large is not a string
attribute text is not a list of strings
attribute mixed is not a list of strings
attribute text is missing or not a number, want a whole number of at least 0
attribute number is "7", want a whole number of at least 8
attribute large is "1E+30", want a whole number of at least 0
attribute text is "hello", want a time such as 2006-01-02
attribute gone is missing, want a string
attribute empty is "", want anything but nothing
attribute text is not JSON text
attribute nowhere is missing, want a string`)
}

func TestTextAndNumber_AreReadBack(t *testing.T) {
	r := item.Read(map[string]types.AttributeValue{"text": item.Text("hello"), "small": item.Number(7), "large": item.Number(int64(1 << 62))})
	require.Equal(t, "hello", r.String("text"))
	require.EqualValues(t, 7, r.Int("small", 0))
	require.EqualValues(t, 1<<62, r.Int("large", 0))
	require.NoError(t, r.Err())
}
