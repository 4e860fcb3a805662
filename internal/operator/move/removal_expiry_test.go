package move_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/removal"
)

// keepFor puts an event into a cell's data table that expires in a while.
func (w *world) keepFor(cell, id string, left time.Duration) event.Event {
	e := event.Event{TenantID: tenant, ID: id, Type: "visit", Payload: []byte("1"), Epoch: w.place().Epoch, AcceptedAt: w.now.Add(-24 * time.Hour)}
	e.ExpiresAt = event.Expiry(w.now, left)
	w.db.Put(w.cells[cell].DataTable, e.Item())
	return e
}

// Nobody can apply it any more, so that it holds nothing up; and it is deleted like all else.
func TestRemover_DeletesDataThatHasExpiredWithoutACopyOfIt(t *testing.T) {
	w, remover := removing(t)
	w.keepFor("beta", "expired", 0)
	var files copies
	_, err := remover.Run(t.Context(), tenant, w.fate(&files))
	require.NoError(t, err)
	w.gone()
	require.NotEmpty(t, files.events())
	require.False(t, files.events()["expired"])
}

func TestRemover_CalledOffSendsNoEventWhoseDataHasExpired(t *testing.T) {
	w, remover := removing(t)
	beta := w.cells["beta"]
	beta.Settings.QueueRetention, beta.Settings.DLQRetention = manifest.Duration(96*time.Hour), manifest.Duration(336*time.Hour)
	_, err := remover.Run(t.Context(), tenant, removal.Fate{})
	require.ErrorIs(t, err, removal.ErrHolds)
	expired, gone, live := w.keepFor("beta", "expired", 0), w.keepFor("beta", "gone", 0), w.keepFor("beta", "live", time.Hour)
	for _, e := range []event.Event{expired, gone, live} {
		w.db.Put(beta.ResultsTable, ledger.Of(e, ledger.Diverted, w.now, 90*24*time.Hour).Item())
	}
	w.db.Delete(beta.DataTable, gone.Key())

	_, err = remover.CallOff(t.Context(), tenant)
	require.NoError(t, err)
	require.Len(t, beta.queue, 1)
	require.Equal(t, "live", beta.queue[0].eventID)
	stored, err := event.FromItem(w.db.Item(beta.DataTable, live.Key()))
	require.NoError(t, err)
	require.False(t, stored.ExpiresAt.Before(w.now.Add(18*24*time.Hour)), "it is kept for as long as its message can be on its way")
}
