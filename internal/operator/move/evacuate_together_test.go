package move_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/record"
	"cellular/internal/testkit/dynamotest"
)

// process is one that evacuates a cell. In synctest's time each of its calls takes a while, so that several interleave.
type process struct {
	*move.Mover
	evacuation move.Evacuation
	at         func(n int) error
	calls      atomic.Int64

	seen   []move.EvacuationProgress
	result move.EvacuationProgress
	err    error
}

// acting is the key of the process that a call is of, in its context.
type acting struct{}

// process returns one of the name. at is called, by any number at a time, before its nth call.
func (s *site) process(name string, at func(n int) error) *process {
	s.db.Intercept = func(ctx context.Context, _ dynamotest.Call) error {
		if p, ok := ctx.Value(acting{}).(*process); ok {
			time.Sleep(time.Duration(rand.N(20)) * time.Millisecond)
			return p.at(int(p.calls.Add(1)))
		}
		return nil
	}
	p := &process{at: at}
	o := s.mover().Options
	o.Holder, o.Gone = name, nil
	o.Now, o.Sleep, o.IndexSettle = nil, nil, 2*time.Second
	p.Mover = move.New(o)
	p.evacuation = s.evacuation()
	p.evacuation.Observe = func(now move.EvacuationProgress) { p.seen = append(p.seen, now) }
	return p
}

// as returns a context in which calls are the process's.
func (s *site) as(p *process) context.Context { return context.WithValue(s.Context(), acting{}, p) }

func fine(int) error { return nil }

// evacuate has the processes evacuate alpha at a time.
func (s *site) evacuate(all ...*process) {
	var group sync.WaitGroup
	for _, p := range all {
		group.Go(func() { p.result, p.err = p.Evacuate(s.as(p), p.evacuation) })
	}
	group.Wait()
}

// emptied checks that every tenant of alpha has come out by one move.
func (s *site) emptied(tenants int) {
	s.Helper()
	require.Zero(s, s.tenants("alpha"))
	require.Equal(s, tenants, s.tenants("beta")+s.tenants("gamma"))
	for i := range tenants {
		moves, err := s.mover().History(s.Context(), fmt.Sprintf("tenant-%d", i))
		require.NoError(s, err)
		require.Len(s, moves, 1)
		require.Equal(s, move.Done, moves[0].Phase)
	}
}

// succeeded checks that a process says that all came out.
func (p *process) succeeded(t *testing.T, tenants int) {
	t.Helper()
	require.NoError(t, p.err, "%v", p.result.Failed)
	require.Equal(t, move.EvacuationProgress{Total: p.result.Total, Served: p.result.Total, Ended: p.result.Total, Failed: map[string]error{}}, p.result)
	require.LessOrEqual(t, p.result.Total, tenants)
}

func TestEvacuate_SeveralAtATimeAllSucceed(t *testing.T) {
	for _, processes := range []int{2, 3} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, 10)
				var all []*process
				for i := range processes {
					all = append(all, s.process(fmt.Sprint("host:", i), fine))
				}
				s.evacuate(all...)
				waited := false
				for _, p := range all {
					p.succeeded(t, 10)
					require.Equal(t, 10, p.result.Total)
					waited = waited || slices.ContainsFunc(p.seen, func(now move.EvacuationProgress) bool { return now.Others > 0 })
				}
				require.True(t, waited, "they got into each other's way")
				s.emptied(10)
			})
		})
	}
}

// One process is killed at each of some calls, with what it was at work on; the others wait until it is taken to be dead.
func TestEvacuate_GoesOnWhereAnotherIsKilled(t *testing.T) {
	for at := 20; at < 400; at += 40 {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, 6)
			killed := s.process("host:1", func(n int) error {
				if n >= at {
					return errDied
				}
				return nil
			})
			all := []*process{s.process("host:2", fine), s.process("host:3", fine)}
			s.evacuate(append(all, killed)...)
			for _, p := range all {
				p.succeeded(t, 6)
			}
			s.emptied(6)
		})
	}
}

// One process is frozen at each of some calls, for longer than it takes to be taken for dead. It finds what it was at work
// on taken over, or done, and says so.
func TestEvacuate_SucceedsWhereAnotherTookOver(t *testing.T) {
	for at := 20; at < 400; at += 40 {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, 6)
			frozen := s.process("host:1", func(n int) error {
				if n >= at && n < at+3 { // the three that it works on at a time
					time.Sleep(10 * time.Minute)
				}
				return nil
			})
			other := s.process("host:2", fine)
			s.evacuate(frozen, other)
			frozen.succeeded(t, 6)
			other.succeeded(t, 6)
			s.emptied(6)
		})
	}
}

func TestEvacuate_LeavesToAnotherWhatThatDoesNotGetOnWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 3)
		p := s.process("host:1", fine)
		started, err := p.Start(t.Context(), "tenant-1", "beta")
		require.NoError(t, err)
		stop := s.holds(started, "host:9")
		s.evacuate(p)
		require.ErrorContains(t, p.err, "1 of 3 tenants did not come out")
		require.ErrorIs(t, p.result.Failed["tenant-1"], move.ErrHeld)
		require.ErrorContains(t, p.result.Failed["tenant-1"], "host:9; the move has been in phase clone for 5m")
		require.Equal(t, 2, p.result.Ended)
		require.Zero(t, p.result.Others)

		// Once that process has ended, the next one is done soon.
		stop()
		p = s.process("host:2", fine)
		s.evacuate(p)
		require.NoError(t, p.err)
		s.emptied(3)
	})
}

// holds has a process be alive and at work on a move, and do nothing.
func (s *site) holds(m move.Move, holder string) (stop func()) {
	ctx, cancel := context.WithCancel(s.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			stored := s.db.Item(stack.MoveTable(), m.TenantID, fmt.Sprint(m.Epoch))
			stored[record.AttrHolder] = item.Text(holder)
			stored["updated_at"] = item.Text(time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
			s.db.Put(stack.MoveTable(), stored)
			select {
			case <-time.After(record.TouchEvery):
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// A tenant that fails in one process, and comes out by another, did come out.
func TestEvacuate_ReportsWhatIsTrueAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 4)
		poor, able := s.process("host:1", fine), s.process("host:2", fine)
		choose := poor.evacuation.Choose
		poor.evacuation.Choose = func(ctx context.Context, m mapping.Mapping) (string, error) {
			if m.TenantID == "tenant-2" {
				return "", errors.New("nowhere to go")
			}
			return choose(ctx, m)
		}
		s.evacuate(poor, able)
		poor.succeeded(t, 4)
		able.succeeded(t, 4)
		s.emptied(4)
	})
}

// What the index shows of a tenant may be long over: it is moved out of the cell that is evacuated, and of no other.
func TestEvacuate_MovesNobodyOutOfAnotherCell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 3)
		first := s.process("host:1", fine)
		late := s.process("host:2", fine)
		var listed []mapping.Mapping
		late.evacuation.Page = func(context.Context, string) ([]mapping.Mapping, string, error) { return listed, "", nil }
		page, _, err := s.store.Page(t.Context(), "alpha", "", 10)
		require.NoError(t, err)
		listed = page
		s.evacuate(first)
		s.evacuate(late)
		late.succeeded(t, 3)
		s.emptied(3)
	})
}

// A move that somebody takes back while the cell is evacuated leaves its tenant there: it is moved once more.
func TestEvacuate_MovesATenantOnceMoreThatWasTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2)
		p := s.process("host:1", fine)
		_, err := p.Start(t.Context(), "tenant-0", "beta")
		require.NoError(t, err)
		back := s.process("host:2", func(int) error {
			if m, err := s.mover().Get(context.Background(), "tenant-0"); err == nil && m.Phase == move.GiveBack {
				return errDied
			}
			return nil
		})
		_, err = back.BackOut(s.as(back), "tenant-0", "")
		require.ErrorIs(t, err, errDied)
		s.evacuate(p)
		require.NoError(t, p.err)
		require.Zero(t, s.tenants("alpha"))
		require.Equal(t, 2, p.result.Ended)
	})
}
