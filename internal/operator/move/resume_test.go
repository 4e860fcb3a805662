package move_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/operator/move"
	"cellular/internal/operator/record"
)

// begun begins moves of a site's tenants, and returns their names.
func (s *site) begun(tenants int) []string {
	var names []string
	for i := range tenants {
		names = append(names, fmt.Sprintf("tenant-%d", i))
		_, err := s.mover().Start(s.Context(), names[i], "beta")
		require.NoError(s, err)
	}
	return names
}

// resumption carries on moves of which none fails or is in other hands.
func (s *site) resumption(tenants ...string) move.Resumption {
	return move.Resumption{
		Tenants: tenants, Parallel: 2,
		Waiting: func(err error) { require.Fail(s, "waits", "%v", err) },
		Explain: func(_ string, err error) error { return err },
	}
}

// touched is how another process works on the open moves: it shows that it is alive.
func (s *site) touched(by string) {
	for _, found := range s.db.Items(stack.MoveTable()) {
		if found[controltables.AttrOpen] != nil {
			found[record.AttrHolder], found["updated_at"] = item.Text(by), item.Text(event.FormatTime(s.time()))
			s.db.Put(stack.MoveTable(), found)
		}
	}
}

func TestResume_HasAllMovesWaitAtATime(t *testing.T) {
	s := newSite(t, 5)
	tenants := s.begun(5)
	began := s.time()
	for i, r := range s.mover().Resume(t.Context(), s.resumption(tenants...)) {
		require.NoError(t, r.Err)
		require.Equal(t, tenants[i], r.TenantID)
		require.Equal(t, move.Done, r.Move.Phase)
	}
	require.WithinRange(t, s.time(), began.Add(quarantine), began.Add(2*quarantine))
	require.Zero(t, s.tenants("alpha"))
}

func TestResume_LeavesMovesThatAreServedByTheirNewCells(t *testing.T) {
	s := newSite(t, 2)
	r := s.resumption(s.begun(2)...)
	r.Until = move.Redirect
	began := s.time()
	for _, r := range s.mover().Resume(t.Context(), r) {
		require.NoError(t, r.Err)
		require.Equal(t, move.Redirect, r.Move.Phase)
	}
	require.Less(t, s.time().Sub(began), quarantine)
}

func TestResume_GoesOnPastAMoveThatFailsAndExplainsIt(t *testing.T) {
	s := newSite(t, 2)
	explained := errors.New("explained")
	r := s.resumption(append([]string{"nobody"}, s.begun(2)...)...)
	r.Explain = func(tenant string, err error) error {
		require.Equal(t, "nobody", tenant)
		require.ErrorIs(t, err, move.ErrNoMove)
		return explained
	}
	results := s.mover().Resume(t.Context(), r)
	require.Equal(t, move.Resumed{TenantID: "nobody", Err: explained}, results[0])
	for _, r := range results[1:] {
		require.NoError(t, r.Err)
		require.Equal(t, move.Done, r.Move.Phase)
	}
}

func TestResume_TakesAMoveOverFromAProcessThatDied(t *testing.T) {
	s := newSite(t, 1)
	r := s.resumption(s.begun(1)...)
	s.touched("host:1")
	var waits []error
	r.Waiting = func(err error) { waits = append(waits, err) }
	m := s.mover()
	m.Gone = func(string) bool { return false }
	results := m.Resume(t.Context(), r)
	require.Len(t, waits, 1, "it is said once")
	require.ErrorIs(t, waits[0], move.ErrHeld)
	require.NoError(t, results[0].Err)
	require.Equal(t, move.Done, results[0].Move.Phase)
}

func TestResume_GivesUpAMoveThatALiveProcessDoesNotGetOnWith(t *testing.T) {
	s := newSite(t, 1)
	r := s.resumption(s.begun(1)...)
	r.Waiting = func(error) {}
	s.touched("host:1")
	m := s.mover()
	m.Gone = func(string) bool { return false }
	sleep, began := m.Sleep, s.time()
	m.Sleep = func(ctx context.Context, d time.Duration) error {
		err := sleep(ctx, d)
		s.touched("host:1")
		return err
	}
	results := m.Resume(t.Context(), r)
	require.ErrorIs(t, results[0].Err, move.ErrHeld)
	require.Greater(t, s.time().Sub(began), 5*time.Minute, "the other one may be slow")
}

func TestResume_TakesForDoneWhatAnotherProcessHasFinished(t *testing.T) {
	for name, c := range map[string]struct {
		finish time.Duration // before the Resumption began
		epoch  int64         // that the index showed
		err    error
	}{
		"since it began":              {-time.Minute, 0, nil},
		"since the index showed it":   {time.Minute, 2, nil},
		"long ago":                    {time.Minute, 0, move.ErrNoMove},
		"long ago, and another began": {time.Minute, 3, move.ErrNoMove},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, 1)
			r := s.resumption(s.begun(1)...)
			_, err := s.mover().Run(t.Context(), "tenant-0", "")
			require.NoError(t, err)
			finished := s.time()
			r.Epochs = map[string]int64{"tenant-0": c.epoch}
			m := s.mover()
			m.Now = func() time.Time { return finished.Add(c.finish) }
			results := m.Resume(t.Context(), r)
			require.ErrorIs(t, results[0].Err, c.err)
			if c.err == nil {
				require.Equal(t, move.Done, results[0].Move.Phase)
			}
		})
	}
}

func TestResume_LeavesOutWhoseTurnHadNotCome(t *testing.T) {
	s := newSite(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Empty(t, s.mover().Resume(ctx, s.resumption(s.begun(1)...)))
}
