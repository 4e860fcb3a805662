package restore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/restore"
	"cellular/internal/testkit/dynamotest"
)

func TestRestorer_GetsOverEveryDocumentedFault(t *testing.T) {
	dynamotest.EveryFault(t, func(t *testing.T) dynamotest.Scenario {
		w := newWorld(t)
		w.Map("acme", alpha, 1)
		done, open := w.applied("acme", "done"), w.accepted("acme", "open")
		w.remember()
		before := w.items(alpha.DataTable, alpha.ResultsTable)
		w.lose(alpha.DataTable, done.Key(), open.Key())
		w.lose(alpha.ResultsTable, done.Key(), "#effects#"+done.Key())
		return dynamotest.Scenario{
			DB: w.Tables,
			Act: func() error {
				_, err := w.restoreCell(restore.Options{})
				return err
			},
			Done: func() {
				after := w.items(alpha.DataTable, alpha.ResultsTable)
				require.Len(t, after, len(before))
				w.replay(alpha, "acme")
				require.Equal(t, 1, w.Effects(alpha, done.Key()))
				require.Equal(t, 1, w.Effects(alpha, open.Key()))
			},
		}
	})
}
