package demo

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
)

func TestCellState_TakesNoIncompleteOutcome(t *testing.T) {
	outcome := func() map[string]types.AttributeValue {
		return map[string]types.AttributeValue{
			event.AttrKey: item.Text("acme#e-1"), ledger.AttrStatus: item.Text(string(ledger.Processed)),
			ledger.AttrAppliedAt: item.Text("2026-03-04T05:06:07.008Z"), event.AttrEpoch: item.Number(int64(3)),
		}
	}
	add := func(attributes map[string]types.AttributeValue) (*cellState, error) {
		s := emptyState()
		return s, s.addResult(attributes)
	}
	s, err := add(outcome())
	require.NoError(t, err)
	require.EqualValues(t, 3, s.Epochs["acme#e-1"])
	for _, name := range []string{ledger.AttrAppliedAt, event.AttrEpoch} {
		incomplete := outcome()
		delete(incomplete, name)
		_, err := add(incomplete)
		require.ErrorContains(t, err, name)
	}
	s, err = add(map[string]types.AttributeValue{event.AttrKey: item.Text("#basket#acme")})
	require.NoError(t, err, "an item of the business logic")
	require.Empty(t, s.Processed)
}
