package move_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
)

// recordedBefore names the phase of the work that is given back as the version before did.
func (w *world) recordedBefore(t *testing.T) {
	t.Helper()
	found := 0
	for _, stored := range w.db.Items(stack.MoveTable()) {
		if phase, ok := stored["phase"].(*types.AttributeValueMemberS); ok && phase.Value == "give-back" {
			stored["phase"] = item.Text("restore")
			w.db.Put(stack.MoveTable(), stored)
			found++
		}
	}
	require.Equal(t, 1, found)
}

func TestMover_GoesOnWithAMoveThatTheVersionBeforeBacksOut(t *testing.T) {
	for name, goOn := range map[string]func(*move.Mover, context.Context, string, move.Phase) (move.Move, error){
		"run": (*move.Mover).Run, "back out": (*move.Mover).BackOut,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.toPhase(t, move.GiveBack, false)
			w.recordedBefore(t)
			m := w.mover(&hooks{})
			open, err := m.Get(t.Context(), tenant)
			require.NoError(t, err)
			require.Equal(t, move.GiveBack, open.Phase)
			ended, err := goOn(m, t.Context(), tenant, "")
			require.NoError(t, err)
			require.Equal(t, move.BackedOut, ended.Phase)
			require.Equal(t, "alpha", w.place().CellID)
		})
	}
}

func TestRemover_GoesOnWithARemovalThatTheVersionBeforeCallsOff(t *testing.T) {
	w, remover := removing(t)
	h := &hooks{}
	h.before = func() error {
		if now, err := remover.Get(context.Background(), tenant); err == nil && now.Phase == removal.GiveBack {
			return errDied
		}
		return nil
	}
	_, err := w.remover(h).CallOff(t.Context(), tenant)
	require.ErrorIs(t, err, errDied)
	w.recordedBefore(t)
	ended, err := remover.Run(t.Context(), tenant, removal.Fate{})
	require.NoError(t, err)
	require.Equal(t, removal.CalledOff, ended.Phase)
	require.Zero(t, w.place().Removing)
}
