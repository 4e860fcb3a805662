package move_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/move"
)

func TestMayBackOut_IsRefusedWhereOneWayIsLeft(t *testing.T) {
	for _, c := range []struct {
		move move.Move
		err  error
	}{
		{move.Move{Phase: move.Clone}, nil},
		{move.Move{Phase: move.Flip}, nil},
		{move.Move{Phase: move.Verify}, nil},
		{move.Move{Phase: move.Forget}, move.ErrTooLate},
		{move.Move{Phase: move.GiveBack}, move.ErrBackingOut},
		{move.Move{Phase: move.Clone, BackingOut: true}, move.ErrBackingOut},
		{move.Move{Phase: move.Forget, BackingOut: true}, move.ErrBackingOut},
		{move.Move{Phase: move.Abandon}, move.ErrAbandoning},
		{move.Move{Phase: move.Abandon, BackingOut: true}, move.ErrAbandoning},
	} {
		require.ErrorIs(t, c.move.MayBackOut(), c.err, c.move)
	}
}

func TestStalled_IsAMoveThatKeepsItsTenantWaitingWithNobodyAtWork(t *testing.T) {
	now := time.Now()
	silent := now.Add(-move.HolderTimeout - time.Second)
	for _, c := range []struct {
		move    move.Move
		stalled bool
	}{
		{move.Move{Phase: move.Copy, UpdatedAt: now}, true}, // its mover has let go
		{move.Move{Phase: move.Copy, UpdatedAt: silent, Holder: "host:1"}, true},
		{move.Move{Phase: move.GiveBack, UpdatedAt: silent, Holder: "host:1"}, true},
		{move.Move{Phase: move.Abandon, UpdatedAt: silent, Holder: "host:1"}, true},
		{move.Move{Phase: move.Copy, UpdatedAt: now, Holder: "host:9"}, true}, // its process has ended
		{move.Move{Phase: move.Copy, UpdatedAt: now, Holder: "host:1"}, false},
		{move.Move{Phase: move.Clone, UpdatedAt: silent}, false},    // the old cell works on
		{move.Move{Phase: move.Redirect, UpdatedAt: silent}, false}, // the new cell does
		{move.Move{Phase: move.BackedOut, UpdatedAt: silent}, false},
	} {
		require.Equal(t, c.stalled, c.move.Stalled(now, func(holder string) bool { return holder == "host:9" }), c.move)
	}
}

func TestRedirectEnds_IsAQuarantineAfterAnotherCellServesTheTenant(t *testing.T) {
	flipped, abandoned := time.Unix(1000, 0), time.Unix(2000, 0)
	for _, c := range []struct {
		move move.Move
		ends time.Time
	}{
		{move.Move{Phase: move.Copy}, time.Time{}},
		{move.Move{Phase: move.Redirect, FlippedAt: flipped}, flipped.Add(time.Minute)},
		{move.Move{Phase: move.Abandon, FlippedAt: flipped}, flipped.Add(time.Minute)},
		{move.Move{Phase: move.Abandon, AbandonedAt: abandoned}, abandoned.Add(time.Minute)},
		{move.Move{Phase: move.Abandon, FlippedAt: flipped, AbandonedAt: abandoned}, abandoned.Add(time.Minute)},
		{move.Move{Phase: move.Done, FlippedAt: flipped, AbandonedAt: abandoned}, flipped.Add(time.Minute)},
	} {
		require.Equal(t, c.ends, c.move.RedirectEnds(time.Minute), c.move)
	}
}

func TestFinishableAt_IsTheLastOfTheMovesThatAreNotOver(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	require.Zero(t, move.FinishableAt([]move.Move{{Phase: move.Copy}, {Phase: move.Done, FlippedAt: at(9)}}, time.Minute))
	require.Equal(t, at(65), move.FinishableAt([]move.Move{
		{Phase: move.Redirect, FlippedAt: at(5)}, {Phase: move.Redirect, FlippedAt: at(3)}, {Phase: move.Done, FlippedAt: at(9)}, {Phase: move.Clone},
	}, time.Minute))
}

func TestInto_HasTheMovesThatMayBringATenant(t *testing.T) {
	into := move.Into([]move.Move{
		{TenantID: "comes", From: "c1", To: "c2", Phase: move.Clone},
		{TenantID: "has-come", From: "c1", To: "c2", Phase: move.Redirect},
		{TenantID: "comes-back", From: "c3", To: "c2", Phase: move.Copy, BackingOut: true},
		{TenantID: "stays", From: "c1", To: "c2", Phase: move.GiveBack},
		{TenantID: "stays-without", From: "c1", To: "c2", Phase: move.Abandon, Abandoned: "c2"},
		{TenantID: "comes-without", From: "c1", To: "c2", Phase: move.Abandon, Abandoned: "c1"},
		{TenantID: "leaves", From: "c2", To: "c1", Phase: move.Clone},
	}, "c2")
	var tenants []string
	for _, m := range into {
		tenants = append(tenants, m.TenantID)
	}
	require.Equal(t, []string{"comes", "has-come", "comes-back", "comes-without"}, tenants)
}

func TestLatest_IsTheOpenMoveOrElseTheNewest(t *testing.T) {
	require.Equal(t, int64(4), move.Latest([]move.Move{{Epoch: 4, Phase: move.Clone}, {Epoch: 3, Phase: move.Reversed}}).Epoch)
	require.Equal(t, int64(3), move.Latest([]move.Move{{Epoch: 4, Phase: move.Done}, {Epoch: 3, Phase: move.Forget}}).Epoch)
	require.Equal(t, int64(4), move.Latest([]move.Move{{Epoch: 4, Phase: move.Done}, {Epoch: 3, Phase: move.BackedOut}}).Epoch)
}
