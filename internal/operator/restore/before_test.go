package restore_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/restore"
)

// A backup of the time before the upgrade has events and outcomes with the index keys of that version.
func TestRestore_PutsWhatTheVersionBeforeHasWrittenIntoItsShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tenant := range []string{"", "acme"} {
			w := newWorld(t)
			w.Map("acme", alpha, 1)
			done, open := w.applied("acme", "done"), w.accepted("acme", "open")
			w.WrittenBefore(alpha, done)
			w.WrittenBefore(alpha, open)
			w.remember()
			w.lose(alpha.DataTable, done.Key(), open.Key())
			w.lose(alpha.ResultsTable, done.Key())

			report, err := w.restoreCell(restore.Options{Tenant: tenant})
			require.NoError(t, err)
			require.Equal(t, restore.Part{Found: 1, PutBack: 1}, report.Outcomes)
			require.Equal(t, restore.Part{Found: 2, PutBack: 2}, report.Events)
			for _, e := range []event.Event{done, open} {
				stored := w.Tables.Item(alpha.DataTable, e.Key())
				require.Equal(t, event.Sharded(stored), stored)
			}
			outcome := w.Tables.Item(alpha.ResultsTable, done.Key())
			require.Equal(t, ledger.Sharded(outcome), outcome)

			w.replay(alpha, "acme")
			require.Equal(t, 1, w.Effects(alpha, done.Key()))
			require.Equal(t, 1, w.Effects(alpha, open.Key()))
		}
	})
}
