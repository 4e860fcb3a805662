package demo

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/move"
)

// What is called copied is what MOVED IN counts.
func TestCopied_TellsWhatTheNewCellHadAlready(t *testing.T) {
	c := move.Counts{Events: 9, Outcomes: 8, SameEvents: move.Comparison{Items: 9}}
	require.Equal(t, "9 events copied, with 8 outcomes", copied(c, "beta"))
	c.SameEvents.Items = 10
	require.Equal(t, "9 events copied, with 8 outcomes, beside 1 sent again that beta had accepted itself", copied(c, "beta"))
}
