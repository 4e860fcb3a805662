package move_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
)

// attempts are what a cell has of the failed attempts at an event.
func (w *world) attempts(cell, id string) ledger.Attempts {
	a, err := ledger.AttemptsFromItem(w.db.Item(w.cells[cell].ResultsTable, ledger.AttemptsKey(tenant, id)))
	require.NoError(w, err)
	return a
}

// A tenant moves with an event that failed: the event and its outcome come along, with the text and the id of the request, and the
// attempts stay where they were made. A removal finds them there.
func TestMover_LeavesFailedAttemptsBehind(t *testing.T) {
	w := newWorld(t)
	fresh := &router{}
	w.send(fresh, "visit", "visit")
	w.send(fresh, "poison", "poison")
	w.quiesce()
	left := w.attempts("alpha", "poison")
	require.Positive(t, left.Failures)
	require.Equal(t, "panic: poison", left.Latest[0].ReasonText)
	failed := ledger.Peek(w.db.Item(w.cells["alpha"].ResultsTable, event.Key(tenant, "poison")))
	require.Equal(t, "panic: poison", failed.ReasonText)
	stored := w.db.Item(w.cells["alpha"].DataTable, event.Key(tenant, "poison"))
	stored[event.AttrCorrelationID] = item.Text("client-42")
	w.db.Put(w.cells["alpha"].DataTable, stored)

	mover := w.mover(&hooks{})
	_, err := mover.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	_, err = mover.Run(context.Background(), tenant, "")
	require.NoError(t, err)
	w.refresh(fresh)
	w.quiesce()
	w.settled()
	require.Equal(t, left, w.attempts("alpha", "poison"))
	require.Equal(t, failed, ledger.Peek(w.db.Item(w.cells["beta"].ResultsTable, event.Key(tenant, "poison"))))
	require.Equal(t, "client-42", event.CorrelationIDOf(w.db.Item(w.cells["beta"].DataTable, event.Key(tenant, "poison"))))

	w.suspend()
	remover := w.remover(&hooks{})
	_, err = remover.Start(t.Context(), tenant)
	require.NoError(t, err)
	_, err = remover.Run(t.Context(), tenant, w.fate(&copies{}))
	require.NoError(t, err)
	w.gone()
}
