package move_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/move"
)

func TestAMoveTakesEverythingAlong(t *testing.T) {
	w := newWorld(t)
	r := &router{}
	for i := range 20 {
		w.send(r, fmt.Sprintf("e-%d", i), "visit")
	}
	w.quiesce()
	stale := *r
	for i := range 5 {
		w.send(r, fmt.Sprintf("in-flight-%d", i), "visit")
	}
	m := w.mover(&hooks{})
	started, err := m.Start(t.Context(), tenant, "beta")
	require.NoError(t, err)
	require.Equal(t, move.Clone, started.Phase)

	flipped, err := m.Run(t.Context(), tenant, move.Redirect)
	require.NoError(t, err)
	require.Equal(t, move.Redirect, flipped.Phase)
	require.Equal(t, "beta", w.place().CellID)
	w.send(&stale, "late", "visit")
	require.NotNil(t, w.cells["alpha"].stream)

	w.quiesce()
	done, err := m.Run(t.Context(), tenant, "")
	require.NoError(t, err)
	require.Equal(t, move.Done, done.Phase)
	w.quiesce()
	w.settled()
	require.Equal(t, "beta", w.place().CellID)
	require.Equal(t, int64(2), w.place().Epoch)
	t.Logf("%+v", done)
	_, err = m.Get(context.Background(), tenant)
	require.ErrorIs(t, err, move.ErrNoMove)
}
