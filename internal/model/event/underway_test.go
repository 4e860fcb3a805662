package event_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
)

func TestUnderWay_IsWhatSaysSoUntilItsTime(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	outcome := func(by string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{event.AttrFailedBy: item.Text(by)}
	}
	require.True(t, event.UnderWay(outcome(event.FormatTime(now.Add(time.Second))), now))
	require.False(t, event.UnderWay(outcome(event.FormatTime(now)), now))
	require.False(t, event.UnderWay(outcome("soon"), now))
	require.False(t, event.UnderWay(map[string]types.AttributeValue{}, now))
	require.False(t, event.UnderWay(nil, now))
}
