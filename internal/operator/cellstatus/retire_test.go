package cellstatus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/placement"
)

func TestMayRetire_IsRefusedWhileTheCellHasAnything(t *testing.T) {
	for name, c := range map[string]struct {
		tenants int
		status  cellstatus.Status
	}{
		"a tenant":                    {1, cellstatus.Status{}},
		"a message":                   {0, cellstatus.Status{Queue: cellstatus.Depth{Visible: 1}}},
		"one that is being processed": {0, cellstatus.Status{Queue: cellstatus.Depth{InFlight: 1}}},
		"one that is delayed":         {0, cellstatus.Status{Queue: cellstatus.Depth{Delayed: 1}}},
		"one in the stream DLQ":       {0, cellstatus.Status{StreamDLQ: cellstatus.Depth{Visible: 1}}},
		"one in the subscription DLQ": {0, cellstatus.Status{SubscriptionDLQ: cellstatus.Depth{Visible: 1}}},
		"one in the consumer DLQ":     {0, cellstatus.Status{ConsumerDLQ: cellstatus.Depth{Visible: 1}}},
		"a diverted event":            {0, cellstatus.Status{Waiting: cellstatus.Waiting{Total: 1}}},
	} {
		for _, status := range []placement.Status{placement.Active, placement.Draining} {
			err := cellstatus.MayRetire(placement.CellState{Status: status, Tenants: c.tenants}, c.status)
			left, ok := errors.AsType[*cellstatus.NotEmptyError](err)
			require.True(t, ok, "%s: %v", name, err)
			require.Equal(t, cellstatus.NotEmptyError{Tenants: c.tenants, Status: c.status}, *left, name)
		}
	}
}

func TestMayRetire_NeedsAnEmptyCellToBeDrained(t *testing.T) {
	empty := cellstatus.Status{AppliedAt: time.Now()}
	require.ErrorIs(t, cellstatus.MayRetire(placement.CellState{Status: placement.Active}, empty), cellstatus.ErrActive)
	require.NoError(t, cellstatus.MayRetire(placement.CellState{Status: placement.Draining}, empty))
	require.NoError(t, cellstatus.MayRetire(placement.CellState{Status: placement.Retired}, empty))
}
