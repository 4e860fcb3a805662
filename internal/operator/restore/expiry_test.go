package restore_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/restore"
	"cellular/internal/testkit/resendtest"
)

func TestRestore_LeavesAnEventAloneWhoseDataHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		expired := w.Accept(alpha, "acme", "expired", 1, resendtest.DataTTL-30*time.Second)
		live := w.Accept(alpha, "acme", "live", 1, resendtest.DataTTL-time.Hour)
		w.remember()
		w.lose(alpha.DataTable, expired.Key(), live.Key())
		report, err := w.restoreCell(restore.Options{})
		require.NoError(t, err)
		require.Equal(t, map[restore.Reason]int{restore.Expired: 1}, report.Events.LeftAlone)
		require.Nil(t, w.Tables.Item(alpha.DataTable, expired.Key()))
		require.NotNil(t, w.Tables.Item(alpha.DataTable, live.Key()))
		require.Equal(t, 1, report.Unsettled)
		require.Zero(t, report.Again(), "no later run puts it back")
	})
}

// An id was used again, and the ledger has the outcome of the earlier acceptance, or had it at the time.
func TestRestore_TakesNoOutcomeOfAnEarlierAcceptanceForTheEvents(t *testing.T) {
	for name, deleted := range map[string]bool{"the ledger has it": false, "the ledger has lost it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.Map("acme", alpha, 1)
				earlier := w.Accept(alpha, "acme", "e", 1, resendtest.DataTTL)
				w.Outcome(alpha, earlier, ledger.Processed, 0)
				later := w.AcceptAgain(alpha, earlier)
				w.remember()
				w.lose(alpha.DataTable, later.Key())
				if deleted {
					w.lose(alpha.ResultsTable, later.Key())
				}
				report, err := w.restoreCell(restore.Options{})
				require.NoError(t, err)
				require.Equal(t, 1, report.Events.PutBack)
				require.Equal(t, []any{1, later.AcceptedAt}, []any{report.Unsettled, report.Oldest}, "a replay is to send it")
				stored, err := event.FromItem(w.Tables.Item(alpha.DataTable, later.Key()))
				require.NoError(t, err)
				require.Equal(t, later.ExpiresAt, stored.ExpiresAt)

				w.replay(alpha, "acme")
				require.Equal(t, []int{0, 1}, []int{w.EffectsOf(alpha, earlier), w.EffectsOf(alpha, later)})
			})
		})
	}
}
