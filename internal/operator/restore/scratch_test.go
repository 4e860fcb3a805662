package restore_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/restore"
)

func TestATableThatCannotBeRestoredIsRefusedWithTheWindow(t *testing.T) {
	w := newWorld(t)
	w.recovery.From, w.recovery.To = w.at.Add(time.Hour), w.at.Add(2*time.Hour)
	_, err := w.restoreCell(restore.Options{})
	require.ErrorIs(t, err, restore.ErrUnavailable)
	require.ErrorContains(t, err, "restore table "+alpha.DataTable+": ")
	require.ErrorContains(t, err, "it can be restored to times from 2026-03-04T06:06:07Z to 2026-03-04T07:06:07Z; AWS says: InvalidRestoreTimeException")

	w.recovery.Off = true
	_, err = w.restoreCell(restore.Options{})
	require.ErrorIs(t, err, restore.ErrUnavailable)
	require.ErrorContains(t, err, "its point-in-time recovery is off; AWS says: PointInTimeRecoveryUnavailableException")
	require.Empty(t, w.recovery.Scratch())

	_, err = w.restorer().Prepare(t.Context(), w.at, nil, strings.Repeat("x", 240))
	require.ErrorIs(t, err, restore.ErrUnavailable)
	require.ErrorContains(t, err, "is 8 characters too long")
}

func TestScratchTablesAreWaitedForAndFoundAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.recovery.Slow = 5
		ctx, cancel := context.WithCancel(t.Context())
		looks := 0
		_, err := w.restorer().Prepare(ctx, w.at, func(all []restore.Scratch) {
			require.Len(t, all, 2)
			if looks++; looks == 3 {
				cancel()
			}
		}, alpha.DataTable, alpha.ResultsTable)
		require.ErrorIs(t, err, context.Canceled)

		scratch, err := w.restorer().Prepare(t.Context(), w.at, nil, alpha.DataTable, alpha.ResultsTable)
		require.NoError(t, err)
		require.True(t, scratch[0].Ready && scratch[1].Ready)
		require.Equal(t, []string{alpha.DataTable, alpha.ResultsTable}, w.recovery.Restored(), "each once")
		require.Equal(t, alpha.DataTable+"-restore-20260304050607", scratch[0].Name)
	})
}
